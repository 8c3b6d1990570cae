"""Adversarial losses: functions of scores (B,) to losses (B,), all to be minimised; the caller takes the mean."""

from torch import Tensor


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """D(G(z)) - D(x), the critic's loss of Arjovsky et al. 2017 (algorithm 1, its sign turned to be minimised).

    Its mean is minus the estimate of the Wasserstein-1 distance, as far as D is 1-Lipschitz.
    """
    return fake - real


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    """-D(G(z)), the generator's loss of Arjovsky et al. 2017."""
    return -fake
