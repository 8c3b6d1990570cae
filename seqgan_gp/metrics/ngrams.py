"""Counts of n-grams in lists of token sequences, as integer arrays. Numpy sorts them; nothing loops over sentences.

BLEU counts at most as many occurrences of an n-gram in a sentence as another sentence has. So each occurrence has a
number that stands for its n-gram and for its rank: whether it is the first, the second, ... of that n-gram in its
sentence. A second "the" is then a symbol of its own, and BLEU asks of each symbol whether another sentence has it.

A million sentences fit: an occurrence takes four bytes, and what is needed only while n-grams are numbered is made in
parts of a few million tokens.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Sentences = Iterable[Sequence[Hashable]]
PART = 1 << 21  # tokens that are sorted at once


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


class Vocabulary:
    """Numbers tokens 0, 1, ... in the order in which it meets them."""

    def __init__(self) -> None:
        self._ids: defaultdict[Hashable, int] = defaultdict()
        self._ids.default_factory = self._ids.__len__  # a new token gets the next number

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def tokens(self) -> list[Hashable]:
        """The tokens in the order of their numbers."""
        return list(self._ids)

    def number(self, sentences: Sentences, learn: bool = True) -> NumberedSentences:
        """Sentences as numbers. Each sentence is read once.

        Args:
            learn: number new tokens too; otherwise all of them get one number, which no known token has.
        """
        lengths: list[int] = []

        def measured() -> Iterator[Sequence[Hashable]]:
            for sentence in sentences:
                lengths.append(len(sentence))
                yield sentence

        tokens = itertools.chain.from_iterable(measured())
        if learn:
            numbers: Iterable[int] = map(self._ids.__getitem__, tokens)
        else:
            numbers = map(self._ids.get, tokens, itertools.repeat(len(self)))
        return NumberedSentences(np.fromiter(numbers, dtype=np.int32), np.array(lengths, dtype=np.int64))


def number(*corpora: Sentences) -> list[NumberedSentences]:
    """Corpora as numbers. Equal tokens have the same number 0, 1, ... in all of them. Each sentence is read once."""
    vocabulary = Vocabulary()
    return [vocabulary.number(corpus) for corpus in corpora]


@dataclass(frozen=True)
class Counts:
    """The n-grams of one order in a corpus, as an array of all occurrences in the order of the text.

    N-grams have the numbers 0..grams-1, the same in all corpora that were counted together.

    Args:
        symbols: int32 (occurrences,): the number of the n-gram where it occurs for the first time in its sentence, and
            another number, from `grams` on, where it occurs for the second, third, ... time.
        grams: the number of different n-grams.
        repeated: the n-gram of each symbol from `grams` on: (symbols - grams,).
    """

    symbols: np.ndarray
    grams: int
    repeated: np.ndarray

    def each(self) -> np.ndarray:
        """The n-gram of each occurrence: int (occurrences,)."""
        return np.concatenate([np.arange(self.grams), self.repeated])[self.symbols]

    def occurrences(self) -> np.ndarray:
        """The number of sentences that have each symbol: int64 (symbols,)."""
        return np.bincount(self.symbols, minlength=self.grams + len(self.repeated))

    def totals(self) -> np.ndarray:
        """How often each n-gram occurs in the corpus: int64 (grams,)."""
        occurrences = self.occurrences()
        totals = occurrences[: self.grams]
        np.add.at(totals, self.repeated, occurrences[self.grams :])
        return totals


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
        return np.array([len(counts.symbols) > 0 for counts in self.orders])

    def sizes(self, n: int) -> np.ndarray:
        """How many n-grams of order n each sentence has: int64 (sentences,)."""
        return (self.lengths - n + 1).clip(min=0)

    def take(self, sentences: np.ndarray | None) -> NGrams:
        """The corpus of some sentences, by their different row numbers, in the order of the corpus; None takes all.
        N-grams keep their numbers.
        """
        if sentences is None:
            return self
        chosen = np.zeros(len(self), dtype=bool)
        chosen[sentences] = True
        orders = []
        for n, counts in enumerate(self.orders, 1):
            kept = counts.symbols[np.repeat(chosen, self.sizes(n))]
            orders.append(Counts(kept, counts.grams, counts.repeated))
        return NGrams(tuple(orders), self.lengths[chosen])


def count_ngrams(*corpora: NumberedSentences, max_n: int = 5) -> list[NGrams]:
    """The 1-grams to max_n-grams of corpora. It takes the time to sort all tokens for each order, and four bytes for
    each token and order.

    Args:
        corpora: numbered by one call of `number`.
    """
    tokens = np.concatenate([c.tokens for c in corpora])
    lengths = np.concatenate([c.lengths for c in corpora])
    vocabulary = int(tokens.max(initial=0)) + 1
    last_sentences = np.cumsum([len(c) for c in corpora])
    orders: list[list[Counts]] = [[] for _ in corpora]
    # The number of each n-gram, and its last token. `doubled` has the places of n-grams that their sentence has more
    # than once: a longer one that begins there may be repeated too.
    gram, last, grams = tokens, tokens, vocabulary
    doubled = np.arange(len(tokens), dtype=np.int32)
    sizes, ends = lengths, np.cumsum(lengths)
    for n in range(1, max_n + 1):
        if n > 1:
            firsts, lasts = (ends - sizes)[sizes > 0], ends[sizes > 0] - 1
            gram, last = np.delete(gram, lasts), np.delete(last, firsts)  # nothing follows the last of a sentence
            gram, grams = extend(gram, grams, last, vocabulary)
            doubled = doubled[~np.isin(doubled, lasts)]
            doubled = doubled - np.searchsorted(lasts, doubled)
            sizes = (sizes - 1).clip(min=0)
            ends = np.cumsum(sizes)
        doubled, ranks = _doubled(doubled, gram, ends)
        later = doubled[ranks > 0]
        pairs, numbers = np.unique(gram[later].astype(np.int64) << 32 | ranks[ranks > 0], return_inverse=True)
        symbols = gram.copy() if len(later) else gram
        symbols[later] = grams + numbers
        cuts = [0, *(int(sizes[:sentence].sum()) for sentence in last_sentences)]
        for of_corpus, (start, stop) in zip(orders, itertools.pairwise(cuts), strict=True):
            of_corpus.append(Counts(symbols[start:stop], grams, pairs >> 32))
    return [NGrams(tuple(of_corpus), c.lengths) for of_corpus, c in zip(orders, corpora, strict=True)]


def tokens_to_the_end(lengths: np.ndarray) -> np.ndarray:
    """For each token the number of tokens from it to the end of its sentence, itself counted: int32 (tokens,)."""
    ends = np.cumsum(lengths, dtype=np.int32)
    return np.repeat(ends, lengths) - np.arange(lengths.sum(), dtype=np.int32)


def extend(gram: np.ndarray, grams: int, token: np.ndarray, vocabulary: int) -> tuple[np.ndarray, int]:
    """Number n-grams, each made of an (n-1)-gram and a token after it.

    Args:
        gram, grams: the number of each (n-1)-gram, int32 (occurrences,), and how many there are.
        token, vocabulary: the number of each token, int32 (occurrences,), and how many there are.

    Returns:
        The number of each n-gram, int32 (occurrences,), in 0, 1, ...; and how many there are.
    """
    numbers = np.empty(len(gram), dtype=np.int32)
    known = 0
    for first, last in _ranges(gram, grams):
        part = np.flatnonzero((gram >= first) & (gram < last)) if last - first < grams else slice(None)
        codes = (gram[part] - np.int64(first)) * vocabulary + token[part]
        ranks, different = _renumber(codes, (last - first) * vocabulary)
        numbers[part] = ranks + known
        known += different
    return numbers, known


def _ranges(gram: np.ndarray, grams: int) -> list[tuple[int, int]]:
    """Ranges of n-grams that have some `PART` occurrences each."""
    if len(gram) <= PART:
        return [(0, grams)]
    some = gram[:: len(gram) // PART]
    before = np.cumsum(np.bincount(some, minlength=grams)) * (len(gram) // PART)
    cuts = np.searchsorted(before, np.arange(PART, len(gram), PART), side="right")
    return list(itertools.pairwise(np.unique([0, *cuts.tolist(), grams]).tolist()))


def _doubled(places: np.ndarray, gram: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of n-grams that their sentence has more than once, (doubled,); and how often each stands before that
    place in its sentence, (doubled,).

    Args:
        places: the only places that are looked at, ascending (places,).
        gram: the number of the n-gram at each place.
        ends: the place where each sentence ends (sentences,).
    """
    doubled, ranks = [places[:0]], [places[:0]]
    # No part ends within a sentence.
    cuts = np.searchsorted(places, ends[np.searchsorted(ends, places[PART::PART], side="right")])
    for start, stop in itertools.pairwise(np.unique([0, *cuts.tolist(), len(places)]).tolist()):
        part = places[start:stop]
        pairs = np.searchsorted(ends, part, side="right") << 32 | gram[part]
        order = np.argsort(pairs, kind="stable")
        firsts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
        sizes = np.diff(firsts, append=len(order))
        rank, again = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=bool)
        rank[order] = np.arange(len(order)) - np.repeat(firsts, sizes)
        again[order] = np.repeat(sizes > 1, sizes)
        doubled.append(part[again])
        ranks.append(rank[again])
    return np.concatenate(doubled), np.concatenate(ranks)


def _renumber(codes: np.ndarray, limit: int) -> tuple[np.ndarray, int]:
    """Codes below `limit` as ranks 0, 1, ... among those that occur, and the number of those."""
    if 0 < limit <= 8 * len(codes):  # a table is faster than a sort
        occurs = np.zeros(limit, dtype=bool)
        occurs[codes] = True
        rank = np.cumsum(occurs, dtype=np.int32)
        return rank[codes] - 1, int(rank[-1])
    distinct, ranks = np.unique(codes, return_inverse=True)
    return ranks, len(distinct)
