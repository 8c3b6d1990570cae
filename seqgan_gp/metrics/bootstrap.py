"""Intervals of scores: how far a score would move with other sentences of the same systems."""

from collections.abc import Callable, Mapping

import numpy as np

Statistic = Callable[[np.ndarray, np.ndarray], Mapping[str, float | None]]
"""Row numbers of samples and of references to the scores of those rows."""


def subset(total: int, size: int, seed: int = 0) -> np.ndarray:
    """`size` random numbers of 0..total-1 (size,), different and ascending. The same seed gives the same numbers."""
    return np.sort(np.random.default_rng(seed).permutation(total)[:size])


def halves(total: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random halves of the numbers 0..total-1, (total // 2,) each, always the same ones. They share no number."""
    order = np.random.default_rng(0).permutation(total)
    return order[: total // 2], order[total // 2 : 2 * (total // 2)]


def halved(
    statistic: Statistic,
    sizes: tuple[int, int],
    repetitions: int,
    seed: int = 0,
    after_each: Callable[[], object] = lambda: None,
) -> dict[str, np.ndarray]:
    """The scores of pairs of random halves that are drawn without replacement, (repetitions,) for each key.

    The usual bootstrap draws with replacement. That plants duplicates, which self-BLEU, distinct-n and the unique
    fraction would count as a collapse. Scores of random halves of n sentences spread as much as scores of n fresh ones:
    var(half) = s^2 / (n / 2) * (1 - 1 / 2) = s^2 / n (the delete-half jackknife, Shao and Wu 1989).

    Systems of equal sizes have the same halves of the reference, so that their scores are paired.

    Args:
        statistic: the scores of some samples and some references, by their row numbers.
        sizes: the numbers of samples and of references.
        repetitions: the number of pairs of halves.
        after_each: called after each repetition.

    Returns:
        The keys that are defined for all halves. There are none where there are fewer than four sentences, because a
        half then has fewer than two.
    """
    if min(sizes) < 4:
        return {}
    # The stream differs from that of `halves`: no half may be the very one that a classifier was trained on.
    rng = np.random.default_rng((seed, 1))
    rows = []
    for _ in range(repetitions):
        rows.append(statistic(*(np.sort(rng.permutation(n)[: n // 2]) for n in sizes)))
        after_each()
    keys = rows[0].keys() if rows else ()
    return {key: np.array([row[key] for row in rows]) for key in keys if all(row[key] is not None for row in rows)}


def interval(value: float, halves: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The bootstrap interval of a score: the score plus the quantiles of the halves around their mean.

    Args:
        value: the score of all samples and references.
        halves: those of random halves; see `halved`.
        level: the fraction of scores that an interval holds.
    """
    low, high = np.quantile(halves - halves.mean(), [(1 - level) / 2, (1 + level) / 2])
    return value + float(low), value + float(high)
