"""Compute the exact probabilities of sentences, and how often their parses use each production."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import UserError
from .chart import Chart, TooManyWaysError
from .forest import NONE, Forests
from .rules import Rules, Symbol

if TYPE_CHECKING:
    from nltk.tree import Tree

PLACES = 1 << 15  # between the words of sentences that are parsed together: enough for numpy, and few for memory


class Parses(NamedTuple):
    """What the parses of N sentences say. Equal sentences are parsed once.

    Args:
        log_probabilities: of the different sentences, summed over their parses, in nats: float64 (different,).
        number: the number of each sentence among the different ones: int64 (N,).
        sentence, production, uses: how often a parse of a different sentence uses a production, in expectation; uses of
            one production may stand in several rows, int64, int64 and float64 (rows,).
        productions: the number of productions.
    """

    log_probabilities: np.ndarray
    number: np.ndarray
    sentence: np.ndarray
    production: np.ndarray
    uses: np.ndarray
    productions: int

    @property
    def log_probability(self) -> np.ndarray:
        """The log-probability of each sentence: float64 (N,)."""
        return self.log_probabilities[self.number]

    def usage(self) -> np.ndarray:
        """The expected uses of each production in each sentence: float32 (N, productions)."""
        usage = np.zeros((len(self.log_probabilities), self.productions), dtype=np.float32)
        np.add.at(usage, (self.sentence, self.production), self.uses)
        return usage[self.number]

    def total(self, rows: np.ndarray | None = None) -> np.ndarray:
        """The expected uses of each production in all of some sentences, float64 (productions,); None takes all."""
        number = self.number if rows is None else self.number[rows]
        times = np.bincount(number, minlength=len(self.log_probabilities))
        return np.bincount(self.production, self.uses * times[self.sentence], minlength=self.productions)


class Parser:
    """Sums over all parses of sentences with the inside-outside algorithm."""

    def __init__(self, rules: Rules):
        self._rules, self._chart = rules, Chart(rules)
        with np.errstate(divide="ignore"):  # a production may have the probability 0
            self._scores = np.log(list(rules.probability.values()))

    def parse(self, sentences: Iterable[str]) -> Parses:
        """Parse each of N sentences."""
        numbers: dict[str, int] = {}
        number = np.array([numbers.setdefault(sentence, len(numbers)) for sentence in sentences], dtype=np.int64)
        log_probabilities = np.full(len(numbers), -np.inf)
        found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
        for batch, forests in self._forests(numbers):
            of_ways, of_items = forests.inside(self._scores)
            log_probabilities[batch[forests.sentence[forests.roots]]] = of_items[forests.roots]
            whole = np.flatnonzero(forests.production != NONE)
            sentence = batch[forests.sentence[forests.item[whole]]]
            found.append((sentence, forests.production[whole], forests.expected(of_ways, of_items)[whole]))
        sentence, production, uses = map(np.concatenate, zip(*found, strict=True))
        return Parses(log_probabilities, number, sentence, production, uses, len(self._rules.productions))

    def trees(self, sentences: Iterable[str]) -> list[Tree | None]:
        """Find the most probable parse of each of N sentences; see `Grammar.trees`."""
        numbers: dict[str, int] = {}
        number = [numbers.setdefault(sentence, len(numbers)) for sentence in sentences]
        trees: list[Tree | None] = [None] * len(numbers)
        for batch, forests in self._forests(numbers):
            best = forests.best(*forests.inside(self._scores, np.maximum))
            for root in forests.roots:
                try:
                    trees[batch[forests.sentence[root]]] = self._tree(root, forests, best)
                except RecursionError:
                    raise UserError("the parse of a sentence is too deep for Python's stack; leave it out") from None
        return [trees[i] for i in number]

    def _forests(self, sentences: Iterable[str]) -> Iterator[tuple[np.ndarray, Forests]]:
        """Parse different sentences in batches: the numbers of the sentences of each, and their forests.

        Raises:
            UserError: a sentence has too many parses for the memory.
        """
        rules, batch, places = self._rules, list[tuple[int, Sequence[str]]](), 0
        for number, words in enumerate(map(rules.split, sentences)):
            if 0 < len(words) <= rules.max_length and rules.vocabulary.issuperset(words):
                if batch and places + len(words) >= PLACES:
                    yield from self._parsed(batch)
                    batch, places = [], 0
                batch.append((number, words))
                places += len(words) + 1
        if batch:
            yield from self._parsed(batch)

    def _parsed(self, batch: list[tuple[int, Sequence[str]]]) -> Iterator[tuple[np.ndarray, Forests]]:
        """Parse a batch, or its halves if its parses do not fit into memory."""
        try:
            yield np.array([number for number, _ in batch]), self._chart.forests([words for _, words in batch])
        except TooManyWaysError:
            if len(batch) == 1:
                raise UserError(
                    f"a sentence of {len(batch[0][1])} words has too many parses to sum over; leave it out"
                ) from None
            yield from self._parsed(batch[: len(batch) // 2])
            yield from self._parsed(batch[len(batch) // 2 :])

    def _tree(self, root: int, forests: Forests, best: np.ndarray) -> Tree:
        """Build the most probable parse of an item, from the best way of each."""
        from nltk.tree import Tree

        def built(item: int) -> Tree | Symbol:
            symbol = self._chart.symbols[forests.kind[item]]
            if isinstance(symbol, str):
                return symbol
            parts, whole = [], forests.symbol[best[item]]
            while forests.kind[whole] >= len(self._chart.symbols):
                parts.append(built(forests.symbol[best[whole]]))
                whole = forests.beginning[best[whole]]
            return Tree(str(symbol), [built(whole), *reversed(parts)])

        return built(root)


def representatives(rules: Rules) -> dict[str, str]:
    """Map each word to one word of its class, so that sentences of the same classes share a forest.

    Words are of one class if the same symbols derive each of them alone. In any parse such a word can
    replace another one; only the probability of the parse changes. A word that stands beside other
    symbols on a right side is a class of its own.
    """
    derived_from: dict[str, set[Symbol]] = defaultdict(set)
    for left, right in rules.probability:
        for word in right:
            if isinstance(word, str):
                derived_from[word].add(left if len(right) == 1 else word)
    first: dict[frozenset[Symbol], str] = {}
    return {word: first.setdefault(frozenset(symbols), word) for word, symbols in derived_from.items()}
