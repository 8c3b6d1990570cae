"""Test the critic's loss and its gradients against the textbook and finite differences."""

import pytest
import torch
from conftest import critic_loss
from critics import batch, critic
from torch import nn

from seqgan_gp.adversarial.penalty import (
    SIDES,
)
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.models.critic import CriticNetwork


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


@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]], ids="+".join)
def test_losses_are_taken_in_float32_under_mixed_precision(at):
    network, sample = critic(), batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = critic_loss(network, PenaltyConfig(sided="zero", at=at))(*sample)
    assert {value.dtype for value in parts.values()} == {torch.float32}
    full = critic_loss(network, PenaltyConfig(sided="zero", at=at))(*sample)
    torch.testing.assert_close(parts["critic_loss"], full["critic_loss"], rtol=0.1, atol=0.05)


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


@pytest.mark.slow  # test_theory.py has it in the plane
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
