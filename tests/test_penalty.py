"""Test the gradient penalty against closed forms, with one test for each mistake of public code."""

import math

import numpy as np
import pytest
import torch
from conftest import critic_loss
from critics import batch, critic
from torch import nn

from seqgan_gp.adversarial.game import CriticLoss
from seqgan_gp.adversarial.objectives import OBJECTIVES
from seqgan_gp.adversarial.penalty import (
    SIDES,
    Penalty,
    convex,
    crossover,
    gradient_norm,
    gradient_penalty,
    interpolate,
    one_sided,
    two_sided,
)
from seqgan_gp.config import PenaltyConfig


@pytest.mark.parametrize("shape", [(7,), (5, 3), (4, 3, 2)])
def test_norm_of_a_linear_critic_is_that_of_its_weights_over_all_dimensions(shape):
    weight = torch.randn(*shape, dtype=torch.float64)
    points = torch.randn(6, *shape, dtype=torch.float64, requires_grad=True)
    norm = gradient_norm((points * weight).flatten(1).sum(1), points)
    torch.testing.assert_close(norm, weight.norm().expand(6))


def test_norm_is_of_each_sample_by_itself():
    # D(u) = |u|^2 / 2 has gradient u: the norm of sample i is the norm of sample i.
    points = torch.randn(5, 4, 3, requires_grad=True)
    norm = gradient_norm(points.square().flatten(1).sum(1) / 2, points)
    torch.testing.assert_close(norm, points.flatten(1).norm(dim=1))


def test_norm_is_taken_in_float32_under_mixed_precision():
    weight = torch.full((300, 300), 1.0, requires_grad=True)
    points = torch.randn(2, 5, 300, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        norm = gradient_norm((points @ weight).flatten(1).sum(1), points)
    assert norm.dtype == torch.float32
    torch.testing.assert_close(norm, torch.full((2,), 300 * math.sqrt(5 * 300)), rtol=1e-2, atol=0)
    norm.sum().backward()
    assert weight.grad.isfinite().all()


def test_gradient_of_the_penalty_of_a_linear_critic_in_closed_form():
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    points = torch.randn(4, 5, 3, dtype=torch.float64, requires_grad=True)
    penalty, norms = gradient_penalty((points * weight).flatten(1).sum(1), points)
    penalty.backward()
    norm = weight.detach().norm()
    torch.testing.assert_close(norms, norm.expand(4))
    torch.testing.assert_close(penalty, (norm - 1) ** 2)
    torch.testing.assert_close(weight.grad, 2 * (norm - 1) * weight.detach() / norm)


def test_two_sided_punishes_small_norms_and_one_sided_does_not():
    norm = torch.tensor([0.0, 0.5, 1.0, 3.0])
    torch.testing.assert_close(two_sided(norm), torch.tensor([1.0, 0.25, 0.0, 4.0]))
    torch.testing.assert_close(one_sided(norm), torch.tensor([0.0, 0.0, 0.0, 4.0]))


def test_interpolates_use_one_alpha_for_each_sample_of_the_actual_batch():
    real, fake, alpha = torch.randn(3, 4, 2), torch.randn(3, 4, 2), torch.tensor([0.0, 1.0, 0.25])
    points = interpolate(real, fake, alpha)
    torch.testing.assert_close(points[0], fake[0])
    torch.testing.assert_close(points[1], real[1])
    torch.testing.assert_close(points[2], 0.25 * real[2] + 0.75 * fake[2])
    with pytest.raises(ValueError, match="alpha"):
        interpolate(real, fake, torch.rand(64))  # the size of a full batch, where this one is smaller
    with pytest.raises(ValueError, match="alpha"):
        interpolate(real, fake, torch.rand(3, 4, 1))


def test_minimising_the_critic_loss_raises_real_scores_above_generated_ones():
    real, fake = torch.full((8, 1), 1.0), torch.full((8, 1), -1.0)
    weight = torch.zeros(1, requires_grad=True)
    loss = OBJECTIVES["wasserstein"].critic((real * weight).squeeze(1), (fake * weight).squeeze(1))
    assert loss.shape == (8,)
    loss.mean().backward()
    assert -weight.grad.item() == 2.0  # descent direction: D(x) - D(G(z)) grows at E[x] - E[G(z)]
    scores = torch.zeros(8, requires_grad=True)
    OBJECTIVES["wasserstein"].generator(None, scores).sum().backward()
    assert (scores.grad == -1).all()  # descent raises the scores of generated samples


class Linear(nn.Module):
    """The critic <w, u> of points (B, L, E): its gradient is w everywhere."""

    def __init__(self, length=5, embedding=3):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(length, embedding, dtype=torch.float64))
        self.passes = 0

    def embed(self, samples):
        return samples

    def score(self, points):
        self.passes += len(points)
        return (points * self.weight).flatten(1).sum(1)

    forward = score


