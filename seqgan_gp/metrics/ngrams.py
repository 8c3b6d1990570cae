"""Counts of n-grams in lists of token sequences, as integer arrays: numpy sorts where others loop over sentences."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

Sentences = Sequence[Sequence[Hashable]]


@dataclass(frozen=True)
class Counts:
    """How often each n-gram occurs in each sentence: three parallel arrays, one entry for each pair that occurs,
    sorted by
    n-gram. N-gram numbers are 0..grams-1, the same in all corpora that were counted together."""

    gram: np.ndarray
    sentence: np.ndarray
    count: np.ndarray
    grams: int


def lengths(sentences: Sentences) -> np.ndarray:
    """Tokens of each sentence: int64 (number of sentences,)."""
    return np.array([len(s) for s in sentences], dtype=np.int64)


def count_ngrams(corpora: Sequence[Sentences], max_n: int) -> list[list[Counts]]:
    """Counts of the 1-grams to max_n-grams of several corpora, numbered alike: result[n - 1][corpus]."""
    ids: dict[Hashable, int] = {}
    tokens = np.array([ids.setdefault(t, len(ids)) for c in corpora for s in c for t in s], dtype=np.int64)
    length = np.concatenate([lengths(c) for c in corpora])
    sentence = np.repeat(np.arange(len(length)), length)
    # Tokens from here to the end of the sentence: an n-gram starts where there are n.
    remaining = np.repeat(np.cumsum(length), length) - np.arange(len(tokens))
    first = np.cumsum([0, *(len(c) for c in corpora)])

    result = []
    position, gram = np.arange(len(tokens)), tokens
    for n in range(1, max_n + 1):
        if n > 1:
            keep = remaining[position] >= n
            position = position[keep]
            gram = gram[keep] * len(ids) + tokens[position + n - 1]
        distinct, gram = np.unique(gram, return_inverse=True)
        pairs, count = np.unique(gram * len(length) + sentence[position], return_counts=True)
        pair_gram, pair_sentence = np.divmod(pairs, max(len(length), 1))
        corpus = np.searchsorted(first, pair_sentence, side="right") - 1
        result.append(
            [
                Counts(pair_gram[own], pair_sentence[own] - first[i], count[own], len(distinct))
                for i in range(len(corpora))
                for own in [corpus == i]
            ]
        )
    return result
