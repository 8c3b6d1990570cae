"""Compute the exact probability of a sentence, and how often its parses use each production."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from .forest import ChartParser, Forest
from .rules import RightSide, Rules, Symbol

if TYPE_CHECKING:
    from nltk.grammar import Nonterminal
    from nltk.tree import Tree

FORESTS = 2048  # that stay in memory; each takes some ten kilobytes


class Parser:
    """Sums over all parses of a sentence with the inside-outside algorithm (Baker 1979; Lari and Young 1990)."""

    def __init__(self, rules: Rules):
        self._rules = rules
        self._representative = representatives(rules)
        # Most sentences have the structure of an earlier sentence with other words.
        self._forest = functools.lru_cache(maxsize=FORESTS)(ChartParser(rules).forest)

    def parse(self, sentences: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Parse each of N sentences; see `Grammar.parse`."""
        seen: dict[tuple[str, ...], tuple[float, np.ndarray]] = {}
        order = []
        for sentence in map(self._rules.split, sentences):
            if sentence not in seen:
                seen[sentence] = self._parse(sentence)
            order.append(sentence)
        usage = np.zeros((len(order), len(self._rules.productions)), dtype=np.float32)
        for row, sentence in zip(usage, order, strict=True):
            row[:] = seen[sentence][1]
        return np.array([seen[sentence][0] for sentence in order]), usage

    def trees(self, sentences: Iterable[str]) -> list[Tree | None]:
        """Find the most probable parse of each of N sentences; see `Grammar.trees`."""
        trees = []
        for sentence in map(self._rules.split, sentences):
            forest = self._parses(sentence)
            trees.append(None if forest is None else self._best(sentence, forest))
        return trees

    def _parses(self, sentence: tuple[str, ...]) -> Forest | None:
        """Collect the parses of a sentence; None if it is not in the language."""
        rules = self._rules
        if 0 < len(sentence) <= rules.max_length and rules.vocabulary.issuperset(sentence):
            forest = self._forest(tuple(self._representative[word] for word in sentence))
            if forest.roots:
                return forest
        return None

    def _parse(self, sentence: tuple[str, ...]) -> tuple[float, np.ndarray]:
        """Compute the log-probability of one sentence in nats, and its expected usage of the productions (float64)."""
        forest = self._parses(sentence)
        if forest is None:
            return -math.inf, np.zeros(len(self._rules.productions))
        return self._inside_outside(sentence, forest)

    def _best(self, sentence: tuple[str, ...], forest: Forest) -> Tree:
        """Build the most probable parse in a forest; of equally probable ones, the first that the parser found."""
        from nltk.tree import Tree

        best: list[tuple[float, Tree]] = []  # the most probable parse of each node; children stand before their parents
        for left, right, start, ways in forest.nodes:
            production = _production_at(left, right, sentence[start])
            way = max(ways, key=lambda way: math.prod(best[i][0] for i in way))
            probability = self._rules.probability[production] * math.prod(best[i][0] for i in way)
            children = iter(best[i][1] for i in way)
            parts = [symbol if isinstance(symbol, str) else next(children) for symbol in production[1]]
            best.append((probability, Tree(str(left), parts)))
        return max((best[root] for root in forest.roots), key=lambda found: found[0])[1]

    def _inside_outside(self, sentence: tuple[str, ...], forest: Forest) -> tuple[float, np.ndarray]:
        """Sum over the parses in a forest.

        The inside probability of a node is that of its words, given its symbol and production. Its
        outside probability, here divided by the sentence's, is that of the rest of the sentence.
        """
        nodes, roots = forest
        probability, productions = self._rules.probability, self._rules.productions
        applied = [_production_at(left, right, sentence[start]) for left, right, start, _ in nodes]
        inside: list[float] = []  # children stand before their parents
        for production, (*_, ways) in zip(applied, nodes, strict=True):
            inside.append(probability[production] * sum(math.prod(inside[i] for i in way) for way in ways))
        total = sum(inside[root] for root in roots)
        outside = [0.0] * len(nodes)
        for root in roots:
            outside[root] = 1 / total
        usage = np.zeros(len(productions))
        for node in reversed(range(len(nodes))):
            usage[productions[applied[node]]] += outside[node] * inside[node]
            for way in nodes[node].ways:
                weight = probability[applied[node]] * math.prod(inside[i] for i in way) * outside[node]
                for child in way:
                    outside[child] += weight / inside[child]
        return math.log(total), usage


def _production_at(left: Nonterminal, right: RightSide, word: str) -> tuple[Nonterminal, RightSide]:
    """Find the production of a node, with the word of the sentence in place of its representative."""
    return left, (word,) if len(right) == 1 and isinstance(right[0], str) else right


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
