"""BLEU against many references, and self-BLEU, exactly and without a loop over pairs of sentences.

BLEU clips the count of each n-gram at the largest count in any one reference (Papineni et al. 2002). With all
sentences of a file as references, the second "the" of a sentence counts if any reference has a second "the". In
self-BLEU the references of a sentence are all the others, and it counts if two sentences have one: the sentence itself
and another. The scores are those of nltk's `sentence_bleu` with equal weights and smoothing method 1.
"""

import numpy as np

from .ngrams import NGrams

SMOOTHING = 0.1  # Chen and Cherry 2014, method 1: a precision of 0 / m becomes 0.1 / m


def bleu(hypotheses: NGrams, references: NGrams) -> np.ndarray:
    """BLEU-1 to BLEU-N of each hypothesis against all references, where N orders were counted.

    With samples as hypotheses it measures quality. With real text as hypotheses and samples as references it measures
    recall (backward BLEU, Shi et al. 2018).

    Returns:
        float64 (hypotheses, orders) in [0, 1]; higher is closer.

    Raises:
        ValueError: there are no references.
    """
    if not len(references):
        raise ValueError("BLEU needs at least one reference")
    clipped = []
    for n, (hypothesis, reference) in enumerate(zip(hypotheses.orders, references.orders, strict=True), 1):
        present = np.zeros(hypothesis.grams + len(hypothesis.repeated), dtype=bool)
        present[reference.symbols] = True
        clipped.append(_count(present[hypothesis.symbols], hypotheses.sizes(n)))
    available = np.unique(references.lengths)
    return _combine(np.stack(clipped, axis=1), hypotheses.lengths, _closest(hypotheses.lengths, available))


def self_bleu(sentences: NGrams) -> np.ndarray:
    """BLEU-1 to BLEU-N of each sentence against all others (Zhu et al. 2018, Texygen), where N orders were counted.

    It grows with the number of sentences: compare at equal numbers only.

    Returns:
        float64 (sentences, orders) in [0, 1]; lower is more diverse.

    Raises:
        ValueError: fewer than two sentences.
    """
    if len(sentences) < 2:
        raise ValueError("self-BLEU needs at least two sentences")
    clipped = []
    for n, counts in enumerate(sentences.orders, 1):
        elsewhere = counts.occurrences() > 1
        clipped.append(_count(elsewhere[counts.symbols], sentences.sizes(n)))
    length = sentences.lengths
    available, number = np.unique(length, return_counts=True)
    shared = np.isin(length, available[number > 1])
    closest = np.where(shared, length, _closest_other(length, available))
    return _combine(np.stack(clipped, axis=1), length, closest)


def _count(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How many n-grams of each sentence count, the numerator of its modified precision: int (sentences,).

    Args:
        counts: whether each n-gram counts, bool (n-grams,), sentence by sentence.
        sizes: the number of n-grams of each sentence (sentences,).
    """
    before = np.concatenate([[0], np.cumsum(counts, dtype=np.int32)])
    ends = np.cumsum(sizes)
    return before[ends] - before[ends - sizes]


def _closest(length: np.ndarray, available: np.ndarray) -> np.ndarray:
    """The available length (sorted) closest to each length, and the shorter of two that are equally close."""
    above = np.searchsorted(available, length).clip(max=len(available) - 1)
    below = (above - 1).clip(min=0)
    return np.where(length - available[below] <= available[above] - length, available[below], available[above])


def _closest_other(length: np.ndarray, available: np.ndarray) -> np.ndarray:
    """The same as `_closest`, but never the length itself."""
    place = np.searchsorted(available, length)
    below, above = (place - 1).clip(min=0), (place + 1).clip(max=len(available) - 1)
    gap_below = np.where(place > 0, length - available[below], np.iinfo(np.int64).max)
    gap_above = np.where(place < len(available) - 1, available[above] - length, np.iinfo(np.int64).max)
    return np.where(gap_below <= gap_above, available[below], available[above])


def _combine(clipped: np.ndarray, length: np.ndarray, closest: np.ndarray) -> np.ndarray:
    """The brevity penalty times the geometric mean of the first n precisions, for every n."""
    orders = np.arange(1, clipped.shape[1] + 1)
    possible = (length[:, None] - orders + 1).clip(min=1)
    precision = np.where(clipped == 0, SMOOTHING, clipped) / possible
    mean = np.exp(np.cumsum(np.log(precision), axis=1) / orders)
    brevity = np.exp(np.minimum(0, 1 - closest / length.clip(min=1)))
    return np.where(clipped[:, :1] == 0, 0.0, brevity[:, None] * mean)
