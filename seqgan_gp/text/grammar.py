"""A probabilistic context-free grammar that samples sentences and knows exactly how probable each sentence is."""

from __future__ import annotations

import bisect
import functools
import graphlib
import inspect
import itertools
import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from .. import shipped
from ..errors import UserError
from .words import join, words

if TYPE_CHECKING:
    from nltk.grammar import Nonterminal, ProbabilisticProduction

    Symbol: TypeAlias = str | Nonterminal

MAX_WORDS = 10_000
BETWEEN = "|"  # the word between the two sides, in a grammar of pairs
JOINED = "%joined"

Split: TypeAlias = Callable[[str], tuple[str, ...]]
Join: TypeAlias = Callable[[Sequence[str]], str]


def _spaced(vocabulary: Iterable[str]) -> tuple[Split, Join]:
    """Words with spaces between them."""
    split = functools.partial(words, lowercase=False)
    for word in sorted(vocabulary):
        if split(word) != (word,):
            parts = " ".join(f"'{w}'" for w in split(word))
            raise UserError(f"the grammar's '{word}' is not one word: write {parts}")
    return split, join


def _joined(vocabulary: Iterable[str]) -> tuple[Split, Join]:
    """Words with nothing between them. No word begins another, so that a sentence comes apart in one way."""
    ordered = sorted(vocabulary)
    for word, following in itertools.pairwise(ordered):  # a word stands right before those that it begins
        if following.startswith(word):
            raise UserError(f"{JOINED}: the grammar's '{word}' begins '{following}', so that it cannot be told apart")
    if spaced := [word for word in ordered if not word or any(map(str.isspace, word))]:
        raise UserError(f"{JOINED}: the grammar's '{spaced[0]}' is empty or has a space in it: leave that out")
    pattern = re.compile("|".join([*map(re.escape, ordered), "."]), re.DOTALL)
    return lambda sentence: tuple(pattern.findall(sentence)), "".join


class Node(NamedTuple):
    """A symbol over some words of a sentence, by one production: what it may be made of, as numbers of other nodes.

    Args:
        left, right: the production.
        start: the number of its first word.
        ways: for each way to cut the words up, the nodes of the symbols on the right; words are none.
    """

    left: Any
    right: tuple[Any, ...]
    start: int
    ways: list[tuple[int, ...]]


