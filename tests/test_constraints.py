"""Test the constraints on a critic's weights, and the penalty of a critic that has one."""

import pytest
import torch
from conftest import critic_loss
from critics import batch, critic
from torch import nn

from seqgan_gp.adversarial.constraints import PARAMETRIZATIONS, clip_weights
from seqgan_gp.config import PenaltyConfig


@pytest.mark.parametrize(
    "name, at", [("spectral", ["interpolates"]), ("weight", ["real", "generated"])], ids=["spectral", "weight"]
)
def test_parametrized_weights_can_be_differentiated_twice(name, at):
    network = critic().double()
    PARAMETRIZATIONS[name](network)
    network.eval()  # power iteration moves the spectral norm otherwise
    real, fake, alpha = batch()
    step = critic_loss(network, PenaltyConfig(weight=10.0, at=at, sided="zero"))
    names = [n for n, _ in network.named_parameters() if n != "embedding"]
    values = [network.get_parameter(n).detach().clone().requires_grad_() for n in names]
    assert any("parametrizations" in n for n in names)

    def loss(*parameters):
        replaced = {f"critic.{n}": p for n, p in zip(names, parameters, strict=True)}
        return torch.func.functional_call(step, replaced, (real, fake.double(), alpha.double()))["critic_loss"]

    assert torch.autograd.gradcheck(loss, values, eps=1e-6, atol=1e-5)


def test_spectral_norm_makes_every_matrix_of_norm_one_in_one_iteration_a_step():
    network = critic()
    PARAMETRIZATIONS["spectral"](network)
    step, layer = critic_loss(network, PenaltyConfig()), network.input_projection.parametrizations.weight[0]
    before = layer._u.clone(), layer._v.clone()
    step(*batch())
    assert not torch.equal(layer._v, before[1])
    for _ in range(50):
        step(*batch())
    for module in network.modules():
        if isinstance(module, nn.Linear):
            assert torch.linalg.matrix_norm(module.weight, 2).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]], ids="+".join)
def test_all_scores_of_a_step_are_of_the_same_weights(at):
    """Power iteration moves the weights at each look: one look a step, however often the critic is asked."""
    network = critic()
    PARAMETRIZATIONS["spectral"](network)
    layer = network.input_projection.parametrizations.weight
    u, v, weight = layer[0]._u.clone(), layer[0]._v.clone(), layer.original.detach()
    critic_loss(network, PenaltyConfig(sided="zero", at=at))(*batch())
    once = nn.functional.normalize(weight @ v, dim=0)
    torch.testing.assert_close(layer[0]._u, once)
    torch.testing.assert_close(layer[0]._v, nn.functional.normalize(weight.T @ once, dim=0))
    assert not torch.allclose(u, once)


def test_weight_norm_gives_every_row_a_length_of_its_own():
    network = critic()
    before = {
        name: module.weight.detach().clone()
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear)
    }
    PARAMETRIZATIONS["weight"](network)
    for name, weight in before.items():
        module = network.get_submodule(name)
        torch.testing.assert_close(module.weight, weight)
        length, direction = module.parametrizations.weight.original0, module.parametrizations.weight.original1
        torch.testing.assert_close(length.flatten(), weight.norm(dim=1))
        with torch.no_grad():
            length[0] *= 3
            direction *= 5
        torch.testing.assert_close(module.weight[0], 3 * weight[0])
        torch.testing.assert_close(module.weight[1:], weight[1:])


def test_clipping_bounds_all_but_the_embedding():
    network = critic(embedding_std=1.0)
    before = network.embedding.clone()
    clip_weights(network, 0.01)
    assert torch.equal(network.embedding, before)
    assert all(p.abs().max() <= 0.01 for n, p in network.named_parameters() if n != "embedding")
