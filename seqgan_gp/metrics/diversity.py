"""How different samples are from one another, and from the text that a generator was trained on."""

import itertools

import numpy as np

from .ngrams import Corpus, NGrams


def distinct(ngrams: NGrams) -> list[float]:
    """Distinct-n for each order that was counted: different n-grams over all n-grams (Li et al. 2016), in [0, 1],
    higher is more diverse; it falls as the number of sentences grows. NaN where no sentence has n tokens."""
    totals = [counts.totals() for counts in ngrams.orders]
    return [float(np.count_nonzero(t) / t.sum()) if t.any() else float("nan") for t in totals]


def sentence_ids(*corpora: Corpus) -> list[np.ndarray]:
    """A number for each sentence, (sentences,) int64, the same for equal sentences of corpora that were numbered
    alike."""
    ids: dict[bytes, int] = {}

    def one(corpus: Corpus) -> np.ndarray:
        data, bounds = corpus.tokens.tobytes(), (corpus.tokens.itemsize * corpus.bounds).tolist()
        spans = itertools.pairwise(bounds)
        return np.fromiter((ids.setdefault(data[a:b], len(ids)) for a, b in spans), dtype=np.int64)

    return [one(corpus) for corpus in corpora]


def unique(ids: np.ndarray) -> float:
    """Different sentences over all sentences, in (0, 1]: 1 is no repetition."""
    return len(np.unique(ids)) / len(ids)


def novel(ids: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Whether each sentence is not among the training sentences: bool (sentences,)."""
    return ~np.isin(ids, training)


def longest_overlap(samples: Corpus, training: Corpus) -> np.ndarray:
    """Tokens of the longest part of each sentence that stands word for word in a training sentence: (sentences,)
    int64, 0 to the sentence's length.

    Novelty by whole sentences misses a generator that glues copied halves together; this does not (McCoy et al. 2023
    ask the same of language models).
    """
    longest = np.zeros(len(samples), dtype=np.int64)
    sentence = np.repeat(np.arange(len(samples)), samples.lengths)
    vocabulary = int(max(samples.tokens.max(initial=0), training.tokens.max(initial=0))) + 1
    # The n-grams that both have, by where they start and their number; each round adds a token to them.
    tokens, starts, remaining = [], [], []
    for corpus in (samples, training):
        tokens.append(corpus.tokens.astype(np.int64))
        starts.append(np.arange(len(corpus.tokens)))
        remaining.append(np.repeat(np.cumsum(corpus.lengths), corpus.lengths) - np.arange(len(corpus.tokens)))
    grams = [t.copy() for t in tokens]
    n = 1
    while True:
        common = np.intersect1d(grams[0], grams[1])
        if not len(common):
            return longest
        for i, gram in enumerate(grams):
            place = np.searchsorted(common, gram).clip(max=len(common) - 1)
            kept = common[place] == gram
            starts[i], grams[i] = starts[i][kept], place[kept]
        longest[sentence[starts[0]]] = n
        for i in range(2):
            more = remaining[i][starts[i]] > n
            starts[i] = starts[i][more]
            grams[i] = grams[i][more] * vocabulary + tokens[i][starts[i] + n]
        n += 1
