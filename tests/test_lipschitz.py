"""Test the gradient penalty and the losses against closed forms: one test for each mistake of public code."""

import math

import numpy as np
import pytest
import torch
from conftest import critic_loss
from torch import nn

from seqgan_gp.adversarial.constraints import PARAMETRIZATIONS, clip_weights
from seqgan_gp.adversarial.objectives import OBJECTIVES
from seqgan_gp.adversarial.penalty import (
    SIDES,
    convex,
    crossover,
    gradient_norm,
    gradient_penalty,
    interpolate,
    one_sided,
    two_sided,
)
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.models.critic import CriticNetwork


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


def critic(**changes) -> CriticNetwork:
    torch.manual_seed(0)
    return CriticNetwork(**{"vocabulary": 11, "length": 6, "embedding": 4, "width": 5, "blocks": 2} | changes)


def batch(vocabulary=11, length=6, size=3):
    real = torch.randint(vocabulary, (size, length))
    return real, torch.randn(size, length, vocabulary).softmax(-1), torch.rand(size)


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
@pytest.mark.parametrize("sided", ["two", "one"])
def test_the_step_is_the_formula(space, sided):
    network = critic()
    real, fake, alpha = batch()
    parts = critic_loss(network, PenaltyConfig(weight=7.0, sided=sided, space=space))(real, fake, alpha)

    # The textbook, sample by sample, each point and gradient by itself.
    one_hot = nn.functional.one_hot(real, 11).float()
    penalties, distances = [], []
    for x, y, a in zip(one_hot, fake, alpha, strict=True):
        e = (lambda s: network.embed(s[None])) if space == "embedding" else (lambda s: s[None])
        score = network.score if space == "embedding" else network
        u = (a * e(x) + (1 - a) * e(y)).detach().requires_grad_()
        norm = torch.autograd.grad(score(u).squeeze(), u)[0].pow(2).sum().sqrt()
        penalties.append((norm - 1) ** 2 if sided == "two" else torch.relu(norm - 1) ** 2)
        distances.append(network(x[None]) - network(y[None]))
    penalty, distance = torch.stack(penalties).mean(), torch.stack(distances).mean()
    torch.testing.assert_close(parts["wasserstein"], distance.detach())
    torch.testing.assert_close(parts["penalty"], penalty)
    torch.testing.assert_close(parts["critic_loss"], 7 * penalty - distance)


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
def test_gradients_of_the_whole_step_agree_with_finite_differences(space):
    network = critic().double()
    real, fake, alpha = batch()
    fake, alpha = fake.double(), alpha.double()
    step = critic_loss(network, PenaltyConfig(weight=10.0, space=space))
    # With embeddings as points, the penalty takes the interpolates as given: the embedding matrix moves only the
    # scores.
    names = [n for n, _ in network.named_parameters() if n != "embedding" or space == "one-hot"]
    values = [network.get_parameter(n).detach().clone().requires_grad_() for n in names]

    def loss(*parameters):
        replaced = {f"critic.{n}": p for n, p in zip(names, parameters, strict=True)}
        return torch.func.functional_call(step, replaced, (real, fake, alpha))["critic_loss"]

    assert torch.autograd.gradcheck(loss, values, eps=1e-6, atol=1e-5)


CURVED = {
    "recurrent": {"backbone": "recurrent"},
    "attention": {"backbone": "attention", "width": 8, "heads": 2},
    "layer norm": {"norm": "layer"},
    "instance norm": {"norm": "instance", "windows": 2},
}


@pytest.mark.parametrize("options", CURVED.values(), ids=CURVED)
@pytest.mark.parametrize("sided", SIDES)
def test_a_penalty_at_interpolates_leaves_the_embedding_alone(options, sided):
    """Points between two embeddings are constants, whose slope a curved critic would otherwise move them for."""
    network = critic(**options).double()
    real, fake, alpha = batch()
    fake, alpha = fake.double(), alpha.double()
    critic_loss(network, PenaltyConfig(weight=7.0, sided=sided))(real, fake, alpha)["critic_loss"].backward()
    moved = network.embedding.grad.clone()
    network.zero_grad()
    (network(fake).mean() - network(real).mean()).backward()
    torch.testing.assert_close(moved, network.embedding.grad)


