"""Kinds of changes that may make a sentence of a grammar wrong, each with changes of its kind that leave it right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ..text.grammar import Grammar
from ..text.grammar.parser import representatives
from .changes import Rng

ORDER, CLASS, CONDITION = "order", "class", "condition"  # the phenomena of every grammar
DRAWS = 3  # changes that are tried at each place

Words = tuple[str, ...]
Condition = str | None


class Edit(NamedTuple):
    """A sentence with one change.

    Args:
        words: the words of the changed sentence.
        condition: the condition of the changed sentence.
        first, last: the positions of the first and the last word that were changed; -1 for none.
    """

    words: Words
    condition: Condition
    first: int
    last: int


class Site(NamedTuple):
    """Changes at one place of a sentence, in the order in which they are tried.

    Args:
        wrong: changes that may be wrong.
        fine: changes of the same kind that may stay right.
    """

    wrong: Sequence[Edit]
    fine: Sequence[Edit]


class Phenomenon(Protocol):
    """A kind of change: finds its sites in a sentence, in random order."""

    def __call__(self, words: Words, condition: Condition, rng: Rng) -> Iterator[Site]: ...


def phenomena(grammar: Grammar, given: Sequence[str] | None) -> dict[str, Phenomenon]:
    """All phenomena of a grammar by name; a contrast of the user's own may take the name of a general one."""
    known = groups(grammar)
    own = {word: dict.fromkeys(words, 1 / len(words)) for words in known for word in words}
    any_other = _Replacement(own, {word: [words for words in known if word not in words] for word in own})
    conditions: dict[str, Phenomenon] = {} if given is None else {CONDITION: _Conditions(given)}
    return {**_contrasts(grammar), CLASS: any_other, ORDER: _swaps, **conditions}


def class_of(grammar: Grammar) -> dict[str, str]:
    """The class of each word that stands alone on a right side: the names of the symbols that derive it."""
    symbols = defaultdict[str, list[str]](list)
    for left, right in grammar.probability:
        if len(right) == 1 and isinstance(right[0], str):
            symbols[right[0]].append(str(left))
    return {word: " or ".join(sorted(names)) for word, names in symbols.items()}


def groups(grammar: Grammar) -> list[list[str]]:
    """All words of a grammar by class: the same symbols derive the words of a class."""
    found: dict[str, list[str]] = defaultdict(list)
    for word, first in representatives(grammar).items():
        found[first].append(word)
    return list(found.values())


def _contrasts(grammar: Grammar) -> dict[str, Phenomenon]:
    own: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    others: dict[str, dict[str, list[list[str]]]] = defaultdict(lambda: defaultdict(list))
    for contrast in grammar.contrasts:
        one, other = map(grammar.words_of, contrast.sides)
        for mine, theirs in ((one, list(other)), (other, list(one))):
            for number, word in enumerate(mine):
                choice = [theirs[number]] if len(mine) == len(theirs) else theirs
                others[contrast.name][word].append([w for w in choice if w != word])
                own[contrast.name].setdefault(word, mine)
    return {name: _Replacement(own[name], others[name]) for name in own}


class _Replacement:
    """Puts a word of another class in the place of a word.

    Args:
        own: the words of each word's own class, each with its probability.
        others: for each word, lists of words of other classes. One list is as likely as another one.
    """

    def __init__(self, own: Mapping[str, Mapping[str, float]], others: Mapping[str, Sequence[Sequence[str]]]):
        self._own, self._others = own, others

    def __call__(self, words: Words, condition: Condition, rng: Rng) -> Iterator[Site]:
        for place in rng.permutation(len(words)).tolist():
            word = words[place]
            others = [choice for choice in self._others.get(word, ()) if choice]
            if others:
                lists = [others[i] for i in rng.integers(len(others), size=DRAWS)]
                wrong = [choice[rng.integers(len(choice))] for choice in lists]
                own, weights = list(self._own[word]), np.array(list(self._own[word].values()))
                fine = [own[i] for i in rng.choice(len(own), DRAWS, p=weights / weights.sum())]
                yield Site(*(self._edits(words, condition, place, new) for new in (wrong, fine)))

    @staticmethod
    def _edits(words: Words, condition: Condition, place: int, new: list[str]) -> list[Edit]:
        kept = dict.fromkeys(word for word in new if word != words[place])
        return [Edit((*words[:place], word, *words[place + 1 :]), condition, place, place) for word in kept]


def _swaps(words: Words, condition: Condition, rng: Rng) -> Iterator[Site]:
    """Let two neighbours change places."""
    places = [i for i in range(len(words) - 1) if words[i] != words[i + 1]]
    edits = [
        Edit((*words[:i], words[i + 1], words[i], *words[i + 2 :]), condition, i, i + 1)
        for i in rng.permutation(places).astype(int).tolist()
    ]
    for number, edit in enumerate(edits):
        yield Site([edit], (edits[:number] + edits[number + 1 :])[:DRAWS])


class _Conditions:
    """Gives a sentence the condition of another one."""

    def __init__(self, given: Sequence[str]):
        self._given = given

    def __call__(self, words: Words, condition: Condition, rng: Rng) -> Iterator[Site]:
        drawn = dict.fromkeys(self._given[i] for i in rng.integers(len(self._given), size=2 * DRAWS))
        edits = [Edit(words, other, -1, -1) for other in drawn if other != condition]
        yield Site(edits, edits)
