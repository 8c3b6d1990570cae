"""How far a score would move with other sentences of the same systems."""

from collections.abc import Callable, Mapping

import numpy as np

Statistic = Callable[[np.ndarray, np.ndarray], Mapping[str, float | None]]


def subset(total: int, size: int, seed: int = 0) -> np.ndarray:
    """`size` of the numbers 0..total-1 at random in ascending order, always the same ones."""
    return np.sort(np.random.default_rng(seed).permutation(total)[:size])


def halves(total: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random halves of the numbers 0..total-1, always the same ones."""
    order = np.random.default_rng(0).permutation(total)
    return order[: total // 2], order[total // 2 : 2 * (total // 2)]


def intervals(
    statistic: Statistic,
    values: Mapping[str, float | None],
    sizes: tuple[int, int],
    repetitions: int,
    level: float = 0.95,
    seed: int = 0,
    after_each: Callable[[], object] = lambda: None,
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap intervals for every score, by random halves drawn without replacement.

    Drawing with replacement, as the usual bootstrap does, plants duplicates, which self-BLEU, distinct-n and the
    unique fraction would count as a collapse. The spread over random halves of n sentences is that of n fresh ones:
    var(half) = s^2 / (n / 2) * (1 - 1 / 2) = s^2 / n (the delete-half jackknife, Shao and Wu 1989). So an interval is
    the score plus the quantiles of the halves around their mean.

    Args:
        statistic: scores of some of the samples and some of the references, both given by their numbers.
        values: the scores of all; None where undefined.
        sizes: how many samples and references there are.
        repetitions: pairs of halves to draw.
        level: of the intervals.
        after_each: called after each repetition.

    Returns:
        (low, high) for each key; None where the score is undefined, for all or for any of the halves, and where there
        are fewer than four sentences, so that a half has no two.
    """
    if min(sizes) < 4:
        return dict.fromkeys(values)
    # A stream of its own: the first halves must not be the very ones that a classifier was trained on.
    rng = np.random.default_rng((seed, 1))
    rows = []
    for _ in range(repetitions):
        rows.append(statistic(*(np.sort(rng.permutation(n)[: n // 2]) for n in sizes)))
        after_each()
    result: dict[str, tuple[float, float] | None] = {}
    for key, value in values.items():
        halved = [row[key] for row in rows]
        if value is None or any(h is None for h in halved):
            result[key] = None
            continue
        deviations = np.array(halved, dtype=float) - np.mean(np.array(halved, dtype=float))
        low, high = np.quantile(deviations, [(1 - level) / 2, (1 + level) / 2])
        result[key] = (value + float(low), value + float(high))
    return result