class Grammar:
    """A PCFG in nltk's notation, read, checked and parsed with by nltk.

    Args:
        source: the text of the grammar: `NONTERMINAL -> symbols [probability] | ...`, words in quotes; the left side
            of the first production is the start symbol. A line `%joined` says that the words of a sentence are written
            with nothing between them, as the codons of DNA are.

    Attributes:
        join: words to a sentence.
        split: a sentence to words; what is no word of the grammar comes as it is.

    Raises:
        UserError: nltk cannot read it, probabilities do not add up to 1, a production is empty, a symbol has none, or a
            word would not come out of a sentence as it went in.
    """

    def __init__(self, source: str):
        import nltk  # takes a second: only grammar corpora pay for it

        lines = source.splitlines()
        self.joined = joined = JOINED in map(str.strip, lines)
        source = "\n".join(line for line in lines if line.strip() != JOINED)
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
        self.split, self.join = (_joined if joined else _spaced)(self.vocabulary)
        # Newer versions give up after five seconds of wall-clock, which a sentence may take on a busy machine.
        endless = {"max_time": None} if "max_time" in inspect.signature(nltk.ChartParser).parameters else {}
        # Most sentences are made like one before them of other words. A forest takes some ten kilobytes.
        self._forest = functools.lru_cache(maxsize=2048)(self._parses)
        self._parser: Any = nltk.BottomUpLeftCornerChartParser(grammar, **endless)  # the fastest of nltk's

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
        return self._expand(self._choose(self.start, rng), rng)

    def _choose(self, symbol: Symbol, rng: random.Random) -> tuple[Symbol, ...]:
        cumulative, rights = self._choices[symbol]
        # min: rounding may leave the last cumulative probability a little below 1.
        return rights[min(bisect.bisect(cumulative, rng.random()), len(rights) - 1)]

    def _expand(self, symbols: tuple[Symbol, ...], rng: random.Random) -> list[str]:
        sentence: list[str] = []
        stack = list(reversed(symbols))
        while stack:
            if len(stack) + len(sentence) > MAX_WORDS:
                raise UserError(f"the grammar samples over {MAX_WORDS:,} words; make its recursion less probable")
            symbol = stack.pop()
            if isinstance(symbol, str):
                sentence.append(symbol)
            else:
                stack.extend(reversed(self._choose(symbol, rng)))
        return sentence

    def sentences(self, seed: int) -> Iterator[str]:
        """Sentences without end, the same for the same seed."""
        rng = random.Random(seed)
        while True:
            yield self.join(self.sample(rng))

    @cached_property
    def openings(self) -> list[tuple[Symbol, ...]]:
        """The right sides of the start symbol."""
        return list(dict.fromkeys(self._choices[self.start][1]))

    @cached_property
    def labels(self) -> dict[str, list[tuple[Symbol, ...]]]:
        """What the start symbol chooses first, in lower case, with the openings that begin so.

        Raises:
            UserError: the start symbol stands inside sentences too.
        """
        if any(self.start in right for _, right in self.probability):
            raise UserError(f"the grammar has {self.start} inside its sentences: give it a start symbol of its own")
        labels: dict[str, list[tuple[Symbol, ...]]] = defaultdict(list)
        for opening in self.openings:
            labels[str(opening[0]).lower()].append(opening)
        return dict(labels)

    def records(self, seed: int) -> Iterator[dict[str, str]]:
        """The sentences of `sentences` as `text`, with their `label`. In a grammar of pairs, where each opening has the
        word |, what stands before it is the `context`, and only what stands behind it the `text`.
        """
        pairs = all(BETWEEN in opening for opening in self.openings)
        label = {opening: name for name, openings in self.labels.items() for opening in openings}
        rng = random.Random(seed)
        while True:
            opening = self._choose(self.start, rng)
            sentence = self._expand(opening, rng)
            record = {"label": label[opening]}
            if pairs:
                middle = sentence.index(BETWEEN)
                record["context"], sentence = self.join(sentence[:middle]), sentence[middle + 1 :]
            yield {**record, "text": self.join(sentence)}

    def label_probability(self, labels: Sequence[str], sentences: Sequence[str]) -> np.ndarray:
        """The probability that a sentence of these words has that label: float (number of sentences,), 0 outside the
        language. Where no sentence has two labels it is 1 or 0.
        """
        columns = {
            label: [self.productions[self.start, opening] for opening in openings]
            for label, openings in self.labels.items()
        }
        usage = self.parse(sentences)[1]
        return np.array([row[columns.get(label, [])].sum() for label, row in zip(labels, usage, strict=True)])

    def beginning(self, openings: Mapping[tuple[Symbol, ...], float]) -> Grammar:
        """The grammar of the sentences that begin with other openings, each with its probability."""
        rules: dict[Any, dict[tuple[Symbol, ...], float]] = {self.start: dict(openings)}
        symbols = list(itertools.chain.from_iterable(openings))
        while symbols:  # what they reach
            symbol = symbols.pop()
            if not isinstance(symbol, str) and symbol not in rules:
                rules[symbol] = {right: self.probability[symbol, right] for right in self._choices[symbol][1]}
                symbols.extend(itertools.chain.from_iterable(rules[symbol]))
        lines = (
            f"{left} -> {' '.join(repr(s) if isinstance(s, str) else str(s) for s in right)} [{probability:.17f}]"
            for left, alternatives in rules.items()
            for right, probability in alternatives.items()
        )
        return Grammar("\n".join([JOINED] * self.joined + list(lines)))

    def log_probability(self, sentences: Iterable[str]) -> np.ndarray:
        """Exact natural log-probability of each sentence, summed over all its parses.

        Returns:
            float64 of shape (number of sentences,); minus infinity where a sentence is not in the language.
        """
        return self.parse(sentences)[0]

    def parse(self, sentences: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """What the grammar says of each sentence.

        Returns:
            Its log-probability, as `log_probability`, and how often each of `productions` is used in it, in expectation
            over its parses: float32 (number of sentences, number of productions), zeros outside the language.
        """
        seen: dict[tuple[str, ...], tuple[float, np.ndarray]] = {}
        order = []
        for sentence in map(self.split, sentences):
            if sentence not in seen:
                seen[sentence] = self._parse(sentence)
            order.append(sentence)
        usage = np.zeros((len(order), len(self.productions)), dtype=np.float32)
        for row, sentence in zip(usage, order, strict=True):
            row[:] = seen[sentence][1]
        return np.array([seen[sentence][0] for sentence in order]), usage

    @cached_property
    def productions(self) -> dict[tuple[Nonterminal, tuple[Symbol, ...]], int]:
        """The number of each production (left side, right side): a column of what `parse` returns."""
        return {production: i for i, production in enumerate(self.probability)}

    @cached_property
    def expected_usage(self) -> np.ndarray:
        """How often each of `productions` is used in a sentence of the language, in expectation: (productions,).

        The uses v of the symbols solve `v = e_start + A v`, with A the symbols that one use of another brings.
        """
        symbols = {left: i for i, left in enumerate(self._choices)}
        brings = np.zeros((len(symbols), len(symbols)))
        for (left, right), probability in self.probability.items():
            for symbol in right:
                if not isinstance(symbol, str):
                    brings[symbols[symbol], symbols[left]] += probability
        start = np.eye(len(symbols))[symbols[self.start]]
        uses = np.linalg.solve(np.eye(len(symbols)) - brings, start)
        return np.array([uses[symbols[left]] * probability for (left, _), probability in self.probability.items()])

    def _parse(self, sentence: tuple[str, ...]) -> tuple[float, np.ndarray]:
        usage = np.zeros(len(self.productions))
        if not 0 < len(sentence) <= self.max_length or not self.vocabulary.issuperset(sentence):
            return -math.inf, usage
        nodes, roots = self._forest(tuple(self._alike[word] for word in sentence))
        if not roots:
            return -math.inf, usage
        applied = [
            (left, (sentence[start],) if len(right) == 1 and isinstance(right[0], str) else right)
            for left, right, start, _ in nodes
        ]
        inside: list[float] = []  # children stand before their parents
        for production, (*_, ways) in zip(applied, nodes, strict=True):
            inside.append(self.probability[production] * sum(math.prod(inside[i] for i in way) for way in ways))
        total = sum(inside[root] for root in roots)
        outside = [0.0] * len(nodes)
        for root in roots:
            outside[root] = 1 / total
        for node in reversed(range(len(nodes))):
            usage[self.productions[applied[node]]] += outside[node] * inside[node]
            for way in nodes[node].ways:
                weight = self.probability[applied[node]] * math.prod(inside[i] for i in way) * outside[node]
                for child in way:
                    outside[child] += weight / inside[child]
        return math.log(total), usage

    @cached_property
    def _alike(self) -> dict[str, str]:
        """Maps each word to its class representative, so that parses are cached per class.

        Words are of one class where the same symbols derive each of them alone. One may then stand for another in any
        parse, and only the probability of the parse differs.
        """
        derived: dict[str, set[Any]] = defaultdict(set)
        for left, right in self.probability:
            for word in right:
                if isinstance(word, str):
                    derived[word].add(left if len(right) == 1 else word)
        first: dict[frozenset[Any], str] = {}
        return {word: first.setdefault(frozenset(symbols), word) for word, symbols in derived.items()}

    def _parses(self, sentence: tuple[str, ...]) -> tuple[list[Node], list[int]]:
        """All parses of a sentence of words of the grammar: nodes, children before their parents, and the roots."""
        chart = self._parser.chart_parse(sentence)
        numbers: dict[Any, int] = {}
        nodes: list[Node] = []

        def number(edge: Any) -> int:
            """nltk's chart is packed, so every (symbol, span) is visited once."""
            if edge not in numbers:
                ways = [
                    tuple(number(child) for child in way if not isinstance(child.lhs(), str))
                    for way in chart.child_pointer_lists(edge)
                ]
                numbers[edge] = len(nodes)
                nodes.append(Node(edge.lhs(), edge.rhs(), edge.start(), ways))
            return numbers[edge]

        try:
            roots = [number(e) for e in chart.select(span=(0, len(sentence)), lhs=self.start, is_complete=True)]
        except RecursionError:
            raise UserError(f"a sentence of {len(sentence)} words is too deep to be parsed; leave it out") from None
        return nodes, roots
