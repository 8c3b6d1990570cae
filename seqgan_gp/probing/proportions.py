"""Intervals of proportions."""

import math

Z = 1.959964  # the normal distribution has 95% within so many standard deviations


def wilson(hits: float, trials: int) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson 1927). Half hits count, as those of ties.

    Raises:
        ValueError: there are no trials.
    """
    if not trials:
        raise ValueError("a proportion of no trials has no interval")
    share, square = hits / trials, Z**2 / trials
    middle = (share + square / 2) / (1 + square)
    margin = Z * math.sqrt((share * (1 - share) + square / 4) / trials) / (1 + square)
    return max(0.0, min(share, middle - margin)), min(1.0, max(share, middle + margin))  # but for rounding
