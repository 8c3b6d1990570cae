"""Muon updates matrices by orthogonal matrices, and all other weights as Adam does."""

import copy

import pytest
import torch
from accelerate import Accelerator
from bars import TINY as TINY_IMAGES
from bars import bars
from conftest import TINY, train, weights
from corpora import load
from torch import nn

from seqgan_gp import config
from seqgan_gp.images.data import Splits
from seqgan_gp.images.task import ImageTask
from seqgan_gp.models.backbones import hidden_matrices
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training.muon import Muon, orthogonal
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

BOTH = ["--train.critic.name=Muon", "--train.generator.name=Muon"]
REVISED = ["--revision.passes=2", "--revision.share=0.5"]


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (6, 6)])
def test_an_orthogonal_matrix_has_the_directions_of_another_and_one_size(shape):
    matrices = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    u, sizes, v = torch.linalg.svd(matrices, full_matrices=False)
    inside = u.mT @ orthogonal(matrices) @ v.mT  # diagonal, if the directions are the same
    diagonal = inside.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(inside, torch.diag_embed(diagonal), atol=1e-9, rtol=0)
    large = sizes / sizes.norm(dim=1, keepdim=True) > 0.01
    assert diagonal[large].min() > 0.68 and diagonal.max() < 1.14
    assert sizes[large].max() / sizes[large].min() > 3  # they differed before


def test_the_size_of_a_gradient_does_not_matter_and_none_moves_nothing():
    matrix = torch.randn(1, 4, 9, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(orthogonal(1e-6 * matrix), orthogonal(matrix), atol=1e-4, rtol=0)
    assert not orthogonal(torch.zeros(1, 4, 9)).any()


def gradients(parameters, rng):
    for weight in parameters:
        weight.grad = torch.randn(weight.shape, generator=rng)


def test_matrices_move_by_nesterovs_momentum_made_orthogonal():
    rng = torch.Generator().manual_seed(3)
    network = [nn.Parameter(torch.randn(4, 12, generator=rng)) for _ in range(2)]
    network.append(nn.Parameter(torch.randn(7, 4, generator=rng)))  # of another shape
    expected = [weight.detach().clone() for weight in network]
    momenta = [torch.zeros_like(weight) for weight in network]
    optimizer = Muon(network, lr=0.1, momentum=0.6, scale=3.0)
    for _ in range(3):
        gradients(network, rng)
        for weight, momentum, parameter in zip(expected, momenta, network, strict=True):
            momentum.mul_(0.6).add_(parameter.grad)
            update = orthogonal((parameter.grad + 0.6 * momentum)[None])[0]
            weight -= 0.1 * 3 * max(weight.shape) ** 0.5 * update
        before = [weight.detach().clone() for weight in network]
        optimizer.step()
        for weight, old in zip(network, before, strict=True):  # singular values are near 1, not 1
            assert (weight - old).square().mean().sqrt().item() == pytest.approx(0.3, rel=0.3)
    for weight, parameter in zip(expected, network, strict=True):
        torch.testing.assert_close(parameter.detach(), weight)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
def test_the_direction_is_that_of_torch():
    rng = torch.Generator().manual_seed(4)
    start = torch.randn(16, 48, generator=rng)
    mine, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizers = Muon([mine], lr=0.01, momentum=0.7), torch.optim.Muon([theirs], lr=0.01, momentum=0.7, weight_decay=0)
    for _ in range(3):
        gradients([mine], rng)
        theirs.grad = mine.grad.clone()
        before = mine.detach().clone(), theirs.detach().clone()
        for optimizer in optimizers:
            optimizer.step()
        one, other = (mine.detach() - before[0]).flatten(), (theirs.detach() - before[1]).flatten()
        assert torch.cosine_similarity(one, other, dim=0) > 0.995  # theirs is in bfloat16


def test_all_other_weights_move_as_adam_moves_them():
    rng = torch.Generator().manual_seed(5)
    start = [torch.randn(5, generator=rng), torch.randn(2, 3, 4, generator=rng), torch.randn(3, 6, generator=rng)]
    mine, theirs = ([nn.Parameter(weight.clone()) for weight in start] for _ in range(2))
    muon = Muon([{"params": mine, "matrices": False}], lr=0.01, betas=(0.3, 0.8))
    adam = torch.optim.Adam(theirs, lr=0.01, betas=(0.3, 0.8), fused=True)
    for _ in range(3):
        gradients(mine, rng)
        for one, other in zip(mine, theirs, strict=True):
            other.grad = one.grad.clone()
        muon.step(), adam.step()
    assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


def test_a_weight_without_a_gradient_stays():
    network = [nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(4))]
    optimizer = Muon(network, lr=0.1)
    network[1].grad = torch.randn(2, 3)
    optimizer.step()
    assert torch.equal(network[0], torch.ones(2, 3)) and torch.equal(network[2], torch.ones(4))
    assert not torch.equal(network[1], torch.ones(2, 3))


