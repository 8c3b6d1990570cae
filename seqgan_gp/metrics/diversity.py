"""How different samples are from one another, and from the text that a generator was trained on."""

import itertools

import numpy as np

from .ngrams import NGrams, NumberedSentences, extend, tokens_to_the_end


def distinct(ngrams: NGrams) -> list[float]:
    """Distinct-n for each order that was counted: different n-grams over all n-grams (Li et al. 2016).

    It falls as the number of sentences grows: compare at equal numbers only.

    Returns:
        A number in [0, 1] for each order; higher is more diverse. It is NaN where no sentence has n tokens.
    """
    totals = [counts.totals() for counts in ngrams.orders]
    return [float(np.count_nonzero(t) / t.sum()) if t.any() else float("nan") for t in totals]


def fingerprints(sentences: NumberedSentences) -> np.ndarray:
    """A number for each sentence, int64 (sentences,). Equal sentences have the same number in a process, also those of
    several corpora that one vocabulary numbered. The probability that any two of a million different sentences have the
    same number is below 1e-7.
    """
    data, bounds = sentences.tokens.tobytes(), (sentences.tokens.itemsize * sentences.bounds).tolist()
    return np.fromiter((hash(data[a:b]) for a, b in itertools.pairwise(bounds)), dtype=np.int64, count=len(sentences))


def unique(fingerprints: np.ndarray) -> float:
    """Different sentences over all sentences, in (0, 1]; 1 means that none is repeated.

    Args:
        fingerprints: of the sentences (sentences,).
    """
    return len(np.unique(fingerprints)) / len(fingerprints)


def longest_overlap(samples: NumberedSentences, training: NumberedSentences) -> np.ndarray:
    """The longest run of tokens of each sentence that a training sentence contains word for word (McCoy et al. 2023).

    Novelty of whole sentences misses a generator that glues copied halves together. This score does not.

    Args:
        samples, training: numbered by one call of `ngrams.number`.

    Returns:
        Tokens, int64 (sentences,), from 0 to the length of the sentence.
    """
    longest = np.zeros(len(samples), dtype=np.int64)
    sentence = np.repeat(np.arange(len(samples), dtype=np.int32), samples.lengths)
    tokens = np.concatenate([samples.tokens, training.tokens])
    remaining = tokens_to_the_end(np.concatenate([samples.lengths, training.lengths]))
    vocabulary = int(tokens.max(initial=0)) + 1
    # The n-grams that both have: where each starts, and its number. Each round makes them a token longer.
    position, gram, grams, n = np.arange(len(tokens), dtype=np.int32), tokens, vocabulary, 1
    while True:
        ours = np.searchsorted(position, len(samples.tokens))
        in_samples, in_training = np.zeros((2, grams), dtype=bool)
        in_samples[gram[:ours]] = in_training[gram[ours:]] = True
        kept = (in_samples & in_training)[gram]
        position, gram = position[kept], gram[kept]
        if not len(position):
            return longest
        longest[sentence[position[: np.count_nonzero(kept[:ours])]]] = n
        n += 1
        more = remaining[position] >= n
        position = position[more]
        gram, grams = extend(gram[more], grams, tokens[position + (n - 1)], vocabulary)


def new_tokens(samples: NumberedSentences, known: np.ndarray) -> np.ndarray:
    """How many tokens of each sentence the training text lacks: int64 (sentences,).

    A model of characters or of pieces of words makes such words up; a model of whole words cannot write them.

    Args:
        samples: numbered by one vocabulary.
        known: whether the training text has each token of that vocabulary, bool (tokens,).
    """
    sentence = np.repeat(np.arange(len(samples)), samples.lengths)
    return np.bincount(sentence[~known[samples.tokens]], minlength=len(samples))
