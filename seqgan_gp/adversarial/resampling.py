"""Choosing among samples of a generator so that they come closer to real ones."""

from torch import Tensor


def resample(log_ratios: Tensor, chance: Tensor) -> Tensor:
    """Which of k candidates to keep, (B,) int64: one drawn in proportion to p(x) / q(x), by the Gumbel-max trick.

    Of candidates from q, the generator's distribution, that draws from p, the real one, in the limit of many, and from
    something between the two before (Rubin 1988; of generators, Grover et al. 2019). The logit of the discriminator
    whose cross-entropy between real and generated samples is least is log p(x) / q(x), up to a constant, which cancels
    (Goodfellow et al. 2014, proposition 1; Azadi et al. 2019, section 3).

    Args:
        log_ratios: log p(x) / q(x) of the candidates up to a constant, (B, k).
        chance: independent standard exponential variables, (B, k).
    """
    # Minus the logarithm of an exponential variable is a Gumbel variable.
    return (log_ratios - chance.log()).argmax(dim=1)