def test_a_saved_state_goes_on_as_the_optimiser_would():
    rng = torch.Generator().manual_seed(6)
    network = [nn.Parameter(torch.randn(4, 8, generator=rng)), nn.Parameter(torch.randn(4, generator=rng))]
    optimizer = Muon(network, lr=0.1)
    for _ in range(2):
        gradients(network, rng)
        optimizer.step()
    others = copy.deepcopy(network)
    again = Muon(others, lr=0.1)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    gradients(network, rng)
    for one, other in zip(network, others, strict=True):
        other.grad = one.grad.clone()
    optimizer.step(), again.step()
    assert all(torch.equal(one, other) for one, other in zip(network, others, strict=True))


@pytest.mark.parametrize("backbone, layers", [("convolutional", 4), ("attention", 8), ("recurrent", 4)])
def test_the_matrices_are_those_of_the_residual_blocks(backbone, layers):
    generator = GeneratorNetwork(9, 6, noise=8, width=8, blocks=2, backbone=backbone)
    critic = CriticNetwork(9, 6, width=8, blocks=2, backbone=backbone)
    for network in (generator, critic):
        hidden = {id(weight) for weight in hidden_matrices(network)}
        names = [name for name, weight in network.named_parameters() if id(weight) in hidden]
        assert len(names) == layers and all(name.startswith("blocks.") for name in names)
        assert not any("positions" in name for name in names)


def test_a_run_takes_muon_for_both_players_and_resumes_bit_for_bit(tmp_path):
    options = [*BOTH, "--train.decay_from=1"]
    assert train(tmp_path / "whole", *options) == 0
    assert train(tmp_path / "parts", *options, "--train.steps=3") == 0
    assert train(tmp_path / "parts", *options, "--resume") == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(weight, parts[name]) for name, weight in whole.items())


def test_the_optimisers_of_a_run_divide_their_weights():
    asked = config.parse([*TINY, *BOTH, *REVISED, "--revision.optimizer.name=Muon"]).config
    corpus = load(asked.corpus.train, size=64, holdout=10)
    one = Trainer(Accelerator(cpu=True), TextTask(asked, corpus, Tokenizer.train("word", corpus.train.text, 300)))
    for game, network in ((one.game, one.generator), (one.revision, one.reviser)):
        matrices, others = game.generator_optimizer.param_groups
        assert {id(weight) for weight in matrices["params"]} == {id(weight) for weight in hidden_matrices(network)}
        assert matrices["matrices"] and not others["matrices"] and others["betas"] == (0.0, 0.9)
        assert len(matrices["params"]) + len(others["params"]) == len(list(network.parameters()))


def test_adam_moves_the_whole_of_a_network_without_residual_blocks():
    task = ImageTask(config.parse([*TINY_IMAGES, *BOTH]).config, Splits(bars(30), bars(20, seed=1)))
    one = Trainer(Accelerator(cpu=True), task)
    matrices, others = one.game.generator_optimizer.param_groups
    assert not matrices["params"] and len(others["params"]) == len(list(one.generator.parameters()))
    before = [weight.clone() for weight in one.generator.parameters()]
    one.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, one.generator.parameters(), strict=True))


@pytest.mark.parametrize(
    "option, said",
    [
        ("{scale: 0}", "scale is 0"),
        ("{momentum: 1}", "momentum is 1"),
        ("{betas: [0, 1]}", "betas is"),
        ("{nesterov: true}", "Muon has no option nesterov; it has: momentum, scale, betas, eps"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, capsys, option, said):
    assert train(tmp_path / "run", *BOTH, f"--train.critic.options={option}") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: train.critic") and said in error
