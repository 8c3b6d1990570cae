"""How well scores tell real sentences from others: numbers with their intervals of 95%."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from .results import HIGH, LOW, Cell, Row

Interval: TypeAlias = "tuple[float, float | None, float | None]"
"""A number, and the lower and the upper end of its interval, None where nothing is known of them."""

Z = NormalDist().inv_cdf(0.975)


def accuracy(scores: np.ndarray) -> Interval | None:
    """How often the first of two scores (N, 2) is the higher one, a tie counting one half. None for no scores."""
    return proportion((scores[:, 0] > scores[:, 1]) + 0.5 * (scores[:, 0] == scores[:, 1]))


def proportion(hits: np.ndarray) -> Interval | None:
    """The mean of hits (N,), 0 to 1 each, with the interval of Wilson (1927), which stays between 0 and 1. None for no
    hits."""
    n = len(hits)
    if not n:
        return None
    mean = float(hits.mean())
    centre = (mean + Z**2 / (2 * n)) / (1 + Z**2 / n)
    margin = Z / (1 + Z**2 / n) * math.sqrt(mean * (1 - mean) / n + Z**2 / (4 * n**2))
    return mean, max(0.0, min(mean, centre - margin)), min(1.0, max(mean, centre + margin))  # but for rounding


def area(real: np.ndarray, changed: np.ndarray, paired: bool) -> Interval:
    """The area under the ROC curve of scores (N,) and (M,), with the interval of DeLong et al. (1988).

    A score's placement is the fraction of scores of the other side that it beats. The variance of the area is that of
    the mean placements. In pairs (N = M), the two placements of each are one observation, since they are not
    independent (Obuchowski 1997, with clusters of one real and one changed sentence).
    """
    ours, theirs = _placements(real, changed), 1 - _placements(changed, real)
    mean = float(ours.mean())
    if min(len(real), len(changed)) < 2:
        return mean, 0.0, 1.0
    if paired:
        variance = (ours + theirs).var(ddof=1) / len(real)
    else:
        variance = ours.var(ddof=1) / len(real) + theirs.var(ddof=1) / len(changed)
    margin = Z * math.sqrt(variance)
    return mean, max(0.0, mean - margin), min(1.0, mean + margin)


def _placements(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The fraction of the others that each score beats; ties count one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / (2 * len(others))


def mean(values: np.ndarray) -> Interval:
    """The mean of values (N,), with the interval of a normal distribution."""
    centre = float(values.mean())
    if len(values) < 2:
        return centre, None, None
    margin = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return centre, centre - margin, centre + margin


def cells(name: str, interval: Interval | None) -> Row:
    """The columns of a number and of its interval; the interval None is an undefined number."""
    values: tuple[Cell, ...] = interval or (None, None, None)
    return dict(zip((name, name + LOW, name + HIGH), values, strict=True))