@pytest.mark.parametrize("options", CURVED.values(), ids=CURVED)
@pytest.mark.parametrize("space", ["embedding", "one-hot"])
@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]], ids="+".join)
def test_every_gradient_of_a_curved_critic_is_that_of_the_textbook(options, space, at):
    network = critic(**options).double()
    real, fake, alpha = batch()
    fake, alpha = fake.double(), alpha.double()
    step = critic_loss(network, PenaltyConfig(weight=7.0, sided="zero", at=at, space=space))
    step(real, fake, alpha)["critic_loss"].backward()
    ours = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    x, y = nn.functional.one_hot(real, 11).double(), fake
    inside, score = (network.embed, network.score) if space == "embedding" else (lambda tokens: tokens, network)
    a = alpha[:, None, None]
    between = (a * inside(x) + (1 - a) * inside(y)).detach()
    points = {"interpolates": between, "real": inside(x), "generated": inside(y)}
    loss = network(y).mean() - network(x).mean()
    for place in at:
        point = points[place] if points[place].requires_grad else points[place].detach().requires_grad_()
        (slope,) = torch.autograd.grad(score(point).sum(), point, create_graph=True)
        loss = loss + 7 * slope.square().sum((1, 2)).mean()
    loss.backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
def test_ids_of_generated_tokens_are_as_good_as_one_hot_ones(space):
    real, fake, alpha = batch()
    ids = fake.argmax(-1)
    step = critic_loss(critic(), PenaltyConfig(space=space))
    one, other = step(real, ids, alpha), step(real, nn.functional.one_hot(ids, 11).float(), alpha)
    for key, value in one.items():
        torch.testing.assert_close(value, other[key])


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


@pytest.mark.parametrize("name", ["spectral", "weight"])
@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]], ids="+".join)
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


@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]], ids="+".join)
def test_losses_are_taken_in_float32_under_mixed_precision(at):
    network, sample = critic(), batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = critic_loss(network, PenaltyConfig(sided="zero", at=at))(*sample)
    assert {value.dtype for value in parts.values()} == {torch.float32}
    full = critic_loss(network, PenaltyConfig(sided="zero", at=at))(*sample)
    torch.testing.assert_close(parts["critic_loss"], full["critic_loss"], rtol=0.1, atol=0.05)


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


def test_without_weight_there_is_no_penalty():
    parts = critic_loss(critic(), PenaltyConfig(weight=0.0))(*batch())
    assert set(parts) == {"critic_loss", "wasserstein"}
    torch.testing.assert_close(parts["critic_loss"], -parts["wasserstein"])


def test_a_score_does_not_depend_on_the_rest_of_the_batch():
    # What batch normalisation would break, and a per-sample penalty with it.
    network = critic()
    ids = torch.randint(11, (8, 6))
    torch.testing.assert_close(network(ids)[:2], network(ids[:2]))


def test_growing_the_embedding_matrix_buys_no_distance():
    network = critic()
    ids = torch.randint(11, (8, 6))
    before = network(ids)
    with torch.no_grad():
        network.embedding *= 100
    torch.testing.assert_close(network(ids), before)
    torch.testing.assert_close(network.embed(ids).norm(dim=-1), torch.ones(8, 6))


def test_a_trained_critic_estimates_the_exact_distance_between_two_small_sets():
    # One-token sequences, so that the exact distance between the embedded sets is a small transport problem for POT.
    import ot

    torch.manual_seed(0)
    network = CriticNetwork(vocabulary=6, length=1, embedding=3, width=64, blocks=1, embedding_std=1.0)
    network.embedding.requires_grad_(False)
    real, fake = torch.tensor([0, 0, 1, 2] * 32)[:, None], torch.tensor([3, 4, 5, 5] * 32)[:, None]
    one_hot = nn.functional.one_hot(fake, 6).float()
    step = critic_loss(network, PenaltyConfig(weight=10.0, sided="one"))
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=2e-3, betas=(0.0, 0.9))
    for _ in range(600):
        parts = step(real[torch.randperm(128)], one_hot, torch.rand(128))
        optimizer.zero_grad()
        parts["critic_loss"].backward()
        optimizer.step()
    x, y = (network.embed(t).flatten(1).detach().numpy() for t in (real, fake))
    exact = ot.emd2([], [], ot.dist(x, y, metric="euclidean"))
    # The penalty is soft (lambda 10), so the critic overshoots by about distance / (2 lambda).
    assert parts["wasserstein"].item() == pytest.approx(exact, rel=0.15)
