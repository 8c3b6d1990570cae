"""Adversarial objectives: what the critic and the generator minimise, as functions of scores.

Losses map the scores of real and of generated samples, (B,) each, to a loss for each sample, (B,); the caller takes the
mean.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """The losses of the two players, each of (real, fake) scores.

    Args:
        critic: the critic's.
        generator: the generator's.
        paired: whether the generator's loss reads the real scores; where it does not, they need not be computed.
    """

    critic: Loss
    generator: Loss
    paired: bool = False


OBJECTIVES = {
    # Arjovsky et al. 2017, algorithm 1, the critic's sign turned to be minimised: minus the estimate of the
    # Wasserstein-1 distance, as far as the critic is 1-Lipschitz.
    "wasserstein": Objective(lambda real, fake: fake - real, lambda real, fake: -fake),
    # Goodfellow et al. 2014, equation 1, with D = sigmoid(score): -log D(x) - log(1 - D(G(z))) and log(1 - D(G(z))).
    "minimax": Objective(lambda real, fake: F.softplus(-real) + F.softplus(fake), lambda real, fake: -F.softplus(fake)),
    # There, section 3: the generator minimises -log D(G(z)) instead, which does not saturate.
    "non-saturating": Objective(
        lambda real, fake: F.softplus(-real) + F.softplus(fake), lambda real, fake: F.softplus(-fake)
    ),
    # Mao et al. 2017, equation 9 (a = 0, b = c = 1).
    "least-squares": Objective(
        lambda real, fake: ((real - 1).square() + fake.square()) / 2, lambda real, fake: (fake - 1).square() / 2
    ),
    # Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17.
    "hinge": Objective(lambda real, fake: F.relu(1 - real) + F.relu(1 + fake), lambda real, fake: -fake),
    # Jolicoeur-Martineau 2019; Huang et al. 2024 (R3GAN), equation 2: pairs of a real and a generated sample.
    "relativistic": Objective(
        lambda real, fake: F.softplus(fake - real), lambda real, fake: F.softplus(real - fake), paired=True
    ),
}
