"""Shapes, contracts, derivatives and relaxations."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from seqgan_gp.models.critic import Critic
from seqgan_gp.models.generator import Generator
from seqgan_gp.models.layers import Conv1d, ReLU, ResidualBlock, Windows
from seqgan_gp.models.relaxations import RELAXATIONS, relaxation, sample_ids


def test_relu_is_relu_and_so_are_its_derivatives():
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ReLU()(x), torch.relu(x))
    assert gradcheck(ReLU(), x) and gradgradcheck(ReLU(), x)


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_conv1d_is_the_convolution_of_torch(kernel, length):
    ours, torchs = Conv1d(4, 6, kernel), nn.Conv1d(4, 6, kernel, padding=kernel // 2)
    with torch.no_grad():
        torchs.weight.copy_(ours.weight.unflatten(1, (kernel, 4)).transpose(1, 2))
        torchs.bias.copy_(ours.bias)
    x = torch.randn(3, length, 4)
    torch.testing.assert_close(ours(x), torchs(x.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_windows_and_their_derivatives_agree_with_finite_differences(length):
    x = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(Windows.apply, (x, 5)) and gradgradcheck(Windows.apply, (x, 5))


@pytest.mark.parametrize("length", [1, 2, 6])
def test_second_derivatives_of_the_block_agree_with_finite_differences(length):
    torch.manual_seed(0)
    block = ResidualBlock(3, 3).double()
    x = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(block, x) and gradgradcheck(block, x)


def test_second_derivatives_of_the_critic_agree_with_finite_differences():
    torch.manual_seed(0)
    critic = Critic(vocabulary=5, length=4, embedding=3, width=4, blocks=2).double()
    soft = torch.randn(2, 4, 5, dtype=torch.float64).softmax(-1).requires_grad_()
    assert gradcheck(critic, soft) and gradgradcheck(critic, soft)


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        Conv1d(2, 2, 4)


@pytest.mark.parametrize("noise, position_noise", [(8, 0), (0, 3), (8, 3)])
def test_generator_gives_logits_of_the_whole_sequence(noise, position_noise):
    generator = Generator(vocabulary=11, length=6, noise=noise, position_noise=position_noise, width=5, kernel=3)
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


def test_positions_are_told_apart_without_shared_noise():
    generator = Generator(vocabulary=11, length=12, noise=0, position_noise=2, width=5)
    torch.nn.init.normal_(generator.positions)
    logits = generator(torch.ones(1, generator.noise_size))
    assert not torch.allclose(logits[0, 5], logits[0, 6])  # same noise, far from both edges


def test_generator_without_noise_is_refused():
    with pytest.raises(ValueError, match="noise"):
        Generator(vocabulary=11, length=6, noise=0)


def test_critic_reads_ids_and_one_hot_tokens_alike():
    critic = Critic(vocabulary=11, length=6)
    ids = torch.randint(11, (4, 6))
    one_hot = nn.functional.one_hot(ids, 11).float()
    torch.testing.assert_close(critic(ids), critic(one_hot))
    torch.testing.assert_close(critic(ids), critic.score(critic.embed(ids)))
    assert critic(ids).shape == (4,)


def test_critic_names_the_shapes_that_it_takes():
    critic = Critic(vocabulary=11, length=6)
    for wrong in (
        torch.zeros(4, 5, dtype=torch.long),
        torch.zeros(4, 6),
        torch.zeros(4, 6, 10),
        torch.zeros(4, 6, 11, dtype=torch.long),
    ):
        with pytest.raises(ValueError, match=r"\(B, 6, 11\)"):
            critic(wrong)


def test_features_of_every_layer():
    critic = Critic(vocabulary=11, length=6, width=5, blocks=2)
    ids = torch.randint(11, (4, 6))
    states = [critic.features(ids, layer) for layer in range(3)]
    assert all(s.shape == (4, 6, 5) for s in states)
    torch.testing.assert_close(critic.features(ids), states[-1])
    torch.testing.assert_close(critic.output(torch.relu(states[-1]).flatten(1)).squeeze(1), critic(ids))
    with pytest.raises(IndexError, match="0 to 2"):
        critic.features(ids, 3)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_relaxations_give_distributions_that_gradients_flow_through(name):
    logits = torch.randn(4, 6, 11, requires_grad=True)
    tokens = relaxation(name, 0.5)(logits)
    torch.testing.assert_close(tokens.sum(-1), torch.ones(4, 6))
    hard = name.startswith("straight-through")
    assert (tokens.detach().max(-1).values > 1 - 1e-6).all().item() is hard
    (tokens * torch.randn(11)).sum().backward()
    assert logits.grad.abs().sum() > 0


def test_straight_through_has_the_value_of_argmax_and_the_gradient_of_softmax():
    logits, direction = torch.randn(4, 6, 11), torch.randn(4, 6, 11)
    a, b = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    hard, soft = relaxation("straight-through", 0.7)(a), relaxation("softmax", 0.7)(b)
    assert torch.equal(hard.argmax(-1), logits.argmax(-1))
    torch.testing.assert_close(soft, (logits / 0.7).softmax(-1))
    (hard * direction).sum().backward()
    (soft * direction).sum().backward()
    torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_detached_tokens_are_the_same_tokens(name):
    logits = torch.randn(4, 6, 11)
    torch.manual_seed(1)
    tokens = relaxation(name, 0.5)(logits)
    torch.manual_seed(1)
    detached = relaxation(name, 0.5).detached(logits)
    torch.testing.assert_close(detached, tokens.argmax(-1) if "straight" in name else tokens)


def test_sampled_ids_follow_the_softmax():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, 40_000, 4)
    rng = np.random.default_rng(0)
    for temperature in (1.0, 0.5):
        frequency = torch.bincount(sample_ids(logits, temperature, rng)[0], minlength=4) / 40_000
        torch.testing.assert_close(frequency, (logits[0, 0] / temperature).softmax(-1), atol=0.01, rtol=0)
    assert (sample_ids(logits, 0.0, rng) == 0).all()


def test_gumbel_tokens_are_sampled_at_the_same_rates():
    torch.manual_seed(0)
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, 40_000, 4)
    frequency = relaxation("straight-through-gumbel", 0.5)(logits).mean((0, 1))
    torch.testing.assert_close(frequency, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.01, rtol=0)
