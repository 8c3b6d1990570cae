"""Exact minimal pairs of a grammar: one change that its parser proves to be wrong, beside one that stays right."""

from __future__ import annotations

import functools
import random
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ..errors import UserError
from ..text.grammar import BETWEEN, Grammar
from ..text.grammar.parser import representatives
from ..text.pairs import Pairs
from ..text.tokenizer import Tokenizer, as_sentences
from .changes import Rng
from .corruptions import Pair
from .phenomena import Condition, Edit, Phenomenon, Words, groups, phenomena

SAMPLE = 10_000  # sentences that show which words may stand together
WIDEST = 8  # words; a wider span is None
AHEAD = 256  # real sentences that are parsed together

Search: TypeAlias = Generator[list[Edit], None, list[Pair]]
"""It yields sentences that it will ask about, so that many are parsed together, and returns pairs."""


def classes(grammar: Grammar) -> list[list[str]]:
    """The classes of a grammar's words, where they have more than one: the same symbols derive the words of a class.

    In any sentence of the grammar a word can be replaced by another one of its class, and the sentence stays right.
    """
    return [words for words in groups(grammar) if len(words) > 1]


def minimal_pairs(
    sentences: Sequence[str],
    grammar: Grammar,
    tokenizer: Tokenizer,
    length: int,
    seed: int = 0,
    given: Sequence[str] | None = None,
    most: int = 500,
) -> list[Pair]:
    """Change sentences of a grammar so that its parser proves them wrong, and so that it proves them right.

    The phenomena are those of the grammar's lines `%contrast`, where a word of one class takes the place of a word of
    the other class, the one of the same number where both have as many words; `class`, where a word of any other class
    does; `order`, where two neighbours change places; and `condition`, where the sentence gets the condition of another
    one. A wrong sentence has no parse (of its label, or with its context). Beside each wrong pair stands a fine one, if
    one is found: another word of the same class at the same place, other neighbours, or another condition.

    The `span` of a wrong pair is the number of neighbouring words, the changed words and the ends of the sentence among
    them, that never stand together in 10,000 sentences of the grammar, each word taken for its class. It tells how far
    a critic must look to see the fault. It is None if it is over 8.

    Args:
        sentences: real sentences. Those that are not of the grammar, have unknown tokens or do not fit give no pair,
            and every other one gives at most one wrong and one fine pair for each phenomenon.
        length: the number of token positions of the critic, the end token included.
        given: the condition of each sentence: a label of the grammar, or in a grammar of pairs a context.
        most: the largest number of wrong pairs of a phenomenon.

    Raises:
        UserError: there is no pair, the grammar has no such label, or there is not one condition for each sentence.
    """
    sentences = as_sentences(sentences)
    if given is not None and len(given) != len(sentences):
        raise UserError(f"{len(given)} conditions are given for {len(sentences)} sentences: give one for each")
    conditions: list[Condition] = [None] * len(sentences) if given is None else list(given)
    language = _Language(grammar, given)
    rows = np.random.default_rng(seed).permutation(len(sentences)).tolist()
    reals = [Pair(sentences[i], "", "", 0, i, conditions[i]) for i in rows]
    searches = [
        language.search(reals, name, phenomenon, np.random.default_rng([seed, number]), most)
        for number, (name, phenomenon) in enumerate(phenomena(grammar, given).items())
    ]
    found = language.together(searches)
    made = [pair for pairs in found for pair in sorted(pairs, key=lambda pair: pair.row)]
    if not (pairs := _as_tokens(made, tokenizer, length)):
        raise UserError(
            f"none of the {len(sentences):,} sentences gives a minimal pair: give sentences of the grammar that have "
            f"at most {length - 1} tokens, all known to the critic"
        )
    return pairs


