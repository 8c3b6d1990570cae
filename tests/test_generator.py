"""Test what noise does to the logits of a generator."""

import numpy as np
import pytest
import torch
from backbones import every_network

from seqgan_gp.models.generator import GeneratorNetwork


@pytest.mark.parametrize("noise, position_noise", [(8, 0), (0, 3), (8, 3)])
def test_generator_gives_logits_of_the_whole_sequence(noise, position_noise):
    generator = GeneratorNetwork(vocabulary=11, length=6, noise=noise, position_noise=position_noise, width=5, kernel=3)
    z = generator.sample_noise(4, np.random.default_rng(0))
    logits = generator(z)
    assert z.shape == (4, noise + 6 * position_noise) and logits.shape == (4, 6, 11)
    assert not torch.allclose(logits[0], logits[1])
    # Noise of one position moves only what the convolutions see of it (2 blocks of 2 convolutions of kernel 3: 4
    # positions).
    if position_noise:
        z2 = z.clone()
        z2[:, noise : noise + position_noise] += 1
        moved = (generator(z2) - logits).abs().sum(-1) > 1e-6
        assert moved[:, 0].all() and not moved[:, 5].any()


@every_network
def test_noise_reaches_every_position(options):
    torch.manual_seed(0)
    narrow = {} if "backbone" in options else {"kernel": 1}
    generator = GeneratorNetwork(vocabulary=11, length=6, noise=9, position_noise=2, width=8, **narrow, **options)
    z = generator.sample_noise(4, np.random.default_rng(0)).requires_grad_()
    logits = generator(z)
    assert logits.shape == (4, 6, 11)
    for position in range(6):
        (slope,) = torch.autograd.grad(logits[:, position].square().sum(), z, retain_graph=True)
        own = slope[:, 9:].unflatten(1, (6, 2))
        assert (slope[:, :9].abs().sum(1) > 0).all() and (own[:, position].abs().sum(1) > 0).all()
        # Attention, recurrence both ways and the statistics of an instance see the noise of all positions.
        seen = (own.abs().sum(-1) > 0).all(0)
        assert seen.sum() == (6 if "backbone" in options or options.get("norm") == "instance" else 1)


@every_network
def test_a_generated_sequence_does_not_depend_on_the_rest_of_the_batch(options):
    torch.manual_seed(0)
    generator = GeneratorNetwork(vocabulary=11, length=6, width=8, **options).double()
    z = torch.randn(5, generator.noise_size, dtype=torch.float64)
    torch.testing.assert_close(generator(z)[2:3], generator(z[2:3]))


def test_positions_are_told_apart_without_shared_noise():
    generator = GeneratorNetwork(vocabulary=11, length=12, noise=0, position_noise=2, width=5, kernel=1)
    noise = torch.ones(1, generator.noise_size)  # the same at each, and no convolution sees the edges
    assert generator(noise)[0].unique(dim=0).shape[0] == 1
    torch.nn.init.normal_(generator.positions)
    assert generator(noise)[0].unique(dim=0).shape[0] == 12


def test_generator_without_noise_is_refused():
    with pytest.raises(ValueError, match="noise"):
        GeneratorNetwork(vocabulary=11, length=6, noise=0)


@pytest.mark.parametrize("shape", [(2, 15), (2, 17), (16,), (2, 8, 16)])
def test_noise_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"noise \(B, 16\) is needed"):
        GeneratorNetwork(20, 8, noise=16)(torch.randn(shape))
