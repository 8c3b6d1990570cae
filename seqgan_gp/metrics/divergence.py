"""Divergences between the distributions of two corpora."""

import numpy as np

from .ngrams import PART, NGrams


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen-Shannon divergence of two histograms (outcomes,) in bits (Lin 1991).

    Returns:
        A number in [0, 1]; lower is closer. It is NaN where a histogram is empty.
    """
    sizes = p.sum(), q.sum()
    if not all(sizes):
        return float("nan")
    total = 0.0
    for start in range(0, len(p), PART):
        parts = [x[start : start + PART] / size for x, size in zip((p, q), sizes, strict=True)]
        middle = (parts[0] + parts[1]) / 2
        for part in parts:
            present = part > 0
            total += float((part[present] * np.log2(part[present] / middle[present])).sum())
    return total / 2


def ngram_jsd(samples: NGrams, reference: NGrams) -> list[float]:
    """The Jensen-Shannon divergence between the n-grams of two corpora in bits, for each order that was counted
    (Gulrajani et al. 2017, section 5.3).

    Two finite corpora of one language are not at 0: compare with the score of two halves of real text.

    Returns:
        A number in [0, 1] for each order; 0 is equal and 1 is disjoint. It is NaN where a corpus has no n-gram.
    """
    orders = zip(samples.orders, reference.orders, strict=True)
    return [jensen_shannon(one.totals(), other.totals()) for one, other in orders]


def length_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The Wasserstein-1 distance between two sets of sentence lengths, in tokens; lower is closer. It is the area
    between their cumulative distributions (Vallender 1974).

    Args:
        one, other: int (sentences,), at least one each.
    """
    grid = np.arange(max(one.max(), other.max()) + 1)
    cumulative = [np.searchsorted(np.sort(x), grid, side="right") / len(x) for x in (one, other)]
    return float(np.abs(cumulative[0] - cumulative[1]).sum())