PLACES = (["interpolates"], ["real"], ["generated"], ["real", "generated"], ["interpolates", "real", "generated"])


@pytest.mark.parametrize("mixing", [convex, crossover])
@pytest.mark.parametrize("at", PLACES, ids="+".join)
@pytest.mark.parametrize("sided", SIDES)
def test_the_penalty_of_a_linear_critic_in_closed_form(sided, at, mixing):
    network = Linear()
    real, fake = torch.randn(2, 4, 5, 3, dtype=torch.float64)
    alpha = torch.from_numpy(mixing(np.random.default_rng(0), 4, 5))
    parts = critic_loss(network, PenaltyConfig(weight=7.0, sided=sided, at=at))(real, fake, alpha)
    weight, norm = network.weight.detach(), network.weight.norm().item()
    value, slope = {
        "two": ((norm - 1) ** 2, 2 * (norm - 1)),
        "one": (max(norm - 1, 0) ** 2, 2 * max(norm - 1, 0)),
        "zero": (norm**2, 2 * norm),
    }[sided]
    assert parts["penalty"].item() == pytest.approx(len(at) * value)
    assert parts["gradient_norm"].item() == pytest.approx(norm)
    parts["critic_loss"].backward()
    expected = (fake - real).mean(dim=0) + 7 * len(at) * slope * weight / norm
    torch.testing.assert_close(network.weight.grad, expected)
    # Points that are scored anyway cost no pass; interpolates are as many as a batch.
    assert network.passes == 8 + 4 * ("interpolates" in at)


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_r1_and_r2_are_their_formula(space, objective):
    network, (real, fake, alpha) = critic(), batch()
    penalty = PenaltyConfig(weight=5.0, sided="zero", at=["real", "generated"], space=space)
    parts = critic_loss(network, penalty, OBJECTIVES[objective])(real, fake, alpha)
    one_hot = nn.functional.one_hot(real, 11).float()
    squares = []
    for tokens in (one_hot, fake):
        points = tokens if space == "one-hot" else network.embed(tokens)
        points = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad((network if space == "one-hot" else network.score)(points).sum(), points)
        squares.append(gradient.square().sum(dim=(1, 2)).mean())
    loss = OBJECTIVES[objective].critic(network(real), network(fake)).mean()
    torch.testing.assert_close(parts["penalty"], sum(squares))
    torch.testing.assert_close(parts["critic_loss"], loss + 5 * sum(squares))


def test_a_crossover_takes_each_position_whole_with_the_chance_of_its_sample():
    rng = np.random.default_rng(0)
    taken = crossover(rng, 20_000, 6)
    assert taken.shape == (20_000, 6) and set(np.unique(taken)) == {0.0, 1.0}
    # The chance a is uniform: positions agree as a Beta(1, 1) says, E[a] = 1/2 and E[a^2] = 1/3.
    assert taken.mean() == pytest.approx(1 / 2, abs=0.01)
    assert (taken[:, 0] * taken[:, 5]).mean() == pytest.approx(1 / 3, abs=0.012)
    real, fake = torch.randn(2, 4, 6, 3)
    points = interpolate(real, fake, torch.from_numpy(taken[:4]))
    whole = torch.from_numpy(taken[:4, :, None]) == 1
    assert torch.equal(points, torch.where(whole, real, fake))


def test_a_lazy_penalty_is_the_same_on_average():
    network, sample = critic(), batch()
    full = critic_loss(network, PenaltyConfig(weight=3.0))(*sample)["critic_loss"]
    lazy = critic_loss(network, PenaltyConfig(weight=3.0, every=4))
    losses = [lazy(*sample, penalised=i % 4 == 0)["critic_loss"] for i in range(8)]
    torch.testing.assert_close(torch.stack(losses).mean(), full)
    assert "penalty" not in lazy(*sample, penalised=False)


@pytest.mark.parametrize(
    "reduce", [torch.mean, torch.sum, lambda scores: scores[:2], lambda scores: scores.expand(3, 4)]
)
def test_a_penalty_needs_one_score_for_each_point(reduce):
    points = torch.randn(4, 3, requires_grad=True)
    with pytest.raises(ValueError, match="one score for each point"):
        gradient_penalty(reduce((points * 3).sum(1)), points)
    with pytest.raises(ValueError, match="require no gradient"):
        gradient_penalty(torch.ones(4, requires_grad=True), points.detach())
    norm = gradient_norm((points * 3).sum(1, keepdim=True), points)
    torch.testing.assert_close(norm, torch.full((4,), 27**0.5))


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"weight": math.nan}, {"at": frozenset(["fake"])}, {"every": 0}])
def test_a_penalty_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Penalty(**wrong)
    with pytest.raises(ValueError, match="an Objective is needed"):
        CriticLoss(critic(), "wasserstein", Penalty())
