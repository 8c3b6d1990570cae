"""Test the relaxations and the drawing of tokens from logits."""

import numpy as np
import pytest
import torch
from backbones import doubled

from seqgan_gp.models import relaxations
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.relaxations import RELAXATIONS, draw_chance, most_probable, sample_ids


@pytest.mark.parametrize("name", ["straight-through", "straight-through-gumbel"])
def test_hard_tokens_in_parts_are_embedded_like_one_hot_ones(name):
    """In value, and in the gradients to the logits, which can be differentiated again, and to the embeddings."""
    critic = CriticNetwork(7, 4, 3, width=4).double()
    logits = doubled((2, 4, 7))
    relaxed = RELAXATIONS[name](0.6)
    results = []
    for relax in (relaxed, relaxed.parts):
        torch.manual_seed(1)
        embedded = critic.embed(relax(logits))
        first = torch.autograd.grad(embedded.sin().sum(), (logits, critic.embedding), create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), (logits, critic.embedding))
        results.append((embedded, *first, *second))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_relaxations_give_distributions_that_gradients_flow_through(name):
    logits = torch.randn(4, 6, 11, requires_grad=True)
    tokens = RELAXATIONS[name](0.5)(logits)
    assert RELAXATIONS[name](0.5)(logits.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(tokens.sum(-1), torch.ones(4, 6))
    hard = name.startswith("straight-through")
    assert (tokens.detach().max(-1).values > 1 - 1e-6).all().item() is hard
    (tokens * torch.randn(11)).sum().backward()
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_most_probable_token_is_the_first_of_the_largest(dtype):
    logits = torch.randint(5, (7, 6, 11)).to(dtype).requires_grad_()
    assert torch.equal(most_probable(logits), (logits == logits.amax(-1, keepdim=True)).int().argmax(-1))


def test_straight_through_has_the_value_of_argmax_and_the_gradient_of_softmax():
    logits, direction = torch.randn(4, 6, 11), torch.randn(4, 6, 11)
    a, b = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    hard, soft = RELAXATIONS["straight-through"](0.7)(a), RELAXATIONS["softmax"](0.7)(b)
    assert torch.equal(hard.argmax(-1), logits.argmax(-1))
    torch.testing.assert_close(soft, (logits / 0.7).softmax(-1))
    (hard * direction).sum().backward()
    (soft * direction).sum().backward()
    torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_detached_tokens_are_the_same_tokens(name):
    logits = torch.randn(4, 6, 11)
    torch.manual_seed(1)
    tokens = RELAXATIONS[name](0.5)(logits)
    torch.manual_seed(1)
    detached = RELAXATIONS[name](0.5).detached(logits)
    torch.testing.assert_close(detached, tokens.argmax(-1) if "straight" in name else tokens)


def test_sampled_ids_follow_the_softmax():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, 40_000, 4)
    rng = np.random.default_rng(0)
    for temperature in (1.0, 0.5):
        (ids,) = sample_ids(logits, temperature, draw_chance(logits.shape[:2], rng))
        frequency = torch.bincount(ids, minlength=4) / 40_000
        torch.testing.assert_close(frequency, (logits[0, 0] / temperature).softmax(-1), atol=0.01, rtol=0)
    assert (sample_ids(logits, 0.0, draw_chance(logits.shape[:2], rng)) == 0).all()


def test_gumbel_tokens_are_sampled_at_the_same_rates():
    torch.manual_seed(0)
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, 40_000, 4)
    frequency = RELAXATIONS["straight-through-gumbel"](0.5)(logits).mean((0, 1))
    torch.testing.assert_close(frequency, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.01, rtol=0)


def test_soft_gumbel_tokens_are_the_softmax_of_logits_with_gumbel_noise():
    """A Gumbel variable has mean 0.5772 and variance pi^2 / 6; the temperature divides it as well."""
    logits = torch.tensor([2.0, -1.0]).expand(40_000, 1, 2)
    for name, temperature in (("gumbel", 0.5), ("gumbel", 1.0)):
        soft = RELAXATIONS[name](temperature)(logits)
        difference = temperature * (soft[..., 0].log() - soft[..., 1].log())  # of two Gumbel variables: logistic
        assert difference.mean().item() == pytest.approx(3.0, abs=0.05)
        assert difference.var().item() == pytest.approx(torch.pi**2 / 3, rel=0.05)


NEVER = -torch.inf


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize(
    "chance, token",
    [(0.0, 1), (0.25, 1), (0.5, 3), (0.75, 3), (1 - 2**-24, 3), (1.0, 3)],
)
def test_no_number_draws_a_token_that_has_no_probability(temperature, chance, token):
    """Two tokens of a half each stand among others that have none: before, between and behind them."""
    logits = torch.tensor([NEVER, 1.5, NEVER, 1.5, NEVER, NEVER])
    assert sample_ids(logits, temperature, torch.tensor(chance)).item() == token


def test_the_largest_number_draws_a_token_however_the_probabilities_are_rounded():
    rng = torch.Generator().manual_seed(5)
    logits = torch.cat([torch.randn(200, 3000, generator=rng), torch.full((200, 4), NEVER)], dim=1)
    totals = logits.softmax(-1).cumsum(-1)[:, -1]
    assert (totals < 1 - 2**-24).any() and (totals > 1).any()  # in single precision
    drawn = sample_ids(logits, 1.0, torch.full((200,), 1 - 2**-24))
    assert (drawn < 3000).all() and (drawn > 2900).all()


def test_numbers_in_equal_steps_draw_tokens_by_their_probabilities():
    probabilities = torch.tensor([0.125, 0.25, 0.0, 0.5, 0.125])
    chance = torch.arange(16) / 16  # each token's share begins on one of them
    drawn = sample_ids(probabilities.log().expand(16, 5), 1.0, chance)
    assert torch.bincount(drawn, minlength=5).tolist() == [2, 4, 0, 8, 2]
    assert drawn.tolist() == sorted(drawn.tolist())


def test_no_temperature_is_too_low():
    logits, chance = torch.tensor([[300.0, 301.0, -500.0], [1.0, -7.0, 0.5]]), torch.tensor([0.0, 0.999])
    for temperature in (1e-3, 1e-20, 1e-37):
        assert sample_ids(logits, temperature, chance).tolist() == [1, 0]
    assert sample_ids(logits, 1e6, torch.tensor([0.1, 0.9])).tolist() == [0, 2]  # and this one is nearly uniform


def test_tokens_are_drawn_in_single_precision_from_logits_in_half():
    logits, chance = (6 * torch.randn(300, 500)).bfloat16(), draw_chance((300,), np.random.default_rng(4))
    assert torch.equal(sample_ids(logits, 1.3, chance), sample_ids(logits.float(), 1.3, chance))
    assert chance.dtype == torch.float32 and chance.min() < 0.02 and chance.max() > 0.98


def test_many_tokens_are_drawn_in_pieces_like_all_at_once(monkeypatch):
    logits, chance = torch.randn(7, 5, 11), torch.rand(7, 5)
    whole = sample_ids(logits, 0.8, chance)
    monkeypatch.setattr(relaxations, "BLOCK", 30)
    assert torch.equal(sample_ids(logits, 0.8, chance), whole)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
@pytest.mark.parametrize("name", RELAXATIONS)
def test_a_temperature_must_be_over_zero(name, temperature):
    with pytest.raises(ValueError, match=f"temperature is {temperature}"):
        RELAXATIONS[name](temperature)
