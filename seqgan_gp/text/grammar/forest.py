"""The parses of sentences in packed forests, where parses share the parts that they have in common."""

from __future__ import annotations

import itertools
from typing import NamedTuple, Self

import numpy as np

NONE = -1  # stands for no item, or for no production


class Forests(NamedTuple):
    """All parses of some sentences.

    An item stands for some neighbouring words of a sentence. It is a symbol or a word that they are made of, or two or
    more symbols of the beginning of a right side. A way makes an item out of others: a longer beginning out of a
    shorter one and the symbol after it, or a symbol out of a whole right side by a production.

    Args:
        item: the item that each way makes, int64 (ways,). The ways of one item follow one another.
        beginning: the shorter beginning that it is made of, or `NONE`: int64 (ways,).
        symbol: the symbol or the whole right side that it is made of: int64 (ways,).
        production: the number of the production, or `NONE`: int64 (ways,).
        levels: slices of the ways. The items of a slice are made of words and of items of the slices before it.
        roots: the items that are whole sentences, one for each sentence that has a parse: int64 (roots,).
        kind: the kind of each item; symbols and words have the numbers of `Chart.symbols`: int64 (items,).
        sentence: the sentence of each item: int64 (items,).
    """

    item: np.ndarray
    beginning: np.ndarray
    symbol: np.ndarray
    production: np.ndarray
    levels: list[slice]
    roots: np.ndarray
    kind: np.ndarray
    sentence: np.ndarray

    @classmethod
    def of(cls, ways: np.ndarray, level: np.ndarray, roots: np.ndarray, kind: np.ndarray, sentence: np.ndarray) -> Self:
        """Keep the ways that are part of a parse.

        Args:
            ways: item, beginning, symbol and production of each way, sorted by items: int64 (4, ways).
            level: the level of each item, which is above those of the items that it is made of: int64 (items,).
            roots, kind, sentence: as above.
        """
        count = np.bincount(ways[0], minlength=len(kind))
        first = np.cumsum(count) - count
        used = np.zeros(len(kind) + 1, dtype=bool)
        used[NONE] = True
        found = roots
        while len(found):
            used[found] = True
            _, at = spread(first[found], count[found])
            below = ways[1:3, at]
            found = different(below[~used[below]])
        kept = np.flatnonzero(used[ways[0]])
        kept = kept[np.argsort(level[ways[0, kept]], kind="stable")]
        bounds = np.flatnonzero(np.diff(level[ways[0, kept]], prepend=NONE, append=NONE)).tolist()
        levels = [slice(*bounds_of_level) for bounds_of_level in itertools.pairwise(bounds)]
        item, beginning, symbol, production = ways[:, kept]
        return cls(item, beginning, symbol, production, levels, roots, kind, sentence)

    def inside(self, scores: np.ndarray, total: np.ufunc = np.logaddexp) -> tuple[np.ndarray, np.ndarray]:
        """Compute the probability of each way and of each item from those of the productions.

        Args:
            scores: the log-probabilities of the productions (productions,).
            total: takes the ways of an item together: `np.logaddexp` sums their probabilities, over all parses (Baker
                1979), and `np.maximum` takes the most probable parse.

        Returns:
            The log-probabilities of the ways (ways,), and those of the items (items + 1,), where NONE has 0.
        """
        of_ways, of_items = np.append(scores, 0.0)[self.production], np.zeros(len(self.kind) + 1)
        for level in self.levels:
            of_ways[level] += of_items[self.beginning[level]] + of_items[self.symbol[level]]
            first = np.flatnonzero(np.diff(self.item[level], prepend=NONE))
            of_items[self.item[level][first]] = total.reduceat(of_ways[level], first)
        return of_ways, of_items

    def expected(self, of_ways: np.ndarray, of_items: np.ndarray) -> np.ndarray:
        """Compute how often a random parse of its sentence uses each way: float64 (ways,), from what `inside` returns.

        Parses have the probabilities that the words of the sentence leave them (Lari and Young 1990).
        """
        shares, uses = np.exp(of_ways - of_items[self.item]), np.zeros(len(self.kind) + 1)
        uses[self.roots] = 1.0
        for level in reversed(self.levels):
            shares[level] *= uses[self.item[level]]
            for parts in (self.beginning, self.symbol):
                np.add.at(uses, parts[level], shares[level])
        return shares

    def best(self, of_ways: np.ndarray, of_items: np.ndarray) -> np.ndarray:
        """Find the way of each item in its most probable parse: int64 (items,), from what `inside` returns."""
        best = np.full(len(self.kind), NONE)
        equal = np.flatnonzero(of_ways == of_items[self.item])[::-1]  # of equal ones, the first
        best[self.item[equal]] = equal
        return best


def spread(start: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write out ranges of numbers, `count` of them from each start on: for each number the range that it is of, and the
    number, int64 (sum of the counts,).
    """
    row = np.repeat(np.arange(len(count)), count)
    return row, np.arange(len(row)) + np.repeat(start - np.cumsum(count) + count, count)


def different(numbers: np.ndarray) -> np.ndarray:
    """The different ones of some numbers from 0 on, ascending. Sorting is faster than the hashing of `np.unique`."""
    numbers = np.sort(numbers, axis=None)
    return numbers[np.flatnonzero(np.diff(numbers, prepend=NONE))]
