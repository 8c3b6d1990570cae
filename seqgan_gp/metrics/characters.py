"""Counts of the n-grams of characters, which are many times as many as words, and few of them different.

Sentences are counted in parts, and only the different n-grams stay. A number stands for the characters from each place
on, at most as many as the longest n-gram has, and with a 0 for each one beyond the end of the sentence. Its first
digits are the shorter n-grams that begin there, so that one count serves all orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .divergence import jensen_shannon
from .ngrams import PART, tokens_to_the_end

Histogram = tuple[np.ndarray, np.ndarray]
"""The different numbers, ascending int64 (numbers,), and how often each occurs, int64 (numbers,)."""

MAX_N = 4
LARGEST = 55_000  # LARGEST ** MAX_N is below 2 ** 63


class Alphabet:
    """Numbers the characters of corpora 1, 2, ...; beyond 55,000 different ones, the last share a number.

    Args:
        corpora: the sentences.
    """

    def __init__(self, *corpora: Sequence[str]):
        seen = np.zeros(0x110000, dtype=bool)
        for corpus in corpora:
            for points, _ in _points(corpus):
                seen[points] = True
        self._numbers = np.minimum(np.cumsum(seen, dtype=np.int32), LARGEST - 1)
        self.base = int(self._numbers[-1]) + 1

    def count(self, sentences: Sequence[str]) -> Histogram:
        """Count the numbers of all places of some sentences, whose characters are in the alphabet."""
        found: Histogram = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        for points, lengths in _points(sentences):
            numbers, remaining = self._numbers[points], tokens_to_the_end(lengths)
            codes = numbers.astype(np.int64)
            for ahead in range(1, MAX_N):
                codes *= self.base
                codes[:-ahead] += np.where(remaining[:-ahead] > ahead, numbers[ahead:], 0)
            different, counts = np.unique(codes, return_counts=True)
            found = _grouped(np.concatenate([found[0], different]), np.concatenate([found[1], counts]))
        return found

    def of_order(self, histogram: Histogram, n: int) -> Histogram:
        """The n-grams that begin at the counted places, for n of at most 4."""
        codes, counts = _grouped(histogram[0] // self.base ** (MAX_N - n), histogram[1])
        whole = codes % self.base > 0  # the others end before their n-th character
        return codes[whole], counts[whole]

    def jsd(self, samples: Sequence[str], reference: Sequence[str]) -> list[float]:
        """The Jensen-Shannon divergence of the n-grams of characters, in bits, for n of 1 to 4
        (`divergence.ngram_jsd`).
        """
        sides = self.count(samples), self.count(reference)
        values = []
        for n in range(1, MAX_N + 1):
            orders = [self.of_order(side, n) for side in sides]
            both = np.union1d(orders[0][0], orders[1][0])
            totals = np.zeros((2, len(both)), dtype=np.int64)
            for total, (codes, counts) in zip(totals, orders, strict=True):
                total[np.searchsorted(both, codes)] = counts
            values.append(jensen_shannon(*totals))
        return values


def _points(sentences: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sentences in parts: the code points of all characters in a row, uint32 (characters,), and the length of each
    sentence, int64 (sentences,).
    """
    lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
    ends = np.cumsum(lengths)
    start = 0
    while start < len(sentences):
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] + PART)))
        text = "".join(sentences[start:stop]).encode("utf-32-le", "surrogatepass")
        yield np.frombuffer(text, dtype="<u4"), lengths[start:stop]
        start = stop


def _grouped(codes: np.ndarray, counts: np.ndarray) -> Histogram:
    """The different ones of codes, and the sum of the counts of each."""
    order = np.argsort(codes, kind="stable")  # fast where the codes are in a few ascending runs
    codes, counts = codes[order], counts[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return codes[starts], np.add.reduceat(counts, starts) if len(starts) else counts