class _Language:
    """Tells right sentences from wrong ones, by their structure: words of one class have the same parses.

    Args:
        grammar: the grammar.
        given: the conditions that occur; None where sentences have none.
    """

    def __init__(self, grammar: Grammar, given: Sequence[str] | None):
        self.grammar, self._class = grammar, representatives(grammar)
        self._sides: Pairs | None = None
        self._of_label: dict[str, Grammar] = {}
        if given is not None and all(BETWEEN in opening for opening in grammar.openings):
            self._sides = Pairs(grammar)
        elif given is not None:
            self._of_label = {label: self._labelled(label) for label in set(given)}
        self._accepted: dict[tuple[Condition | Words, Words], bool] = {}
        self._together: dict[int, frozenset[Words]] = {}
        self._sample: set[Words] = set()

    def together(self, searches: Sequence[Search]) -> list[list[Pair]]:
        """Carry out searches side by side, since parses of many sentences together take far less time."""
        found: list[list[Pair]] = [[] for _ in searches]
        going = dict(enumerate(searches))
        while going:
            asked: list[Edit] = []
            for number, search in [*going.items()]:
                try:
                    asked += next(search)
                except StopIteration as end:
                    found[number] = end.value
                    del going[number]
            self._learn(asked)
        return found

    def search(self, reals: Sequence[Pair], name: str, phenomenon: Phenomenon, rng: Rng, most: int) -> Search:
        """The pairs of at most so many sentences: of each a wrong one, and a fine one beside it if there is one.

        It yields the sentences that it is about to ask of, whether the grammar derives them.
        """
        found: list[Pair] = []
        wrong_ones = 0
        for start in range(0, len(reals), AHEAD):
            part = [
                (replace(real, family=name), self.grammar.split(real.real)) for real in reals[start : start + AHEAD]
            ]
            yield [Edit(words, real.given, -1, -1) for real, words in part]
            for real, words in part:
                pairs = yield from self._pairs(real, words, phenomenon, rng)
                wrong_ones += bool(pairs)
                found += pairs
                if wrong_ones == most:
                    return found
        return found

    def _pairs(self, real: Pair, words: Words, phenomenon: Phenomenon, rng: Rng) -> Search:
        """The wrong pair of a sentence and the fine one beside it, if they exist; a part of `search`."""
        if not self.accepts(words, real.given):
            return []
        for site in phenomenon(words, real.given, rng):
            yield [*site.wrong[:1], *site.fine[:1]]
            wrong = next((edit for edit in site.wrong if not self.accepts(edit.words, edit.condition)), None)
            if wrong:
                fine = next((edit for edit in site.fine if self.accepts(edit.words, edit.condition)), None)
                proved = replace(self._changed(real, wrong), proof="wrong", span=self._span(wrong))
                return [proved, *([replace(self._changed(real, fine), proof="fine")] if fine else [])]
        return []

    def _changed(self, real: Pair, edit: Edit) -> Pair:
        return replace(real, changed=self.grammar.join(edit.words), changed_given=edit.condition)

    def _labelled(self, label: str) -> Grammar:
        """The grammar of the sentences of one label."""
        if label not in self.grammar.labels:
            raise UserError(f"the grammar has no label '{label}', it has {', '.join(self.grammar.labels)}")
        shares = {
            opening: self.grammar.probability[self.grammar.start, opening] for opening in self.grammar.labels[label]
        }
        return self.grammar.beginning({opening: share / sum(shares.values()) for opening, share in shares.items()})

    def accepts(self, words: Words, condition: Condition) -> bool:
        """Whether the grammar derives a sentence: of its label, or after its context."""
        edit = Edit(words, condition, -1, -1)
        self._learn([edit])
        return self._accepted[self._key(edit)]

    def _key(self, edit: Edit) -> tuple[Condition | Words, Words]:
        """Equal for sentences of which the grammar derives either all or none."""
        about = self._classes(self.grammar.split(edit.condition or "")) if self._sides else edit.condition
        return about, self._classes(edit.words)

    def _learn(self, edits: Iterable[Edit]) -> None:
        """Find out which sentences the grammar derives, and keep the answers."""
        unknown = {key: edit for edit in edits if (key := self._key(edit)) not in self._accepted}
        sentences = {key: self.grammar.join(edit.words) for key, edit in unknown.items()}
        if self._sides:
            contexts = [edit.condition or "" for edit in unknown.values()]
            self._accepted |= zip(unknown, self._sides.agree(contexts, [*sentences.values()]), strict=True)
            return
        for condition in {edit.condition for edit in unknown.values()}:
            language = self.grammar if condition is None else self._of_label[condition]
            keys = [key for key, edit in unknown.items() if edit.condition == condition]
            derived = np.isfinite(language.log_probability([sentences[key] for key in keys])).tolist()
            self._accepted |= zip(keys, derived, strict=True)

    def _span(self, edit: Edit) -> int | None:
        """The number of neighbouring words that show that a change of words is wrong."""
        if edit.first < 0:
            return None
        before = (*self.grammar.split(edit.condition or ""), BETWEEN) if self._sides else ()
        line = ("", *self._classes((*before, *edit.words)), "")
        first, last = (place + 1 + len(before) for place in (edit.first, edit.last))
        for width in range(last - first + 1, min(WIDEST, len(line)) + 1):
            starts = range(max(0, last - width + 1), min(first, len(line) - width) + 1)
            if any(line[start : start + width] not in self._neighbours(width) for start in starts):
                return width
        return None

    def _neighbours(self, width: int) -> frozenset[Words]:
        """So many neighbouring classes as stand together in a sample of the grammar; an end is an empty word."""
        if not self._sample:
            self._sample = {("", *self._classes(words), "") for words in _sample(self.grammar.source)}
        if width not in self._together:
            parts = (line[i : i + width] for line in self._sample for i in range(len(line) - width + 1))
            self._together[width] = frozenset(parts)
        return self._together[width]

    def _classes(self, words: Words) -> Words:
        return tuple(self._class.get(word, word) for word in words)


@functools.lru_cache(maxsize=4)
def _sample(source: str) -> frozenset[Words]:
    """The different sentences of 10,000 draws from a grammar. They are kept, since drawing takes a second."""
    grammar, rng = Grammar(source), random.Random(0)
    return frozenset(tuple(grammar.sample(rng)) for _ in range(SAMPLE))


def _as_tokens(pairs: Sequence[Pair], tokenizer: Tokenizer, length: int) -> list[Pair]:
    """The pairs whose sentences fit and have no unknown token, with their length and the place of the change."""
    if not pairs:
        return []
    real, changed = (tokenizer.encode([getattr(p, side) for p in pairs], length).ids for side in ("real", "changed"))
    usable = [(ids == tokenizer.end).any(axis=1) & ~(ids == tokenizer.unknown).any(axis=1) for ids in (real, changed)]
    differs, sizes = real != changed, (real == tokenizer.end).argmax(axis=1).tolist()
    places = np.where(differs.any(axis=1), differs.argmax(axis=1), -1).tolist()
    return [
        replace(pair, place=place, length=size)
        for pair, place, size, use in zip(pairs, places, sizes, usable[0] & usable[1], strict=True)
        if use
    ]
