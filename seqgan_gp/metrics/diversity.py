"""How different samples are from one another, and from the text that a generator was trained on."""

import itertools

import numpy as np

from .ngrams import NGrams, NumberedSentences


def distinct(ngrams: NGrams) -> list[float]:
    """Distinct-n for each order that was counted: different n-grams over all n-grams (Li et al. 2016).

    It falls as the number of sentences grows: compare at equal numbers only.

    Returns:
        A number in [0, 1] for each order; higher is more diverse. It is NaN where no sentence has n tokens.
    """
    totals = [counts.totals() for counts in ngrams.orders]
    return [float(np.count_nonzero(t) / t.sum()) if t.any() else float("nan") for t in totals]


def sentence_ids(*corpora: NumberedSentences) -> list[np.ndarray]:
    """A number for each sentence, int64 (sentences,) for each corpus. Equal sentences have the same number.

    Args:
        corpora: numbered by one call of `ngrams.number`.
    """
    ids: dict[bytes, int] = {}

    def one(corpus: NumberedSentences) -> np.ndarray:
        data, bounds = corpus.tokens.tobytes(), (corpus.tokens.itemsize * corpus.bounds).tolist()
        spans = itertools.pairwise(bounds)
        return np.fromiter((ids.setdefault(data[a:b], len(ids)) for a, b in spans), dtype=np.int64)

    return [one(corpus) for corpus in corpora]


def unique(ids: np.ndarray) -> float:
    """Different sentences over all sentences, in (0, 1]; 1 means that none is repeated.

    Args:
        ids: the number of each sentence (sentences,), from `sentence_ids`.
    """
    return len(np.unique(ids)) / len(ids)


def novel(ids: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Whether each sentence is not among the training sentences: bool (sentences,).

    Args:
        ids, training: the numbers of samples and of training sentences, from one call of `sentence_ids`.
    """
    return ~np.isin(ids, training)


def longest_overlap(samples: NumberedSentences, training: NumberedSentences) -> np.ndarray:
    """The longest run of tokens of each sentence that a training sentence contains word for word (McCoy et al. 2023).

    Novelty of whole sentences misses a generator that glues copied halves together. This score does not.

    Args:
        samples, training: numbered by one call of `ngrams.number`.

    Returns:
        Tokens, int64 (sentences,), from 0 to the length of the sentence.
    """
    longest = np.zeros(len(samples), dtype=np.int64)
    sentence = np.repeat(np.arange(len(samples)), samples.lengths)
    vocabulary = int(max(samples.tokens.max(initial=0), training.tokens.max(initial=0))) + 1
    # The n-grams that both have: the token where each starts, and its number. Each round makes them a token longer.
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
