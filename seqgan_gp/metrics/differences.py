"""Whether two systems differ in a score: tests on their seeds, or on their sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEAST_SEEDS = 3  # of each system; two and two would never give a p below 1/3
PERMUTATIONS = 9_999  # at most; all of them where there are no more


def smallest(one: int, other: int) -> float:
    """The smallest p that `seeds_differ` can give with so many seeds: 0.1 for three and three."""
    return min(1.0, 2 / min(math.comb(one + other, one), PERMUTATIONS + 1))


def seeds_differ(one: Sequence[float], other: Sequence[float]) -> float:
    """The p of a two-sided permutation test for the difference of the means over seeds (Fisher 1935; Pitman 1937).

    If the two systems had the same distribution of scores, each assignment of the scores to them would be as likely as
    the one that we see. p is the chance of a difference as large as the observed one. It is exact where there are no
    more than `PERMUTATIONS` assignments, and from as many random ones otherwise.

    It assumes that the seeds are independent runs. It says something about the training, and not just about the
    networks at hand.

    Args:
        one, other: a score of each seed.
    """

    from scipy import stats  # takes a second: only comparisons pay for it

    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return x.mean(axis=axis) - y.mean(axis=axis)

    sides = [np.asarray(side, dtype=float) for side in (one, other)]
    return float(stats.permutation_test(sides, difference, vectorized=True, n_resamples=PERMUTATIONS, rng=0).pvalue)


def halves_differ(difference: float, halved: Sequence[float]) -> float:
    """The p of a two-sided t-test for a difference of two scores, from its values for random halves of the sentences.

    Scores of random halves, drawn without replacement, spread as much as scores of as many fresh sentences (the
    delete-half jackknife, Shao and Wu 1989; see `bootstrap.halved`). So their standard deviation is the standard error
    of the difference. The halves overlap, and a test that flipped signs of them as of independent ones would find
    differences everywhere. The halves of the two systems are paired: they are scored against the same half of the
    reference, so that its chance is in both scores and mostly cancels.

    It assumes that the difference is about normal, which holds for smooth scores of hundreds of sentences, and that the
    sentences of each system are independent. It tells two sets of sentences apart, and so two networks. It says nothing
    about another training of them.

    Args:
        difference: of all sentences.
        halved: of each half.
    """
    from scipy import stats

    error = float(np.std(halved, ddof=1))
    if error <= 1e-12 * max(1.0, abs(difference)):  # no half differs from another
        return 1.0 if abs(difference) <= 1e-12 else 0.0
    return float(2 * stats.t.sf(abs(difference) / error, len(halved) - 1))


def holm(chances: Sequence[float]) -> list[float]:
    """The p of several tests, so that all of them together have one level (Holm 1979)."""
    corrected = [0.0] * len(chances)
    last = 0.0
    for rank, place in enumerate(np.argsort(chances, kind="stable")):
        last = max(last, min(1.0, (len(chances) - rank) * chances[place]))
        corrected[place] = last
    return corrected
