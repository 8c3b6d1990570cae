"""The parts that sections share: words with marks, numbers in print, and the reason of a section that is left out."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from typing import TypeAlias

from ..text.words import UNITS, words

Spans: TypeAlias = list[tuple[str, bool]]
"""A text in pieces, each with whether it is marked."""


class LeftOut(Exception):
    """A run has nothing for a section; the message is the reason."""


def pieces(sentence: str, unit: str) -> list[str]:
    """The words or characters of a sentence, each with the space before it, so that joined they are the sentence."""
    split = words(sentence, lowercase=False) if unit == "word" else UNITS[unit](sentence)
    found, place = [], 0
    for token in split:
        end = sentence.index(token, place) + len(token)
        found.append(sentence[place:end])
        place = end
    if place < len(sentence):
        found.append(sentence[place:])
    return found


def bare(tokens: Sequence[str]) -> list[str]:
    """Pieces without the space before them; a space alone stays."""
    return [token.strip() or token for token in tokens]


def shared(one: Sequence[str], other: Sequence[str], least: int = 1) -> list[bool]:
    """Which pieces of one sentence stand in the other, too, in the same order and at least so many in a row."""
    flags = [False] * len(one)
    blocks = difflib.SequenceMatcher(None, bare(one), bare(other), autojunk=False).get_matching_blocks()
    for block in blocks:
        if block.size >= least:
            flags[block.a : block.a + block.size] = [True] * block.size
    return flags


def spans(tokens: Sequence[str], marked: Sequence[bool]) -> Spans:
    """Pieces joined where neighbours are both marked or both not. The space before a marked run is outside of it."""
    found: Spans = []
    for mark, group in itertools.groupby(zip(tokens, marked, strict=True), key=lambda pair: pair[1]):
        text = "".join(token for token, _ in group)
        inner = text.lstrip() if mark else text
        if len(inner) < len(text) and inner:
            found.append((text[: len(text) - len(inner)], False))
        found.append((inner or text, mark))
    return found


def number(value: float | int | None) -> str:
    """A number in print."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if value != value:
        return "not a number"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def few(total: int, most: int) -> list[int]:
    """At most so many of the numbers 0..total-1, evenly spaced, the first and the last among them."""
    if total <= most:
        return list(range(total))
    return sorted({round(i * (total - 1) / (most - 1)) for i in range(most)})
