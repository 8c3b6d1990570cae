"""Adversarial objectives: pairs of losses to minimise, from scores (B,) to losses (B,). The caller takes the mean.

Scores are logits: a probability of being real in a paper is sigmoid(D) here. With s(t) = softplus(t) = log(1 + e^t),
-log sigmoid(D) = s(-D) and -log(1 - sigmoid(D)) = s(D).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Objective:
    """The losses of both players.

    Args:
        critic: from scores of real and of generated samples, (B,) each, to the critic's losses (B,).
        generator: from the same scores to the generator's losses (B,). Real scores are None unless `paired`.
        paired: whether the generator's loss compares with real samples.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor | None, Tensor], Tensor]
    paired: bool = False


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """D(G(z)) - D(x) (Arjovsky et al. 2017, algorithm 1, with the sign changed to minimise).

    If D is 1-Lipschitz, its mean is minus an estimate of the Wasserstein-1 distance.
    """
    return fake - real


def raise_score(real: Tensor | None, fake: Tensor) -> Tensor:
    """-D(G(z)): the generator of Arjovsky et al. 2017 (algorithm 1), and of the hinge loss."""
    return -fake


def cross_entropy_critic(real: Tensor, fake: Tensor) -> Tensor:
    """s(-D(x)) + s(D(G(z))), the binary cross-entropy between real and generated (Goodfellow et al. 2014, equation 1).

    The minimum of its mean is 2 log 2 - 2 JSD nats (theorem 1 of that paper).
    """
    return F.softplus(-real) + F.softplus(fake)


def saturating_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """log(1 - sigmoid(D(G(z)))) = -s(D(G(z))): the minimax game (Goodfellow et al. 2014, equation 1).

    Its gradient vanishes when the critic is sure that a sample is generated.
    """
    return -F.softplus(fake)


def non_saturating_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """-log sigmoid(D(G(z))) = s(-D(G(z))) (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake)


def least_squares_critic(real: Tensor, fake: Tensor) -> Tensor:
    """((D(x) - 1)^2 + D(G(z))^2) / 2 (Mao et al. 2017, equation 9)."""
    return ((real - 1).square() + fake.square()) / 2


def least_squares_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """(D(G(z)) - 1)^2 / 2 (Mao et al. 2017, equation 9)."""
    return (fake - 1).square() / 2


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim and Ye 2017; Miyato et al. 2018, equation 16)."""
    return F.relu(1 - real) + F.relu(1 + fake)


def relativistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    """s(-(D(x) - D(G(z)))) for pairs of samples (Jolicoeur-Martineau 2019; Huang et al. 2024, equation 2)."""
    return F.softplus(fake - real)


def relativistic_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """s(-(D(G(z)) - D(x))), the critic's loss with real and generated swapped (Huang et al. 2024, equation 2)."""
    assert real is not None
    return F.softplus(real - fake)


OBJECTIVES = {
    "wasserstein": Objective(wasserstein_critic, raise_score),
    "minimax": Objective(cross_entropy_critic, saturating_generator),
    "non-saturating": Objective(cross_entropy_critic, non_saturating_generator),
    "least-squares": Objective(least_squares_critic, least_squares_generator),
    "hinge": Objective(hinge_critic, raise_score),
    "relativistic": Objective(relativistic_critic, relativistic_generator, paired=True),
}
