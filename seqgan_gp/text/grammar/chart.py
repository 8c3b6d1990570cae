"""Find all parses of many sentences at once, with arrays in place of objects, so that numpy does the work.

The algorithm is Earley's (1970). It reads all sentences from left to right, one word of each at a time, and at each
place it looks only for symbols that the words before it allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from .forest import NONE, Forests, different, spread
from .rules import Rules, Symbol

WAYS = 1 << 24  # of sentences that are parsed together; they take a gigabyte or two


class TooManyWaysError(Exception):
    """The parses of some sentences do not fit into memory."""


class Chart:
    """Finds the forests of sentences.

    The right sides of all productions are paths in trees, so that those that begin alike share their beginnings. The
    first symbol of a right side is the root of its tree, and the other nodes stand for two symbols or more. Symbols,
    words and these nodes are kinds of items, which are numbered together.

    Attributes:
        symbols: the symbols of the grammar and after them its words: the first kinds.
        number: the number of each symbol and word.
        start: that of the start symbol.
        edges, below: the edges of the trees, each a code of a kind and the symbol after it, ascending; and the nodes
            below them. Behind them stands an edge that there is not.
        children: the number of edges that go down from each kind.
        first, left, production: the first one of each kind's productions (kinds + 1,), if it is a whole right side; and
            the left side and the number of each production.
        ranks: of the kinds. A symbol has a higher rank than whatever it may be replaced by.
        begins, follows: what may stand at the beginning of each symbol, itself among it, and what after each kind: one
            bit for each symbol, uint64 (symbols or kinds, symbols // 64 + 1).
    """

    def __init__(self, rules: Rules):
        self.symbols: list[Symbol] = [*rules.alternatives, *sorted(rules.vocabulary)]
        self.number = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.start = self.number[rules.start]
        size = len(self.symbols)
        nodes: dict[int, int] = {}  # from a code to the node below
        whole, firsts = [], []
        for production, ((left, right), probability) in enumerate(rules.probability.items()):
            if probability > 0:
                kind, *others = (self.number[symbol] for symbol in right)
                firsts.append((self.number[left], kind))
                for symbol in others:
                    kind = nodes.setdefault(kind * size + symbol, size + len(nodes))
                whole.append((kind, self.number[left], production))
        self.kinds = size + len(nodes)
        self.edges, self.below = np.array([*sorted(nodes.items()), (self.kinds * size, NONE)]).T
        self.children = np.bincount(self.edges // size)[: self.kinds]
        ends, self.left, self.production = np.array(sorted(whole)).T
        self.first = np.searchsorted(ends, np.arange(self.kinds + 1))
        self.ranks = self._ranks(ends)
        self.begins, self.follows = self._allowed(*np.array(firsts).T)

    def _ranks(self, ends: np.ndarray) -> np.ndarray:
        """Compute `ranks` from the kind of the right side of each production."""
        ranks, before = np.zeros((2, self.kinds), dtype=np.int64)
        before -= 1
        while not np.array_equal(before, ranks):
            before = ranks.copy()
            np.maximum.at(ranks, self.left, ranks[ends] + 1)
        return ranks

    def _allowed(self, left: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute `begins` and `follows` from the left side of each production and the first symbol on its right."""
        symbols = np.arange(len(self.symbols))
        begins = np.zeros((len(symbols), len(symbols) // 64 + 1), dtype=np.uint64)
        begins[symbols, symbols // 64] = np.uint64(1) << (symbols % 64).astype(np.uint64)
        before = np.zeros_like(begins)
        while not np.array_equal(before, begins):
            before = begins.copy()
            np.bitwise_or.at(begins, left, begins[first])
        follows = np.zeros((self.kinds, begins.shape[1]), dtype=np.uint64)
        kind, symbol = np.divmod(self.edges[:-1], len(symbols))
        np.bitwise_or.at(follows, kind, begins[symbol])
        return begins, follows

    def forests(self, sentences: Sequence[Sequence[str]]) -> Forests:
        """Parse sentences of at least one word each, whose words are all in the grammar.

        Raises:
            TooManyWaysError: they have more than `WAYS` ways.
        """
        return _Reading(self, sentences).forests()


class _Reading:
    """Sentences while they are read.

    The places before, between and behind the words of all sentences are numbered in a row. The code of an item holds
    the place where it starts, the place where it stops, and its kind.
    """

    def __init__(self, chart: Chart, sentences: Sequence[Sequence[str]]):
        self._chart = chart
        self._sizes = np.array([len(sentence) for sentence in sentences])
        self._starts = np.cumsum(self._sizes + 1) - self._sizes - 1
        self._words = np.full(int((self._sizes + 1).sum()), NONE)  # after each place
        inside = np.delete(np.arange(len(self._words)), self._starts + self._sizes)
        self._words[inside] = [chart.number[word] for word in itertools.chain(*sentences)]
        self._items = self._ways = 0
        self._open = True  # while any sentence may go on
        # The items that wait for a symbol: codes and numbers, sorted by where they stop; and the symbols that may come.
        self._codes = self._numbers = np.empty(0, dtype=np.int64)
        self._first, self._count = np.zeros((2, len(self._words)), dtype=np.int64)
        self._allowed = np.zeros((len(self._words), chart.begins.shape[1]), dtype=np.uint64)
        self._allowed[self._starts] = chart.begins[chart.start]

    def _code(self, start: np.ndarray, stop: np.ndarray, kind: np.ndarray) -> np.ndarray:
        return (start * len(self._words) + stop) * self._chart.kinds + kind

    def _parts(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take codes apart: where items start, where they stop, and their kinds."""
        span, kind = np.divmod(codes, self._chart.kinds)
        return *np.divmod(span, len(self._words)), kind

    def forests(self) -> Forests:
        """Find the forests of the sentences."""
        codes, ways = [], []
        for size in range(1, int(self._sizes.max()) + 1):
            if self._open:
                items, of_items = self._read(size)
                codes.append(items)
                ways.append(of_items)
        start, stop, kind = self._parts(np.concatenate(codes))
        sentence = np.searchsorted(self._starts, start, side="right") - 1
        whole = np.flatnonzero(stop - start == self._sizes[sentence])
        roots = whole[kind[whole] == self._chart.start]
        levels = (stop - start) * (1 + self._chart.ranks.max()) + self._chart.ranks[kind]
        return Forests.of(np.concatenate(ways, axis=1), levels, roots, kind, sentence)

    def _read(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Read the word of this number in all sentences that are so long, and find the items that stop behind it.

        Returns:
            The codes of the items, ascending, and their ways (4, ways); see `Forests.of`. Items are numbered in the
            order in which they are found.
        """
        stop = self._starts[self._sizes >= size] + size
        fresh = known = self._code(stop - 1, stop, self._words[stop - 1])
        longer, whole = [np.empty((3, 0), dtype=np.int64)], [np.empty((3, 0), dtype=np.int64)]
        found = []
        while len(fresh):
            symbols = self._allowed_ones(fresh)
            longer.append(self._longer(symbols))
            known, nodes = _joined(known, longer[-1][0])
            found.append(np.concatenate([symbols, nodes]))
            whole.append(self._whole(found[-1]))
            known, fresh = _joined(known, whole[-1][0])

        def number(codes: np.ndarray) -> np.ndarray:
            return self._items + np.searchsorted(known, codes)

        self._wait(np.concatenate(found), number)
        (item, beginning, symbol), (left, right, production) = (np.concatenate(w, axis=1) for w in (longer, whole))
        ways = np.full((4, len(item) + len(left)), NONE)
        ways[:3, : len(item)] = np.stack([number(item), beginning, number(symbol)])
        ways[0, len(item) :], ways[2, len(item) :] = number(left), number(right)
        ways[3, len(item) :] = production
        self._items += len(known)
        return known, ways[:, np.argsort(ways[0], kind="stable")]

    def _allowed_ones(self, symbols: np.ndarray) -> np.ndarray:
        """Those symbols that may come where they start."""
        start, _, kind = self._parts(symbols)
        bits = self._allowed[start, kind // 64] >> (kind % 64).astype(np.uint64)
        return symbols[np.flatnonzero(bits & np.uint64(1))]

    def _longer(self, symbols: np.ndarray) -> np.ndarray:
        """Let each symbol follow the items that wait for it where it starts: the codes of the nodes, the numbers of the
        items before the symbols, and the codes of the symbols, (3, ways).
        """
        chart = self._chart
        start, stop, kind = self._parts(symbols)
        self._ways += int(self._count[start].sum())
        if self._ways > WAYS:
            raise TooManyWaysError
        row, at = spread(self._first[start], self._count[start])
        begun, _, before = self._parts(self._codes[at])
        codes = before * len(chart.symbols) + kind[row]
        edge = np.searchsorted(chart.edges, codes)
        fits = np.flatnonzero(chart.edges[edge] == codes)
        row, at = row[fits], at[fits]
        item = self._code(begun[fits], stop[row], chart.below[edge[fits]])
        return np.stack([item, self._numbers[at], symbols[row]])

    def _whole(self, items: np.ndarray) -> np.ndarray:
        """Make the left side of a production of each item that is a whole right side: the codes of both, and the number
        of the production, (3, ways).
        """
        chart = self._chart
        start, stop, kind = self._parts(items)
        row, at = spread(chart.first[kind], chart.first[kind + 1] - chart.first[kind])
        return np.stack([self._code(start[row], stop[row], chart.left[at]), items[row], chart.production[at]])

    def _wait(self, codes: np.ndarray, number: Callable[[np.ndarray], np.ndarray]) -> None:
        """Let new items wait where they stop, if anything may follow them.

        Args:
            number: from codes to the numbers of items.
        """
        _, stop, kind = self._parts(codes)
        waiting = np.flatnonzero(self._chart.children[kind])
        waiting = waiting[np.argsort(stop[waiting], kind="stable")]
        self._open = len(waiting) > 0
        if self._open:
            first = np.flatnonzero(np.diff(stop[waiting], prepend=NONE))
            here = stop[waiting[first]]
            self._first[here] = len(self._codes) + first
            self._count[here] = np.diff(first, append=len(waiting))
            self._allowed[here] = np.bitwise_or.reduceat(self._chart.follows[kind[waiting]], first)
            self._codes = np.concatenate([self._codes, codes[waiting]])
            self._numbers = np.concatenate([self._numbers, number(codes[waiting])])


def _joined(known: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Known codes, ascending, with new ones among them; and the new ones, ascending."""
    codes = different(codes)
    place = np.searchsorted(known, codes)
    new = codes[known[place.clip(max=len(known) - 1)] != codes]
    return np.sort(np.concatenate([known, new])), new
