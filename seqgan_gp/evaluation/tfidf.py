"""TF-IDF weights of the n-grams of sentences, which an encoder and a classifier read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..metrics.ngrams import NGrams, NumberedSentences, Vocabulary, count_ngrams
from ..text.words import UNITS

BOUNDARY = "\n"  # no word contains it, and no line does


class Weights:
    """TF-IDF weights with logarithmic counts, in rows of length 1. They are those of scikit-learn's `TfidfVectorizer`,
    which takes n-grams apart one by one; here numpy counts them, as it does for BLEU.

    Args:
        sentences: the weights are fitted to them; n-grams that they lack have none.
        unit: of the tokens, "word" or "character". The two ends of a sentence count as tokens.
        max_n: the longest n-grams.

    Attributes:
        fitted: the weights of these sentences, a sparse float64 (sentences, n-grams). The n-grams are in the order of
            the alphabet.
    """

    def __init__(self, sentences: Sequence[str], unit: str, max_n: int):
        from sklearn.feature_extraction.text import TfidfTransformer

        self._split, self._max_n, self._vocabulary = UNITS[unit], max_n, Vocabulary()
        self._sentences = self._numbered(sentences, learn=True)
        tokens = list(map(str, self._vocabulary.tokens))
        alphabet = {token: place for place, token in enumerate(sorted(tokens))}
        self._place = np.array([alphabet[token] for token in tokens])
        (counted,) = count_ngrams(self._sentences, max_n=max_n)
        self._transformer = TfidfTransformer(sublinear_tf=True)
        self.fitted = self._transformer.fit_transform(self._table(counted, counted))

    def __call__(self, sentences: Sequence[str]) -> Any:
        """The weights of other sentences, a sparse float64 (sentences, n-grams)."""
        numbered = self._numbered(sentences, learn=False)
        return self._transformer.transform(
            self._table(*count_ngrams(self._sentences, numbered, max_n=self._max_n)), copy=False
        )

    def _numbered(self, sentences: Sequence[str], learn: bool) -> NumberedSentences:
        bounded = ((BOUNDARY, *self._split(sentence), BOUNDARY) for sentence in sentences)
        return self._vocabulary.number(bounded, learn)

    def _table(self, fitted: NGrams, counted: NGrams) -> Any:
        """How often each sentence has each n-gram that was fitted: a sparse int64 (sentences, n-grams).

        Args:
            fitted, counted: the n-grams of the sentences that the weights are fitted to, and of others, from one call
                of `count_ngrams`.
        """
        from scipy.sparse import csr_matrix

        keys: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        columns: list[np.ndarray] = []
        bounds = self._sentences.bounds
        for n, (own, other) in enumerate(zip(fitted.orders, counted.orders, strict=True), 1):
            grams, first = np.unique(own.each(), return_index=True)
            ends = np.cumsum(fitted.sizes(n))
            sentence = np.searchsorted(ends, first, side="right")
            place = first - ends[sentence] + fitted.sizes(n)[sentence] + bounds[sentence]
            key = np.full((len(grams), self._max_n), -1)  # the places of its tokens in the alphabet
            key[:, :n] = self._place[self._sentences.tokens[place[:, None] + np.arange(n)]]
            column = np.full(own.grams, -1)
            column[grams] = sum(len(key) for key in keys) + np.arange(len(grams))
            keys.append(key)
            columns.append(column[other.each()])
            rows.append(np.repeat(np.arange(len(counted)), counted.sizes(n)))
        order = np.lexsort(np.concatenate(keys).T[::-1])
        row, column = np.concatenate(rows), np.concatenate(columns)
        known = column >= 0
        column = np.argsort(order)[column[known]]
        return csr_matrix((np.ones(len(column)), (row[known], column)), shape=(len(counted), len(order)))
