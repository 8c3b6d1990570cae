"""The gradient penalty and the losses against closed forms: one test for each mistake that public code makes."""

import math

import pytest
import torch
from torch import nn

from seqgan_gp.adversarial.lipschitz import gradient_norm, interpolate, one_sided, two_sided
from seqgan_gp.adversarial.objectives import OBJECTIVES
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.models.critic import ConvCritic
from seqgan_gp.training.steps import CriticStep


@pytest.mark.parametrize("shape", [(7,), (5, 3), (4, 3, 2)])
def test_norm_of_a_linear_critic_is_that_of_its_weights_over_all_dimensions(shape):
    weight = torch.randn(*shape, dtype=torch.float64)
    points = torch.randn(6, *shape, dtype=torch.float64)
    norm = gradient_norm(lambda u: (u * weight).flatten(1).sum(1), points)
    torch.testing.assert_close(norm, weight.norm().expand(6))


def test_norm_is_of_each_sample_by_itself():
    # D(u) = |u|^2 / 2 has gradient u: the norm of sample i is the norm of sample i.
    points = torch.randn(5, 4, 3)
    torch.testing.assert_close(
        gradient_norm(lambda u: u.square().flatten(1).sum(1) / 2, points), points.flatten(1).norm(dim=1)
    )


def test_norm_is_taken_in_float32_under_mixed_precision():
    weight = torch.full((300, 300), 1.0, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        norm = gradient_norm(lambda u: (u @ weight).flatten(1).sum(1), torch.randn(2, 5, 300, dtype=torch.bfloat16))
    assert norm.dtype == torch.float32
    torch.testing.assert_close(norm, torch.full((2,), 300 * math.sqrt(5 * 300)), rtol=1e-2, atol=0)
    norm.sum().backward()
    assert weight.grad.isfinite().all()


def test_gradient_of_the_penalty_of_a_linear_critic_in_closed_form():
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    two_sided(
        gradient_norm(lambda u: (u * weight).flatten(1).sum(1), torch.randn(4, 5, 3, dtype=torch.float64))
    ).mean().backward()
    norm = weight.detach().norm()
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


def critic(**changes) -> ConvCritic:
    torch.manual_seed(0)
    return ConvCritic(**{"vocabulary": 11, "length": 6, "embedding": 4, "width": 5, "blocks": 2} | changes)


def batch(vocabulary=11, length=6, size=3):
    real = torch.randint(vocabulary, (size, length))
    return real, torch.randn(size, length, vocabulary).softmax(-1), torch.rand(size)


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
@pytest.mark.parametrize("sided", ["two", "one"])
def test_the_step_is_the_formula(space, sided):
    network = critic()
    real, fake, alpha = batch()
    parts = CriticStep(network, PenaltyConfig(weight=7.0, sided=sided, space=space))(real, fake, alpha)

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
    step = CriticStep(network, PenaltyConfig(weight=10.0, space=space))
    # With embeddings as points, the penalty takes the interpolates as given: the embedding matrix moves only the
    # scores.
    names = [n for n, _ in network.named_parameters() if n != "embedding" or space == "one-hot"]
    values = [network.get_parameter(n).detach().clone().requires_grad_() for n in names]

    def loss(*parameters):
        replaced = {f"critic.{n}": p for n, p in zip(names, parameters, strict=True)}
        return torch.func.functional_call(step, replaced, (real, fake, alpha))["critic_loss"]

    assert torch.autograd.gradcheck(loss, values, eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("space", ["embedding", "one-hot"])
def test_ids_of_generated_tokens_are_as_good_as_one_hot_ones(space):
    real, fake, alpha = batch()
    ids = fake.argmax(-1)
    step = CriticStep(critic(), PenaltyConfig(space=space))
    one, other = step(real, ids, alpha), step(real, nn.functional.one_hot(ids, 11).float(), alpha)
    for key, value in one.items():
        torch.testing.assert_close(value, other[key])


def test_without_weight_there_is_no_penalty():
    parts = CriticStep(critic(), PenaltyConfig(weight=0.0))(*batch())
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
    network = ConvCritic(vocabulary=6, length=1, embedding=3, width=64, blocks=1, embedding_std=1.0)
    network.embedding.requires_grad_(False)
    real, fake = torch.tensor([0, 0, 1, 2] * 32)[:, None], torch.tensor([3, 4, 5, 5] * 32)[:, None]
    one_hot = nn.functional.one_hot(fake, 6).float()
    step = CriticStep(network, PenaltyConfig(weight=10.0, sided="one"))
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
