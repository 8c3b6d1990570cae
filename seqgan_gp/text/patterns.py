"""Patterns of sequences with parts held fixed, such as A???C: ? stands for any one token and * for any number."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from .tokenizer import Tokenizer

FREE = -1  # in place of an id: any one token
_GAP = -2
_SPECIAL = {"?": FREE, "*": _GAP}


@dataclass(frozen=True)
class Pattern:
    """A pattern, which may stand anywhere in a sequence.

    Args:
        text: as the user wrote it.
        pieces: the ids of the tokens in a row, or FREE, of each piece; gaps of any number of tokens part the pieces.
        first: whether the sequence begins with the pattern.
        last: whether the sequence ends with it.
        tokenizer: of the ids.
    """

    text: str
    pieces: tuple[tuple[int, ...], ...]
    first: bool
    last: bool
    tokenizer: Tokenizer

    @classmethod
    def read(cls, text: str, tokenizer: Tokenizer, length: int) -> Pattern:
        r"""Read a pattern: ? stands for one token, * for any number, ^ in front for the beginning of the sequence, and
        $ at the end for its end. \?, \*, \^, \$ and \\ stand for the characters themselves. Where tokens are pieces of
        words, ? is one piece, and a pattern without ^ begins with a space.

        Args:
            length: the largest number of tokens of a sequence.

        Raises:
            UserError: the tokenizer is from elsewhere, a token is unknown, nothing is fixed, or the pattern is too
                long.
        """
        model, cut = (type(part).__name__ for part in (tokenizer.backend.model, tokenizer.backend.pre_tokenizer))
        if model != "WordLevel" and (model, cut) != ("BPE", "Split"):
            raise UserError(
                "--fix cannot read patterns with the tokenizer of this run: train with --tokenizer.kind word, "
                "character or bpe"
            )
        first, last = text.startswith("^"), re.search(r"(?<!\\)(?:\\\\)*\$$", text) is not None
        inside = text[first : len(text) - last]
        spare = (chr(point) for point in range(0xE000, 0xF8FF) if chr(point) not in text)
        marks = dict(zip(_SPECIAL, spare, strict=False))  # characters that are tokens by themselves in any tokenizer
        plain = re.sub(r"\\([?*^$\\])|([?*])", lambda found: found[1] or marks[found[2]], inside)
        if model == "BPE":  # a piece of a word brings the space before it along
            plain = re.sub(f" (?=[{''.join(marks.values())}])", "", plain)
            plain = plain if first or plain[:1] in ("", " ", *marks.values()) else f" {plain}"
        encoded = tokenizer.backend.encode(plain, add_special_tokens=False)
        kinds = {marks[mark]: kind for mark, kind in _SPECIAL.items()}
        texts = [plain[start:stop].strip() for start, stop in encoded.offsets]
        ids = [kinds.get(piece, number) for piece, number in zip(texts, encoded.ids, strict=True)]
        strange = tokenizer.unknown_at(np.array(ids, dtype=np.int64)[None])[0]
        if strange.any():
            unknown = ", ".join(dict.fromkeys(repr(texts[i] or " ") for i in np.flatnonzero(strange)))
            known = sorted(t for t in tokenizer.texts if len(t) == 1) if tokenizer.unit == "character" else []
            words = "" if model == "BPE" else " (a word stands with spaces around it)"
            there = f"; it has {''.join(known[:100])}" if known else words
            raise UserError(f"--fix {text}: {unknown} is no token of this run{there}")
        runs = (tuple(run) for gap, run in itertools.groupby(ids, lambda i: i == _GAP) if not gap)
        pieces = tuple(runs)
        if not any(i >= 0 for piece in pieces for i in piece):
            raise UserError(f"--fix {text}: nothing is fixed: write the tokens to hold beside ? and *")
        # A gap at an end ties nothing to that end.
        pattern = cls(text, pieces, first and ids[0] != _GAP, last and ids[-1] != _GAP, tokenizer)
        if pattern.size > length:
            raise UserError(f"--fix {text}: {pattern.size} tokens, and a sequence of this run has at most {length}")
        return pattern

    @property
    def size(self) -> int:
        """The least number of tokens of a sequence that has it."""
        return sum(map(len, self.pieces))

    def holds(self, ids: np.ndarray) -> np.ndarray:
        """Whether each sequence of ids (N, L) has the pattern before its end: bool (N,)."""
        stop = (ids == self.tokenizer.end) | (ids == self.tokenizer.pad)
        lengths = np.where(stop.any(axis=1), stop.argmax(axis=1), ids.shape[1])
        rows = ("".join(map(_letter, row[:end].tolist())) for row, end in zip(ids, lengths, strict=True))
        return np.fromiter((self._regex.search(row) is not None for row in rows), dtype=bool, count=len(ids))

    @functools.cached_property
    def _regex(self) -> re.Pattern[str]:
        pieces = ("".join("." if i == FREE else re.escape(_letter(i)) for i in piece) for piece in self.pieces)
        inside = ".*".join(pieces)
        return re.compile(rf"{'^' if self.first else ''}{inside}{chr(92) + 'Z' if self.last else ''}", re.DOTALL)


def _letter(number: int) -> str:
    """A character for each id."""
    return chr(number + 0x100 + 0x800 * (number + 0x100 >= 0xD800))  # surrogates are no characters
