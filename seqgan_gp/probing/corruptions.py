"""Change real sentences so that they are worse, or no longer real: families of corruptions, on tokens of any kind."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import UserError
from ..names import nearest
from ..text.kinds import SPECIAL
from ..text.tokenizer import Tokenizer, as_sentences
from . import changes
from .changes import Known, Rng

Change = Callable[[np.ndarray, Known, Rng], np.ndarray]

TRIES = 10  # draws of a change, until one can be read back from its text


@dataclass(frozen=True)
class Pair:
    """A real sentence and the same one with a change.

    Args:
        real, changed: the two sentences.
        family: the name of the change.
        place: the position of the first token that differs; -1 where only the condition does.
        row: the number of the real sentence among those that were given.
        given, changed_given: the condition of each, or None.
        length: the number of tokens of the real sentence.
        proof: a grammar proves the changed sentence to be "wrong" or "fine"; None where nothing is proved.
        span: how many neighbouring words show that the change is wrong; see `minimal_pairs`.
    """

    real: str
    changed: str
    family: str
    place: int
    row: int
    given: str | None = None
    changed_given: str | None = None
    length: int | None = None
    proof: Literal["wrong", "fine"] | None = None
    span: int | None = None


@dataclass(frozen=True)
class Corruption:
    """A family of changes.

    Args:
        tokens: takes the ids (n,) of a sentence to other ids. Where it cannot, it gives them back as they were.
        condition: takes the condition of a sentence to another one.
        needs: "classes" or "given", where `corrupt` must be given that.
    """

    tokens: Change = changes.as_it_was
    condition: Callable[[str | None, Known, Rng], str | None] = lambda given, known, rng: given
    needs: Literal["classes", "given"] | None = None


FAMILIES: dict[str, Corruption] = {
    "shuffle": Corruption(changes.shuffle),
    "swap neighbours": Corruption(changes.swap_neighbours),
    "swap distant": Corruption(changes.swap_distant),
    "drop": Corruption(changes.drop),
    "repeat": Corruption(changes.repeat),
    "insert": Corruption(changes.insert),
    "frequent word": Corruption(changes.frequent_word),
    "rare word": Corruption(changes.rare_word),
    "same class": Corruption(changes.same_class, needs="classes"),
    "truncation": Corruption(changes.truncation),
    "wrong condition": Corruption(condition=changes.other_condition, needs="given"),
}


def corrupt(
    sentences: Sequence[str],
    family: str,
    tokenizer: Tokenizer,
    length: int,
    seed: int = 0,
    given: Sequence[str] | None = None,
    classes: Sequence[Sequence[str]] | None = None,
    most: int | None = None,
) -> list[Pair]:
    """Change each sentence once, in the way of a family.

    A sentence gives no pair if it does not fit, has an unknown token, or the tokenizer would not read the changed
    tokens back from their text.

    Args:
        sentences: real sentences. The frequencies of tokens are those among them.
        family: an entry of `FAMILIES`.
        length: the number of token positions of the critic, the end token included.
        given: the condition of each sentence.
        classes: lists of words of the same distribution, such as those of `minimal_pairs.classes`.
        most: the largest number of sentences to change, a random part of them. None for all.

    Raises:
        UserError: there is no such family, it lacks what it needs, fewer than two sentences can be used, or none
            changes.
    """
    if family not in FAMILIES:
        remedy = nearest(family, FAMILIES) or f"; take one of {', '.join(FAMILIES)}"
        raise UserError(f"there is no family of corruptions '{family}'{remedy}")
    lacks = {None: False, "given": given is None, "classes": classes is None}[FAMILIES[family].needs]
    if lacks:
        raise UserError(f"the corruption '{family}' needs {FAMILIES[family].needs}: give them, or leave it out")
    pairs = _Corruptible(sentences, tokenizer, length, given, classes).pairs(family, seed, most)
    if not pairs:
        raise UserError(f"the corruption '{family}' can change none of the {len(sentences):,} sentences: leave it out")
    return pairs


def corrupt_all(
    sentences: Sequence[str],
    tokenizer: Tokenizer,
    length: int,
    seed: int = 0,
    given: Sequence[str] | None = None,
    classes: Sequence[Sequence[str]] | None = None,
    most: int | None = None,
) -> list[Pair]:
    """The pairs of all families that have all they need; see `corrupt`. A family may give none.

    Raises:
        UserError: fewer than two sentences can be used.
    """
    text = _Corruptible(sentences, tokenizer, length, given, classes)
    has = {None: True, "given": given is not None, "classes": classes is not None}
    return [pair for name, family in FAMILIES.items() if has[family.needs] for pair in text.pairs(name, seed, most)]


class _Corruptible:
    """Sentences as ids, with all that changes may know of them."""

    def __init__(
        self,
        sentences: Sequence[str],
        tokenizer: Tokenizer,
        length: int,
        given: Sequence[str] | None,
        classes: Sequence[Sequence[str]] | None,
    ):
        self.sentences, self.tokenizer, self.length = as_sentences(sentences), tokenizer, length
        if given is not None and len(given) != len(self.sentences):
            raise UserError(f"{len(given)} conditions are given for {len(self.sentences)} sentences: give one for each")
        self.given = [None] * len(self.sentences) if given is None else list(given)
        self.ids = tokenizer.encode(self.sentences, length).ids
        ends = self.ids == tokenizer.end
        self.sizes = np.where(ends.any(axis=1), ends.argmax(axis=1), 0)
        self.usable = np.flatnonzero((self.sizes > 0) & ~(self.ids == tokenizer.unknown).any(axis=1))
        if len(self.usable) < 2:
            raise UserError(
                f"{len(self.usable)} of {len(self.sentences):,} sentences have 1 to {length - 1} tokens, all known: "
                "two are needed, so give other sentences, or a critic of longer ones"
            )
        special = [tokenizer.pad, tokenizer.unknown, tokenizer.end]
        counts = np.bincount(self.ids[self.sizes > 0].ravel(), minlength=len(tokenizer))
        counts[special] = 0
        tokens = np.argsort(-counts, kind="stable")[: (counts > 0).sum()]
        known = [] if given is None else list(given)
        self.known = Known(tokens, counts[tokens] / max(counts.sum(), 1), _alike(tokenizer, classes or ()), known)

    def pairs(self, name: str, seed: int, most: int | None) -> list[Pair]:
        """The pairs of one family, in the order of the sentences."""
        family, rng = FAMILIES[name], np.random.default_rng([seed, zlib.crc32(name.encode())])
        rows: list[int] = (self.usable if most is None else np.sort(rng.permutation(self.usable)[:most])).tolist()
        found: dict[int, Pair] = {}
        for _ in range(TRIES):
            drawn = [(row, *self._draw(family, row, rng)) for row in rows if row not in found]
            drawn = [(row, ids, given) for row, ids, given in drawn if 0 < len(ids) < self.length]
            if not drawn:
                break
            wanted = np.full((len(drawn), self.length), self.tokenizer.pad)
            for line, (_, ids, _) in zip(wanted, drawn, strict=True):
                line[: len(ids) + 1] = [*ids, self.tokenizer.end]
            texts = self.tokenizer.decode(wanted)
            readable = (self.tokenizer.encode(texts, self.length).ids == wanted).all(axis=1)
            differs = wanted != self.ids[[row for row, *_ in drawn]]
            for (row, _, given), text, good, where in zip(drawn, texts, readable, differs, strict=True):
                if good and (where.any() or given != self.given[row]):
                    text, place = (text, int(where.argmax())) if where.any() else (self.sentences[row], -1)
                    size = int(self.sizes[row])
                    found[row] = Pair(self.sentences[row], text, name, place, row, self.given[row], given, size)
        return [found[row] for row in sorted(found)]

    def _draw(self, family: Corruption, row: int, rng: Rng) -> tuple[np.ndarray, str | None]:
        ids = family.tokens(self.ids[row, : self.sizes[row]], self.known, rng)
        return ids, family.condition(self.given[row], self.known, rng)


def _alike(tokenizer: Tokenizer, classes: Sequence[Sequence[str]]) -> dict[int, np.ndarray]:
    """For each token that is a word of a class, the other tokens of that class."""
    numbers: dict[str, int] = {}
    for number, token in enumerate(tokenizer.tokens):
        if token not in SPECIAL:
            numbers.setdefault(token.lstrip("▁Ġ"), number)  # the mark of the space before a word
    groups = [np.array([numbers[word] for word in words if word in numbers]) for words in classes]
    return {int(token): group[group != token] for group in groups for token in group}
