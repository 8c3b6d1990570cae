"""Test the losses of every objective against closed forms and torch's losses, and the signs of their gradients."""

import math

import pytest
import torch
import torch.nn.functional as F

from seqgan_gp.adversarial.objectives import OBJECTIVES

REAL, FAKE = torch.linspace(-3, 4, 8, dtype=torch.float64), torch.linspace(2, -5, 8, dtype=torch.float64)
ONE, ZERO = torch.ones_like(REAL), torch.zeros_like(REAL)


def bce(scores, target):
    return F.binary_cross_entropy_with_logits(scores, target, reduction="none")


EXPECTED = {
    "wasserstein": (FAKE - REAL, -FAKE),
    "minimax": (bce(REAL, ONE) + bce(FAKE, ZERO), (1 - FAKE.sigmoid()).log()),
    "non-saturating": (bce(REAL, ONE) + bce(FAKE, ZERO), bce(FAKE, ONE)),
    "least-squares": (
        (F.mse_loss(REAL, ONE, reduction="none") + F.mse_loss(FAKE, ZERO, reduction="none")) / 2,
        F.mse_loss(FAKE, ONE, reduction="none") / 2,
    ),
    "hinge": (
        F.hinge_embedding_loss(REAL, -ONE, reduction="none") + F.hinge_embedding_loss(-FAKE, -ONE, reduction="none"),
        -FAKE,
    ),
    "relativistic": (bce(REAL - FAKE, ONE), bce(FAKE - REAL, ONE)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_are_their_formulas(name):
    objective, (critic, generator) = OBJECTIVES[name], EXPECTED[name]
    torch.testing.assert_close(objective.critic(REAL, FAKE), critic)
    torch.testing.assert_close(objective.generator(REAL if objective.paired else None, FAKE), generator)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_descent_raises_real_scores_and_lowers_generated_ones_and_the_generator_raises_them(name):
    real, fake = torch.zeros(5, requires_grad=True), torch.zeros(5, requires_grad=True)
    losses = OBJECTIVES[name].critic(real, fake)
    assert losses.shape == (5,)
    losses.sum().backward()
    assert (real.grad < 0).all()
    assert (fake.grad == 0).all() if name == "least-squares" else (fake.grad > 0).all()  # its target of fakes is 0
    fake.grad = None
    OBJECTIVES[name].generator(real.detach(), fake).sum().backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_score_makes_a_loss_overflow(name):
    scores = torch.tensor([1e4, -1e4], requires_grad=True)
    for loss in (OBJECTIVES[name].critic(scores, -scores), OBJECTIVES[name].generator(scores, -scores)):
        loss.sum().backward(retain_graph=True)
        assert loss.isfinite().all() and scores.grad.isfinite().all()


def test_the_saturating_generator_stands_still_before_a_sure_critic_and_the_other_does_not():
    for name, slope in (("minimax", 0.0), ("non-saturating", -1.0)):
        fake = torch.tensor([-30.0], requires_grad=True)
        OBJECTIVES[name].generator(None, fake).backward()
        assert fake.grad.item() == pytest.approx(slope, abs=1e-6)


def test_the_best_cross_entropy_measures_the_jensen_shannon_divergence():
    # Goodfellow et al. 2014, theorem 1: on three points, with D = log(p / q), the loss is 2 log 2 - 2 JSD.
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.3, 0.6])
    scores = (p / q).log()
    real = OBJECTIVES["minimax"].critic(scores, torch.full((3,), -math.inf))
    fake = OBJECTIVES["minimax"].critic(torch.full((3,), math.inf), scores)
    mean = (p + q) / 2
    jsd = ((p * (p / mean).log()).sum() + (q * (q / mean).log()).sum()) / 2
    torch.testing.assert_close((p * real).sum() + (q * fake).sum(), 2 * math.log(2) - 2 * jsd)


def test_paired_losses_do_not_see_a_constant_added_to_all_scores():
    for player in (OBJECTIVES["relativistic"].critic, OBJECTIVES["relativistic"].generator):
        torch.testing.assert_close(player(REAL + 7, FAKE + 7), player(REAL, FAKE))
