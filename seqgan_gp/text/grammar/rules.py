"""Read the rules of a probabilistic context-free grammar, check them, and write them."""

from __future__ import annotations

import graphlib
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ...errors import UserError
from . import spelling
from .contrasts import CONTRAST, Contrast
from .notation import Nonterminal, RightSide, Symbol, read

__all__ = ["Alternative", "RightSide", "Rules", "Symbol"]


class Alternative(NamedTuple):
    """One production of a symbol: the symbols that replace it, and the probability that they do."""

    right: RightSide
    probability: float


class Rules:
    """The productions of a PCFG.

    Args:
        source: the text of the grammar in nltk's notation: `SYMBOL -> symbols [probability] | ...`, with
            words in quotes. The left side of the first production is the start symbol. A line
            `%joined` says that nothing stands between the words of a sentence, as between the
            codons of DNA. A line `%contrast NAME: ONE OTHER` names two classes of words that must
            not stand for one another; it changes no sentence and no probability.

    Attributes:
        source: the text.
        start: the start symbol.
        alternatives: the productions of each symbol, in the order of the source.
        probability: the probability of each production (left side, right side).
        joined: whether the source has the line `%joined`.
        contrasts: the contrasts of the source, in its order.
        split, join: sentences to words, and words to sentences; see `spelling.Spelling`.

    Raises:
        UserError: the source is not in the notation, the probabilities of a symbol do not add up to 1, a
            production is empty, a symbol has no production or derives itself alone, a word would not
            come out of a sentence as it went in, or a contrast has a symbol that derives no single words.
    """

    def __init__(self, source: str):
        self.source, lines = source, source.splitlines()
        self.joined = spelling.JOINED in map(str.strip, lines)
        contrasts = [line for line in lines if line.split(None, 1)[:1] == [CONTRAST]]
        ours = {line for line in lines if line.strip() == spelling.JOINED}.union(contrasts)
        # An empty line in place of each: errors count lines.
        self.start, productions = read("\n".join("" if line in ours else line for line in lines))
        self.alternatives: dict[Symbol, list[Alternative]] = {}
        self.probability: dict[tuple[Nonterminal, RightSide], float] = {}
        by_left: dict[Nonterminal, list[Alternative]] = defaultdict(list)
        for left, right, probability in productions:
            by_left[left].append(Alternative(right, probability))
        for left, alternatives in by_left.items():
            # The notation has sums within 1% of 1, but exact probabilities need a sum of exactly 1.
            total = sum(probability for _, probability in alternatives)
            self.alternatives[left] = [Alternative(right, probability / total) for right, probability in alternatives]
            for right, probability in self.alternatives[left]:  # the source may repeat a production
                self.probability[left, right] = self.probability.get((left, right), 0.0) + probability
        self._check_symbols()
        self._check_circles()
        self.contrasts = [Contrast.read(line) for line in contrasts]
        self._check_contrasts()
        self.split, self.join = (spelling.joined if self.joined else spelling.spaced)(self.vocabulary)

    def _check_symbols(self) -> None:
        """Raise a UserError if a symbol has no production."""
        for symbol in itertools.chain([self.start], *(right for _, right in self.probability)):
            if not isinstance(symbol, str) and symbol not in self.alternatives:
                raise UserError(f"the grammar uses {symbol} but has no production for it; add one, or quote the word")

    def _check_circles(self) -> None:
        """Raise a UserError if a symbol derives itself alone: its sentences would have infinitely many parses."""
        units = {
            left: {right[0] for right, _ in alternatives if len(right) == 1}
            for left, alternatives in self.alternatives.items()
        }
        try:
            graphlib.TopologicalSorter(units).prepare()
        except graphlib.CycleError as error:
            circle = " -> ".join(map(str, error.args[1]))
            raise UserError(f"a symbol of the grammar derives itself alone: {circle}; remove that circle") from None

    def _check_contrasts(self) -> None:
        """Raise a UserError if a side of a contrast is no word of the grammar and no symbol of single words."""
        for contrast in self.contrasts:
            for side in contrast.sides:
                if isinstance(side, str) and side not in self.vocabulary:
                    raise UserError(f"'{contrast}': the grammar has no word '{side}'; write a word that it has")
                if not isinstance(side, str) and side not in self.alternatives:
                    raise UserError(f"'{contrast}': the grammar has no symbol {side}; write one that it has")
                if not self.words_of(side):
                    raise UserError(f"'{contrast}': {side} does not derive single words; write a symbol that does")

    def words_of(self, symbol: Symbol) -> dict[str, float]:
        """The words that a symbol derives, in the order of the source, each with its probability.

        The dict is empty if the symbol also derives anything but single words.
        """
        if isinstance(symbol, str):
            return {symbol: 1.0}
        words: dict[str, float] = defaultdict(float)
        for right, probability in self.alternatives[symbol]:
            below = self.words_of(right[0]) if len(right) == 1 else {}
            if not below:
                return {}
            for word, share in below.items():
                words[word] += probability * share
        return dict(words)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words of the grammar."""
        return frozenset(s for _, right in self.probability for s in right if isinstance(s, str))

    @cached_property
    def productions(self) -> dict[tuple[Nonterminal, RightSide], int]:
        """The number of each production (left side, right side): its column in the usage that `parse` returns."""
        return {production: i for i, production in enumerate(self.probability)}

    @cached_property
    def openings(self) -> list[RightSide]:
        """The different right sides of the start symbol."""
        return list(dict.fromkeys(right for right, _ in self.alternatives[self.start]))

    @cached_property
    def max_length(self) -> float:
        """The number of words of the longest sentence; infinity for a grammar with recursion."""
        lengths: dict[Symbol, float] = {}

        def longest(symbol: Symbol) -> float:
            if isinstance(symbol, str):
                return 1
            if symbol not in lengths:
                lengths[symbol] = math.inf  # holds while the symbol is open: meeting it again is recursion
                lengths[symbol] = max(sum(map(longest, right)) for right, _ in self.alternatives[symbol])
            return lengths[symbol]

        return longest(self.start)

    @cached_property
    def expected_usage(self) -> np.ndarray:
        """The expected number of times that a random sentence uses each production: float64 (productions,).

        The expected uses v of the symbols solve `v = e_start + A v`, where A[i, j] is the expected
        number of symbols i on the right side of a production of symbol j (Booth and Thompson 1973).
        """
        symbols = {left: i for i, left in enumerate(self.alternatives)}
        brings = np.zeros((len(symbols), len(symbols)))
        for (left, right), probability in self.probability.items():
            for symbol in right:
                if not isinstance(symbol, str):
                    brings[symbols[symbol], symbols[left]] += probability
        start = np.eye(len(symbols))[symbols[self.start]]
        uses = np.linalg.solve(np.eye(len(symbols)) - brings, start)
        return np.array([uses[symbols[left]] * probability for (left, _), probability in self.probability.items()])

    def source_beginning(self, openings: Mapping[RightSide, float]) -> str:
        """Write the same grammar with other openings, without the symbols and the contrasts that these cannot reach.

        Args:
            openings: right sides of the start symbol, each with its probability.
        """
        rules: dict[Symbol, Iterable[tuple[RightSide, float]]] = {self.start: openings.items()}
        symbols = list(itertools.chain.from_iterable(openings))
        while symbols:
            symbol = symbols.pop()
            if not isinstance(symbol, str) and symbol not in rules:
                rights = [right for right, _ in self.alternatives[symbol]]
                rules[symbol] = {right: self.probability[symbol, right] for right in rights}.items()
                symbols.extend(itertools.chain.from_iterable(rights))
        lines = (
            f"{left} -> {' '.join(repr(s) if isinstance(s, str) else str(s) for s in right)} [{probability:.17f}]"
            for left, alternatives in rules.items()
            for right, probability in alternatives
        )
        kept = {*rules, *itertools.chain.from_iterable(right for rights in rules.values() for right, _ in rights)}
        contrasts = [str(contrast) for contrast in self.contrasts if kept.issuperset(contrast.sides)]
        return "\n".join([spelling.JOINED] * self.joined + contrasts + list(lines))
