"""Divergences between the distributions of two corpora."""

import numpy as np

from .ngrams import NGrams


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits, of two histograms over the same outcomes: in [0, 1], lower is closer (Lin
    1991).

    NaN where one of them is empty.
    """
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def relative_entropy(a: np.ndarray) -> float:
        present = a > 0
        return float((a[present] * np.log2(a[present] / middle[present])).sum())

    return (relative_entropy(p) + relative_entropy(q)) / 2


def ngram_jsd(samples: NGrams, reference: NGrams) -> list[float]:
    """Jensen-Shannon divergence between the n-grams of two corpora, for each order that was counted, in bits: 0 is
    equal, 1 is disjoint.

    The measure of Gulrajani et al. 2017 (section 5.3). Finite corpora of one language are not at 0: compare with what
    two halves of real text score. NaN where one corpus has no sentence of n tokens.
    """
    orders = zip(samples.orders, reference.orders, strict=True)
    return [jensen_shannon(one.totals(), other.totals()) for one, other in orders]


def length_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Wasserstein-1 distance between two sets of sentence lengths, in tokens: 0 is equal, lower is closer.

    The area between the two cumulative distributions (Vallender 1974).
    """
    grid = np.arange(max(one.max(), other.max()) + 1)
    cumulative = [np.searchsorted(np.sort(x), grid, side="right") / len(x) for x in (one, other)]
    return float(np.abs(cumulative[0] - cumulative[1]).sum())
