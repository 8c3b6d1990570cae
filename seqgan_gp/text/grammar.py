"""A probabilistic context-free grammar that samples sentences and knows exactly how probable each sentence is."""

from __future__ import annotations

import bisect
import graphlib
import itertools
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import shipped
from ..errors import UserError
from .words import join, words

if TYPE_CHECKING:
    from nltk.grammar import Nonterminal, ProbabilisticProduction

    Symbol: TypeAlias = str | Nonterminal

MAX_WORDS = 10_000


class Grammar:
    """A PCFG in nltk's notation, read, checked and parsed with by nltk.

    Args:
        source: the text of the grammar: `NONTERMINAL -> symbols [probability] | ...`, words in quotes; the left side
            of the first production is the start symbol.

    Raises:
        UserError: nltk cannot read it, probabilities do not add up to 1, a production is empty, or a symbol has none.
    """

    def __init__(self, source: str):
        import nltk  # takes a second: only grammar corpora pay for it

        try:
            grammar = nltk.PCFG.fromstring(source)
        except ValueError as error:
            raise UserError(f"not a probabilistic grammar: {' '.join(str(error).split())}") from None
        self.start: Nonterminal = grammar.start()
        alternatives: dict[Nonterminal, list[ProbabilisticProduction]] = defaultdict(list)
        for production in grammar.productions():
            if not production.rhs():
                raise UserError(f"empty production in the grammar: {production}; give every production a symbol")
            alternatives[production.lhs()].append(production)
        # nltk tolerates sums within 1% of 1; exact probabilities need exactly 1.
        self.probability: dict[tuple[Nonterminal, tuple[Symbol, ...]], float] = {}
        self._choices: dict[Symbol, tuple[list[float], list[tuple[Symbol, ...]]]] = {}
        for left, productions in alternatives.items():
            total = sum(p.prob() for p in productions)
            for p in productions:  # one may stand there twice
                known = self.probability.get((left, p.rhs()), 0.0)
                self.probability[left, p.rhs()] = known + p.prob() / total
            cumulative = list(itertools.accumulate(p.prob() / total for p in productions))
            self._choices[left] = cumulative, [p.rhs() for p in productions]
        for symbol in itertools.chain.from_iterable(right for _, right in self.probability):
            if not isinstance(symbol, str) and symbol not in self._choices:
                raise UserError(f"the grammar uses {symbol} but has no production for it; add one, or quote the word")
        units = {
            left: {r[0] for left_, r in self.probability if left_ == left and len(r) == 1} for left in alternatives
        }
        try:
            graphlib.TopologicalSorter(units).prepare()
        except graphlib.CycleError as error:
            circle = " -> ".join(map(str, error.args[1]))
            raise UserError(f"a symbol of the grammar derives itself alone: {circle}; remove that circle") from None
        for word in sorted(self.vocabulary):
            if words(word, lowercase=False) != (word,):
                parts = " ".join(f"'{w}'" for w in words(word, lowercase=False))
                raise UserError(f"the grammar's '{word}' is not one word: write {parts}")
        self._parser: Any = nltk.BottomUpLeftCornerChartParser(grammar)  # the fastest of nltk's

    @classmethod
    def load(cls, source: str | Path) -> Grammar:
        """The grammar in a file, or one shipped in `data/` by its name (`text`)."""
        path = shipped.find(source, "data", ".pcfg", "grammar")
        try:
            return cls(path.read_text(encoding="utf-8-sig"))
        except (UserError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}") from None

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words."""
        return frozenset(s for _, right in self.probability for s in right if isinstance(s, str))

    @cached_property
    def max_length(self) -> float:
        """The number of words of the longest sentence; infinity for a grammar with recursion."""
        lengths: dict[Symbol, float] = {}

        def longest(symbol: Symbol) -> float:
            if isinstance(symbol, str):
                return 1
            if symbol not in lengths:
                lengths[symbol] = math.inf  # holds while the symbol is open: meeting it again is recursion
                lengths[symbol] = max(sum(map(longest, right)) for right in self._choices[symbol][1])
            return lengths[symbol]

        return longest(self.start)

    def sample(self, rng: random.Random) -> list[str]:
        """One sentence, as words."""
        sentence: list[str] = []
        stack: list[Symbol] = [self.start]
        while stack:
            if len(stack) + len(sentence) > MAX_WORDS:
                raise UserError(f"the grammar samples over {MAX_WORDS:,} words; make its recursion less probable")
            symbol = stack.pop()
            if isinstance(symbol, str):
                sentence.append(symbol)
            else:
                cumulative, rights = self._choices[symbol]
                # min: rounding may leave the last cumulative probability a little below 1.
                stack.extend(reversed(rights[min(bisect.bisect(cumulative, rng.random()), len(rights) - 1)]))
        return sentence

    def sentences(self, seed: int) -> Iterator[str]:
        """Sentences without end, the same for the same seed."""
        rng = random.Random(seed)
        while True:
            yield join(self.sample(rng))

    def log_probability(self, sentences: Iterable[str]) -> np.ndarray:
        """Exact natural log-probability of each sentence, summed over all its parses.

        Returns:
            float64 of shape (number of sentences,); minus infinity where a sentence is not in the language.
        """
        seen: dict[tuple[str, ...], float] = {}
        result = []
        for sentence in (words(s, lowercase=False) for s in sentences):
            if sentence not in seen:
                seen[sentence] = self._log_probability(sentence)
            result.append(seen[sentence])
        return np.array(result)

    def _log_probability(self, sentence: tuple[str, ...]) -> float:
        if not 0 < len(sentence) <= self.max_length or not self.vocabulary.issuperset(sentence):
            return -math.inf
        chart = self._parser.chart_parse(sentence)
        inside: dict[Any, float] = {}

        def probability(edge: Any) -> float:
            """The inside probability of an edge: nltk's chart is packed, so every (symbol, span) is visited once."""
            if isinstance(edge.lhs(), str):  # a word
                return 1.0
            if edge not in inside:
                ways = sum(math.prod(map(probability, way)) for way in chart.child_pointer_lists(edge))
                inside[edge] = self.probability[edge.lhs(), edge.rhs()] * ways
            return inside[edge]

        try:
            total = sum(map(probability, chart.select(span=(0, len(sentence)), lhs=self.start, is_complete=True)))
        except RecursionError:
            raise UserError(f"a sentence of {len(sentence)} words is too deep to be parsed; leave it out") from None
        return math.log(total) if total else -math.inf
