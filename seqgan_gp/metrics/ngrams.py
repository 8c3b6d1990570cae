"""Counts of n-grams in lists of token sequences, as integer arrays. Numpy sorts them; nothing loops over sentences."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Sentences = Iterable[Sequence[Hashable]]


@dataclass(frozen=True)
class NumberedSentences:
    """Sentences as numbers: `tokens` (all tokens in a row,) int32, and `lengths` (sentences,) int64."""

    tokens: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def bounds(self) -> np.ndarray:
        """The place in `tokens` where each sentence begins, and where the last one ends: (sentences + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)])


def number(*corpora: Sentences) -> list[NumberedSentences]:
    """Corpora as numbers. Equal tokens have the same number 0, 1, ... in all of them. Each sentence is read once."""
    ids: defaultdict[Hashable, int] = defaultdict()
    ids.default_factory = ids.__len__  # a new token gets the next number
    result = []
    for corpus in corpora:
        lengths: list[int] = []

        def measured(corpus: Sentences = corpus, lengths: list[int] = lengths) -> Iterator[Sequence[Hashable]]:
            for sentence in corpus:
                lengths.append(len(sentence))
                yield sentence

        tokens = np.fromiter(map(ids.__getitem__, itertools.chain.from_iterable(measured())), dtype=np.int32)
        result.append(NumberedSentences(tokens, np.array(lengths, dtype=np.int64)))
    return result


@dataclass(frozen=True)
class Counts:
    """How often n-grams of one order occur in each sentence, as three parallel int32 arrays (entries,): the number of
    the n-gram, the number of the sentence, and the count. N-grams have the numbers 0..grams-1, the same in all corpora
    that were counted together.
    """

    gram: np.ndarray
    sentence: np.ndarray
    count: np.ndarray
    grams: int

    def totals(self) -> np.ndarray:
        """How often each n-gram occurs in the corpus: (grams,)."""
        return np.bincount(self.gram, self.count, minlength=self.grams)


@dataclass(frozen=True)
class NGrams:
    """The n-grams of a corpus: `orders[n - 1]` counts those of order n, `lengths` (sentences,) counts tokens."""

    orders: tuple[Counts, ...]
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def present(self) -> np.ndarray:
        """Whether a sentence has n tokens at all, for each order n: bool (orders,)."""
        return np.array([len(counts.gram) > 0 for counts in self.orders])

    def take(self, sentences: np.ndarray | None) -> NGrams:
        """The corpus of some sentences, by their different row numbers; None takes all. N-grams keep their numbers."""
        if sentences is None:
            return self
        place = np.full(len(self), -1, dtype=np.int32)
        place[sentences] = np.arange(len(sentences), dtype=np.int32)
        orders = []
        for counts in self.orders:
            new = place[counts.sentence]
            kept = new >= 0
            orders.append(Counts(counts.gram[kept], new[kept], counts.count[kept], counts.grams))
        return NGrams(tuple(orders), self.lengths[sentences])


def list_ngrams(*corpora: NumberedSentences, max_n: int) -> list[NGrams]:
    """The 1-grams to max_n-grams of corpora, with one entry for each occurrence, in the order of the text.

    This is enough for totals. It takes the time to sort all tokens, and some 12 bytes for each token and order.

    Args:
        corpora: numbered by one call of `number`.
    """
    tokens = np.concatenate([c.tokens for c in corpora])
    length = np.concatenate([c.lengths for c in corpora])
    vocabulary = int(tokens.max(initial=0)) + 1
    first = np.cumsum([0, *(len(c) for c in corpora)])
    # The sentence within its corpus, and where the corpora end among the tokens.
    sentence = np.concatenate([np.repeat(np.arange(len(c), dtype=np.int32), c.lengths) for c in corpora])
    ends = np.cumsum([0, *(len(c.tokens) for c in corpora)])
    # Tokens from here to the end of the sentence: an n-gram starts where there are n.
    remaining = np.repeat(np.cumsum(length), length) - np.arange(len(tokens))

    orders: list[list[Counts]] = [[] for _ in corpora]
    position, gram, grams = np.arange(len(tokens)), tokens.astype(np.int64), vocabulary
    for n in range(1, max_n + 1):
        if n > 1:
            keep = remaining[position] >= n
            position = position[keep]
            gram, grams = _renumber(gram[keep] * vocabulary + tokens[position + n - 1], grams * vocabulary)
        cuts = np.searchsorted(position, ends)
        for of_corpus, start, stop in zip(orders, cuts, cuts[1:], strict=False):
            own = gram[start:stop].astype(np.int32)
            of_corpus.append(Counts(own, sentence[position[start:stop]], np.ones(len(own), dtype=np.int32), grams))
    bounds = zip(orders, first, first[1:], strict=False)
    return [NGrams(tuple(of_corpus), length[start:stop]) for of_corpus, start, stop in bounds]


def count_ngrams(*corpora: NumberedSentences, max_n: int = 5) -> list[NGrams]:
    """The same as `list_ngrams`, but with one entry for each pair of n-gram and sentence, sorted by n-gram."""
    return [NGrams(tuple(map(_group, c.orders)), c.lengths) for c in list_ngrams(*corpora, max_n=max_n)]


def _group(counts: Counts) -> Counts:
    pairs = np.sort(counts.gram.astype(np.int64) << 32 | counts.sentence)
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    count = np.diff(starts, append=len(pairs)).astype(np.int32)
    pairs = pairs[starts]
    return Counts((pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32), count, counts.grams)


def _renumber(codes: np.ndarray, limit: int) -> tuple[np.ndarray, int]:
    """Codes below `limit` as ranks 0, 1, ... among those that occur, and the number of those."""
    if 0 < limit <= 8 * len(codes):  # a table is faster than a sort
        occurs = np.zeros(limit, dtype=bool)
        occurs[codes] = True
        rank = np.cumsum(occurs, dtype=np.int32)
        return rank[codes] - 1, int(rank[-1])
    distinct, ranks = np.unique(codes, return_inverse=True)
    return ranks, len(distinct)
