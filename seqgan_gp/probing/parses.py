"""Properties of the sentences of a grammar, with exact labels from their parses."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from ..errors import UserError
from ..text.grammar import BETWEEN, Grammar
from ..text.grammar.rules import RightSide
from ..text.pairs import Pairs
from ..text.tokenizer import Tokenizer
from .labels import Property, binned, first_difference, frequent, telling

if TYPE_CHECKING:
    from nltk.tree import Tree

STRUCTURES = 2  # facts of structure of each of two kinds
RIGHTS, KINDS = 4, 6  # classes: productions of a symbol, and word classes
RARE = 0.1  # a word is ambiguous if it is of another class than its usual one that often
EVEN = 2.0  # times as often may a word stand below one production as below another one that shares it
ARROW = " -> "

Values: TypeAlias = "list[str | None]"
"""The class of each sentence, or of each word of one."""


def of_grammar(
    grammar: Grammar,
    sentences: Iterable[str],
    tokenizer: Tokenizer,
    length: int,
    given: Sequence[str] | None = None,
) -> list[Property]:
    """Properties of the sentences of a grammar, with labels from their most probable parse.

    Sentences have these: the type, which is the label of the opening, and of an opening such as
    `Answer/person-third/verb-see` each feature; the depth of the parse, in bins of equal counts; and up to four facts
    of structure, those of the highest entropy that do not say the same again. Two are which production replaced a
    symbol that the sentence has once (`Statement -> SubjectOne PredicateOne | ...` is the number of the subject), and
    two whether a symbol is there (`has Object` is transitivity).

    Tokens have these: the class of each word; the class of ambiguous words (the noun after it tells whether `the` is
    singular); and agreement across a phrase: which production replaced a symbol, asked for at those words below it that
    stand there with any production about equally often. There the word itself says nothing, and its context must.

    Args:
        sentences: those that are not in the language of the grammar have no label.
        tokenizer, length: the tokens of the networks that will be probed, and L.
        given: the label or the context of each sentence, for a conditional network.

    Returns:
        All of them; `sift` leaves out those that no probe can learn.

    Raises:
        UserError: none of the sentences is in the language.
    """
    sentences = list(sentences)
    if all(BETWEEN in opening for opening in grammar.openings):
        grammar = Pairs(grammar).answers
    parses = _Parses(grammar, sentences)
    types = first_difference(sentences)
    ids, places = tokenizer.encode(sentences, length).ids, _places(tokenizer, sentences, parses.words, length)

    def whole(name: str, values: Values) -> Property:
        return Property(name, sentences, *frequent(values, RIGHTS), types, given)

    def token(name: str, values: Sequence[Values], most: int = RIGHTS) -> Property:
        flat = [row[i] if i >= 0 else None for row, here in zip(values, places, strict=True) for i in here]
        labels, classes = frequent(flat, most)
        return Property(name, sentences, labels.reshape(ids.shape), classes, ids, given)

    openings = [whole(name, values) for name, values in parses.openings().items()]
    productions = telling((whole(*fact) for fact in parses.productions()), openings, STRUCTURES)
    symbols = telling((whole(*fact) for fact in parses.symbols()), [*openings, *productions], STRUCTURES)
    return [
        *openings,
        Property("depth", sentences, *parses.depths(), types, given),
        *productions,
        *symbols,
        token("word class", parses.kinds, KINDS),
        token("class of ambiguous words", parses.ambiguous()),
        *itertools.islice((token(*found) for found in parses.agreements(productions)), 1),
    ]


class _Node(NamedTuple):
    """A node of a parse: its symbol, the right side of its production, and its words, from `start` to before `stop`."""

    left: str
    right: tuple[str, ...]
    start: int
    stop: int


class _Parses:
    """The parses of N sentences: for each its words and its nodes, parents before children; none of either if it is not
    in the language.
    """

    def __init__(self, grammar: Grammar, sentences: Sequence[str]):
        self.grammar, self.trees = grammar, grammar.trees(sentences)
        if not any(tree is not None for tree in self.trees):
            raise UserError("none of the sentences is in the language of the grammar: give the grammar of this text")
        self.words: list[list[str]] = [[] if tree is None else tree.leaves() for tree in self.trees]
        self.nodes = [[] if tree is None else _nodes(tree) for tree in self.trees]
        # Where the start symbol also stands inside sentences, they have no type, and no part is a language of its own.
        self.flat = not any(grammar.start in right for _, right in grammar.probability)

    def openings(self) -> dict[str, Values]:
        """The type of each sentence, and each feature in the name of the first symbol of its opening."""
        found: dict[str, Values] = defaultdict(lambda: [None] * len(self.nodes))
        for row, nodes in enumerate(self.nodes):
            if nodes and self.flat:
                found["sentence type"][row], *features = nodes[0].right[0].strip("'").lower().split("/")
                for feature in features:
                    name, _, value = feature.partition("-")
                    found[name][row] = value
        return found

    def depths(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """The number of symbols above the deepest word, in bins: labels (N,) and their names."""
        depths = np.array([0 if tree is None else tree.height() - 1 for tree in self.trees])
        labels = np.full(len(depths), -1)
        labels[depths > 0], names = binned(depths[depths > 0])
        return labels, names

    @cached_property
    def _used(self) -> dict[str, list[list[str]]]:
        """The right sides that replaced each symbol in each sentence. The start symbol is left out, and so are those
        that single words replace: `openings` and `kinds` have them.
        """
        probability = self.grammar.probability
        inner = {left for left, right in probability if len(right) > 1 or not isinstance(right[0], str)}
        names = sorted(str(left) for left in inner - {self.grammar.start})
        return {
            name: [[" ".join(node.right) for node in nodes if node.left == name] for nodes in self.nodes]
            for name in names
        }

    def productions(self) -> Iterator[tuple[str, Values]]:
        """The production of each symbol, in the sentences that have it once."""
        for symbol, used in self._used.items():
            values = [rights[0] if len(rights) == 1 else None for rights in used]
            if usual := Counter(filter(None, values)).most_common(1):
                yield f"{symbol}{ARROW}{usual[0][0]} | ...", values

    def symbols(self) -> Iterator[tuple[str, Values]]:
        """Whether each symbol is there."""
        for symbol, used in self._used.items():
            there = ["yes" if rights else "no" for rights in used]
            yield f"has {symbol}", [value if words else None for value, words in zip(there, self.words, strict=True)]

    @cached_property
    def kinds(self) -> list[Values]:
        """The class of each word: the symbol that it alone replaces, or itself where it stands beside other symbols."""
        kinds: list[Values] = [list(words) for words in self.words]
        for here, words, nodes in zip(kinds, self.words, self.nodes, strict=True):
            for node in nodes:
                if node.right == (repr(words[node.start]),):
                    here[node.start] = node.left
        return kinds

    def ambiguous(self) -> list[Values]:
        """The class of each word that is now of one class and now of another."""
        counts: dict[str, Counter[str | None]] = defaultdict(Counter)
        for word, kind in zip(itertools.chain(*self.words), itertools.chain(*self.kinds), strict=True):
            counts[word][kind] += 1
        several = {word for word, kinds in counts.items() if max(kinds.values()) <= (1 - RARE) * kinds.total()}
        rows = zip(self.words, self.kinds, strict=True)
        return [[k if word in several else None for word, k in zip(*row, strict=True)] for row in rows]

    def agreements(self, productions: Iterable[Property]) -> Iterator[tuple[str, list[Values]]]:
        """The production of a symbol, at each word below it that all its productions share."""
        for production in productions:
            left = production.name.partition(ARROW)[0]
            shared = self._shared(left, production.classes) if self.flat else set()
            if not shared:
                continue
            values: list[Values] = [[None] * len(words) for words in self.words]
            for row in np.nonzero(production.labels >= 0)[0]:
                (node,) = (node for node in self.nodes[row] if node.left == left)
                for place in range(node.start, node.stop):
                    if self.words[row][place] in shared:
                        values[row][place] = production.classes[production.labels[row]]
            yield f"{production.name}, at shared words", values

    def _shared(self, left: str, classes: Sequence[str]) -> set[str]:
        """The words that stand below each of these productions about equally often, by the grammar itself."""
        expected = []
        for symbol, right in self.grammar.probability:
            if str(symbol) == left and _written(right) in classes:
                below, counts = self.grammar.beginning({right: 1.0}), Counter[str]()
                for (_, symbols), uses in zip(below.probability, below.expected_usage, strict=True):
                    counts.update({word: uses for word in symbols if isinstance(word, str)})
                expected.append(counts)
        words = set[str]().union(*expected)
        return {w for w in words if 0 < max(c[w] for c in expected) <= EVEN * min(c[w] for c in expected)}


def _nodes(tree: Tree) -> list[_Node]:
    nodes, stack = [], [(tree, 0)]
    while stack:
        here, start = stack.pop()
        right, stop = [], start
        for child in here:
            if isinstance(child, str):
                right.append(repr(child))
                stop += 1
            else:
                right.append(child.label())
                stack.append((child, stop))
                stop += len(child.leaves())
        nodes.append(_Node(here.label(), tuple(right), start, stop))
    return nodes


def _written(right: RightSide) -> str:
    """The right side of a production in the grammar's notation, words in quotes."""
    return " ".join(repr(symbol) if isinstance(symbol, str) else str(symbol) for symbol in right)


def _places(tokenizer: Tokenizer, sentences: Sequence[str], words: Sequence[Sequence[str]], length: int) -> np.ndarray:
    """The number of the word that each token ends in, int64 (N, L); -1 for spaces, end tokens and padding."""
    places = np.full((len(sentences), length), -1)
    encodings = tokenizer.backend.encode_batch(list(sentences), add_special_tokens=False)
    for row, (sentence, parts, encoding) in enumerate(zip(sentences, words, encodings, strict=True)):
        of_character, stop = np.full(len(sentence), -1), 0
        for number, word in enumerate(parts):
            start = sentence.index(word, stop)
            stop = start + len(word)
            of_character[start:stop] = number
        for place, (start, stop) in enumerate(encoding.offsets[:length]):
            places[row, place] = of_character[stop - 1] if stop > start else -1
    return places
