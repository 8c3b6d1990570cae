"""How far apart two corpora are as distributions of n-grams."""

import numpy as np

from .ngrams import Sentences, count_ngrams


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits, within [0, 1], of two arrays of counts or weights over the same events (Lin
    1991).

    NaN where one of the two is all zero.
    """
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    mean = (p + q) / 2

    def relative_entropy(a: np.ndarray) -> float:
        there = a > 0
        return float((a[there] * np.log2(a[there] / mean[there])).sum())

    return (relative_entropy(p) + relative_entropy(q)) / 2


def ngram_jsd(samples: Sentences, reference: Sentences, max_n: int = 4) -> list[float]:
    """Jensen-Shannon divergence between the n-grams of two corpora for n = 1..max_n, in bits: 0 is equal, 1 is
    disjoint.

    The measure of Gulrajani et al. 2017 (section 5.3). Finite corpora of one language are not at 0: compare with what
    two halves of real text score. NaN where one corpus has no sentence of n tokens.
    """
    result = []
    for one, other in count_ngrams([samples, reference], max_n):
        p, q = (np.bincount(c.gram, c.count, minlength=c.grams) for c in (one, other))
        result.append(jensen_shannon(p, q))
    return result
