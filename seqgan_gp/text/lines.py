"""Sentences on the lines of files, which are read when they are needed: a corpus may be larger than memory."""

from __future__ import annotations

import contextlib
import filecmp
import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from ..errors import UserError
from .cutting import Pair

Item = TypeVar("Item")
BATCH = 10_000  # lines that are read at a time
BLOCK = 1 << 20  # bytes that are searched for line ends at a time


class Lines(Sequence[str]):
    """The lines of a UTF-8 file, or some of them. Memory holds 8 bytes for each line, and no text.

    Args:
        path: the file. Every line of it ends in \\n.
        rows: the numbers of the lines, (N,) int64; None for all of them.
        bounds: those of the file, if they are known.
    """

    def __init__(self, path: Path, rows: np.ndarray | None = None, bounds: np.ndarray | None = None):
        self.path, self.rows, self._bounds = path, rows, bounds

    @functools.cached_property
    def bounds(self) -> np.ndarray:
        """The byte where each line of the file begins, and the end of the file: (lines + 1,) int64."""
        if self._bounds is not None:
            return self._bounds
        ends, read = [np.zeros(1, dtype=np.int64)], 0
        with self.path.open("rb") as file:
            while block := file.read(BLOCK):
                ends.append(np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")) + (read + 1))
                read += len(block)
        return np.concatenate(ends)

    def __len__(self) -> int:
        """Count the lines."""
        return len(self.bounds) - 1 if self.rows is None else len(self.rows)

    def take(self, rows: Iterable[int]) -> Lines:
        """Select the lines with these numbers, without reading them."""
        chosen = np.asarray(rows if isinstance(rows, np.ndarray) else [*rows], dtype=np.int64)
        return Lines(self.path, chosen if self.rows is None else self.rows[chosen], self.bounds)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: Any) -> Any:
        rows = range(len(self.bounds) - 1) if self.rows is None else self.rows
        if isinstance(index, slice):
            return self._read(np.asarray(rows[index], dtype=np.int64))
        return self._read(np.array([rows[index]]))[0]

    def __iter__(self) -> Iterator[str]:
        """Read one batch of lines after another."""
        for start in range(0, len(self), BATCH):
            yield from self[start : start + BATCH]

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same texts in the same order."""
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        if isinstance(other, Lines) and self.rows is other.rows is None:
            return filecmp.cmp(self.path, other.path, shallow=False)
        return len(self) == len(other) and all(map(str.__eq__, self, other))

    def _read(self, rows: np.ndarray) -> list[str]:
        try:
            return self._decoded(rows) if len(rows) else []
        except UnicodeDecodeError:
            raise UserError(f"{self.path} is damaged: it is not UTF-8 text; restore it, or start anew") from None

    def _decoded(self, rows: np.ndarray) -> list[str]:
        starts, ends = self.bounds[rows], self.bounds[rows + 1]
        low, high = int(starts.min()), int(ends.max())
        with self.path.open("rb") as file:
            if high - low <= 2 * int((ends - starts).sum()):  # nearly all of a piece of the file: read it at once
                file.seek(low)
                piece = file.read(high - low)
                pairs = zip((starts - low).tolist(), (ends - low).tolist(), strict=True)
                return [piece[start : end - 1].decode() for start, end in pairs]
            texts = []
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                file.seek(start)
                texts.append(file.read(end - start - 1).decode())
            return texts


@dataclass(frozen=True)
class Sentences:
    """Sentences, and the label or the context that each of them is given.

    Args:
        text: the sentences, in memory or in a file.
        given: one label or context for each sentence, or None if the sentences are given nothing.
    """

    text: Sequence[str]
    given: Sequence[str] | None = None

    def __len__(self) -> int:
        """Count the sentences."""
        return len(self.text)

    def take(self, rows: np.ndarray) -> Sentences:
        """Select the sentences with these numbers."""
        return Sentences(_take(self.text, rows), None if self.given is None else _take(self.given, rows))

    @classmethod
    def read(cls, path: Path, given: bool) -> Sentences:
        """Open the files that `write` wrote."""
        return cls(Lines(path.with_suffix(".txt")), Lines(path.with_suffix(".given.txt")) if given else None)

    @classmethod
    def write(cls, pairs: Iterable[Pair], path: Path, given: bool) -> Sentences:
        """Write sentences to `path`.txt, one a line, and what they are given to `path`.given.txt."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as files:
            text, *other = (
                files.enter_context(path.with_suffix(suffix).open("w", encoding="utf-8", newline="\n"))
                for suffix in (".txt", ".given.txt")[: 1 + given]
            )
            for sentence, condition in pairs:
                text.write(f"{sentence}\n")
                for file in other:
                    file.write(f"{condition}\n")
        return cls.read(path, given)


def _take(texts: Sequence[str], rows: np.ndarray) -> Sequence[str]:
    return texts.take(rows) if isinstance(texts, Lines) else [texts[row] for row in rows]


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """Texts or other items in lists of at most `size`."""
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch
