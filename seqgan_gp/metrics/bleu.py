"""BLEU against many references, and self-BLEU, exactly and without a loop over pairs of sentences.

BLEU clips the count of each n-gram at the largest count in any one reference (Papineni et al. 2002). With all
sentences of a file as references, that largest count is one number per n-gram. In self-BLEU the references of a
sentence are all the others. The two largest counts of an n-gram, and the sentence that has the larger, then give every
leave-one-out clip at once. The scores are those of nltk's `sentence_bleu` with equal weights and smoothing method 1.
"""

import numpy as np

from .ngrams import Counts, NGrams

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
    for hypothesis, reference in zip(hypotheses.orders, references.orders, strict=True):
        largest = np.zeros(hypothesis.grams, dtype=np.int32)
        starts = _starts(reference)
        if len(starts):
            largest[reference.gram[starts]] = np.maximum.reduceat(reference.count, starts)
        clipped.append(_clip(hypothesis, largest[hypothesis.gram], len(hypotheses)))
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
    clipped = [_clip(counts, _largest_elsewhere(counts), len(sentences)) for counts in sentences.orders]
    length = sentences.lengths
    available, number = np.unique(length, return_counts=True)
    shared = np.isin(length, available[number > 1])
    closest = np.where(shared, length, _closest_other(length, available))
    return _combine(np.stack(clipped, axis=1), length, closest)


def _largest_elsewhere(counts: Counts) -> np.ndarray:
    """For each entry the largest count of its n-gram in any other sentence."""
    starts = _starts(counts)
    if not len(starts):
        return counts.count
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(counts.gram)))
    largest = np.maximum.reduceat(counts.count, starts)[group]
    # One entry of each n-gram owns the largest count; for that one alone the runner-up counts.
    candidates = np.flatnonzero(counts.count == largest)
    owner = candidates[np.diff(group[candidates], prepend=-1) > 0]
    others = counts.count.copy()
    others[owner] = 0
    largest[owner] = np.maximum.reduceat(others, starts)
    return largest


def _starts(counts: Counts) -> np.ndarray:
    """The first entry of each n-gram. The entries are sorted by n-gram."""
    return np.flatnonzero(np.diff(counts.gram, prepend=-1))


def _clip(counts: Counts, limit: np.ndarray, sentences: int) -> np.ndarray:
    """The numerator of the modified precision of each sentence."""
    return np.bincount(counts.sentence, np.minimum(counts.count, limit), minlength=sentences)


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
