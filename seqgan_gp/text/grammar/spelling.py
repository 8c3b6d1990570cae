"""Write the words of a grammar as a sentence, with spaces between them or joined, and read them back."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ...errors import UserError
from ..words import join, words

JOINED = "%joined"  # the line of a grammar that asks for joined words


class Spelling(NamedTuple):
    """Two functions that undo each other on sentences of the grammar.

    Args:
        split: takes a sentence apart into words. It returns parts that are no words of the grammar
            unchanged, so that the parser can refuse them.
        join: makes a sentence of words.
    """

    split: Callable[[str], tuple[str, ...]]
    join: Callable[[Sequence[str]], str]


def spaced(vocabulary: Iterable[str]) -> Spelling:
    """Write words with spaces between them, as `words.join` does.

    Raises:
        UserError: `words.words` would take a word of the vocabulary apart.
    """
    split = functools.partial(words, lowercase=False)
    for word in sorted(vocabulary):
        if split(word) != (word,):
            parts = " ".join(f"'{w}'" for w in split(word))
            remedy = f"write {parts}" if parts else "leave it out, and give a rule for the sentences without it"
            raise UserError(f"the grammar's '{word}' is not one word: {remedy}")
    return Spelling(split, join)


def joined(vocabulary: Iterable[str]) -> Spelling:
    """Write words with nothing between them.

    No word may be the beginning of another one. Then a sentence can be taken apart in one way only.

    Raises:
        UserError: a word begins another one, is empty, or has a space in it.
    """
    ordered = sorted(vocabulary)
    for word, following in itertools.pairwise(ordered):  # a word stands right before those that it begins
        if following.startswith(word):
            raise UserError(f"{JOINED}: the grammar's '{word}' begins '{following}', so that it cannot be told apart")
    if spaced := [word for word in ordered if not word or any(map(str.isspace, word))]:
        raise UserError(f"{JOINED}: the grammar's '{spaced[0]}' is empty or has a space in it: leave that out")
    pattern = re.compile("|".join([*map(re.escape, ordered), "."]), re.DOTALL)
    return Spelling(lambda sentence: tuple(pattern.findall(sentence)), "".join)
