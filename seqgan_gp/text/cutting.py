"""Cut long text into sentences, or into windows of so many words or characters, which never overlap."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import UserError

WAYS = "sentences (at sentence ends), words:20 or characters:100"
WRAPPED = 200  # characters; a longer line is none that an editor has broken
LONG = 1_000  # characters of so few lines that they cannot be held out
LONG_LINE = 100  # characters of a single line that is probably a whole text
HUGE = 10_000  # characters of a line that is no sentence
LOOKED_AT = 100_000  # lines that tell how lines are joined
LARGEST = 1_000_000  # characters of a paragraph
# The end of a sentence in the scripts that mark one, with the quotes and brackets that it closes.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？।॥؟۔]+[\"'”’」』）»)]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|cf|e\.g|i\.e|Mt|Capt|Col|Gen|Rev)\.$"
)

Cut = Callable[[str], list[str]]
Pair: TypeAlias = tuple[str, str | None]
"""A sentence, and the label or the context that it is given; None if sentences are given nothing."""


def cutter(how: str, option: str) -> Cut:
    """Build the function that cuts a text as `how` says: sentences, words:N or characters:N.

    Raises:
        UserError: `how` says something else.
    """
    if how == "sentences":
        return _sentences
    match = re.fullmatch(r"(words|characters):([1-9]\d{0,8})", how)
    if not match:
        raise UserError(f"{option} is '{how}': give {WAYS}")
    size = int(match[2])
    return (lambda text: _words(text, size)) if match[1] == "words" else (lambda text: _characters(text, size))


def _sentences(text: str) -> list[str]:
    pieces, start = [], 0
    for end in _END.finditer(text):
        following = text[end.end() : end.end() + 20].lstrip()[:1]
        before = text[max(start, end.start() - 8) : end.end()]
        if following.islower() or (end[0] == "." and _ABBREVIATION.search(before)):
            continue
        pieces.append(text[start : end.end()].strip())
        start = end.end()
    return [piece for piece in (*pieces, text[start:].strip()) if piece]


def _words(text: str, size: int) -> list[str]:
    words = text.split()
    return [" ".join(words[start : start + size]) for start in range(0, len(words), size)]


def _characters(text: str, size: int) -> list[str]:
    pieces = (text[start : start + size].strip() for start in range(0, len(text), size))
    return [piece for piece in pieces if piece]


def paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of paragraphs, which an editor has broken; a blank line ends one, and a long line is one.

    Lines without any space, as those of genes and of Chinese, are joined without one. So that no file has to fit in
    memory, the first lines tell that, and a paragraph ends at a million characters.
    """
    lines = map(str.strip, lines)
    first = list(itertools.islice(lines, LOOKED_AT))
    space = " " if any(" " in line for line in first) else ""
    pieces: list[str] = []
    size = 0
    for line in itertools.chain(first, lines):
        broken = bool(line) and len(line) <= WRAPPED
        if pieces and (not broken or size > LARGEST):
            yield space.join(pieces)
            pieces, size = [], 0
        if broken:
            pieces.append(line)
            size += len(line)
        elif line:
            yield line
    if pieces:
        yield space.join(pieces)


@dataclass
class Tally:
    """The number of some lines, of their characters, and of the lines that are no sentences."""

    lines: int = 0
    letters: int = 0
    huge: int = 0
    longest: int = 0

    def count(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Count sentences as they pass."""
        for pair in pairs:
            size = len(pair[0])
            self.lines += 1
            self.letters += size
            self.huge += size > HUGE
            self.longest = max(self.longest, size)
            yield pair


def check_lines(source: str, tally: Tally, least: int, how: str | None) -> str | None:
    """Look for text that stands on a few long lines.

    Args:
        tally: the count of the lines.
        least: the number of lines that are needed.
        how: the way in which the text was cut, if it was.

    Returns:
        A note to the user if some lines are huge.

    Raises:
        UserError: there are fewer lines than `least`, and they are long.
    """
    lines, letters = tally.lines, tally.letters
    if lines < least and letters >= (LONG_LINE if lines == 1 else LONG):
        if how:
            raise UserError(
                f"{source}: --corpus.split {how} makes {_count(lines, 'sentence')} of {letters:,} characters: "
                f"cut it otherwise, with {WAYS}"
            )
        all_ = " in all" if lines > 1 else ""
        raise UserError(
            f"{source}: the corpus is {_count(lines, 'line')} of {letters:,} characters{all_}: "
            f"cut it with --corpus.split {WAYS}"
        )
    if not tally.huge:
        return None
    return (
        f"{source}: {_count(tally.huge, 'line')} of {lines:,} {'has' if tally.huge == 1 else 'have'} over {HUGE:,} "
        f"characters, the longest {tally.longest:,}; only the beginning of a line is used: to use all of it, pass "
        f"--corpus.split {WAYS}"
    )


def _count(number: int, word: str) -> str:
    return f"one {word}" if number == 1 else f"{number:,} {word}s"
