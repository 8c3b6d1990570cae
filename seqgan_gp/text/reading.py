"""From the rows of files to sentences: long text cut, letters in capitals, labels found in their column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .. import decoding
from ..errors import UserError
from . import cutting
from .tables import LINES, Rows, Wanted, form_of, of_dataset, of_json, read_table
from .words import one_line, read_lines, split_lines


@dataclass(frozen=True)
class Sentences:
    """Sentences, and the label or the context that each of them is given.

    Args:
        text: the sentences.
        given: one label or context for each sentence, or None if the sentences are given nothing.
    """

    text: list[str]
    given: list[str] | None = None

    def __len__(self) -> int:
        """Count the sentences."""
        return len(self.text)

    def take(self, rows: Iterable[int]) -> Sentences:
        """Select the sentences with these numbers."""
        return Sentences([self.text[i] for i in rows], self.given and [self.given[i] for i in rows])


class ReadingOptions(Protocol):
    """How sentences are read: options of `config.CorpusConfig`.

    Attributes:
        column: the column that holds the text. Plain text files have only one column.
        given: the column of labels or contexts, or None.
        label_pattern: a pattern whose first group is the label, within the column of labels.
        uppercase: whether letters become capitals.
        split: how long text is cut: sentences, words:N or characters:N; None for rows as they are.
    """

    column: str
    label_pattern: str | None
    uppercase: bool
    split: str | None

    @property
    def given(self) -> str | None: ...


def read_file(path: Path, options: ReadingOptions) -> Sentences:
    """Read the sentences of a file.

    Raises:
        decoding.EmptyFileError: the file is empty.
        UserError: the file cannot be read, a row is bad, or a column is missing.
    """
    rows = read_table(path, Wanted(options.column, options.given))
    if options.split and form_of(path) == LINES:
        rows = Rows(rows.name, cutting.paragraphs(line or "" for line in rows.text))
    return _sentences(rows, options)


def read_dataset(split: Any, source: str, options: ReadingOptions) -> Sentences:
    """Read the sentences of a split of the library `datasets`."""
    return _sentences(of_dataset(split, source, Wanted(options.column, options.given)), options)


def read_sentences(file: str, column: str) -> list[str]:
    """Read samples or real text to score, one for each line or row, also the empty ones; - is standard input.

    Args:
        column: the column that holds the text, in files that have columns.

    Raises:
        UserError: the file cannot be read, a row is bad, or the column is missing.
    """
    wanted = Wanted(column, option="--column")
    if file == decoding.STANDARD_INPUT:
        text = decoding.read_standard_input()
        if not text.lstrip().startswith("{"):
            return split_lines(text)
        rows = of_json(text, "standard input", wanted)
    elif form_of(file) == LINES:
        return read_lines(file)
    else:
        rows = read_table(Path(file), wanted)
    return _lines(rows.text)


def _sentences(rows: Rows, options: ReadingOptions) -> Sentences:
    """Make sentences of rows.

    Raises:
        UserError: a row lacks a label or a context, or the pattern finds no label in it.
    """
    if rows.given is None:
        text, given = list(one_line(filter(None, rows.text))), None
    else:
        text, given = _lines(rows.text), _lines(rows.given)
        _check_full({options.column: text, str(options.given): given}, rows)
        if options.label_pattern:
            given = _labels(given, options.label_pattern, rows, str(options.given))
    if options.uppercase:
        text = [sentence.upper() for sentence in text]
    if options.split:
        cut = cutting.cutter(options.split, "--corpus.split")
        pieces = [cut(sentence) for sentence in text]
        text = [piece for some in pieces for piece in some]
        given = given and [one for one, some in zip(given, pieces, strict=True) for _ in some]
    return Sentences(text, given)


def _lines(values: Iterable[str | None]) -> list[str]:
    """Put each value on one line; missing and blank values become empty."""
    return [next(one_line([value or ""]), "") for value in values]


def _check_full(columns: Mapping[str, Sequence[str]], rows: Rows) -> None:
    """Raise a UserError if a row has no value in one of the columns."""
    for name, values in columns.items():
        empty = [row for row, value in enumerate(values, 1) if not value]
        if empty:
            raise UserError(
                f"{rows.name}: column '{name}' is empty in {len(empty):,} of {len(values):,} rows, first in row "
                f"{empty[0]:,}: fill it in, or leave these rows out"
            )


def _labels(values: Sequence[str], pattern: str, rows: Rows, column: str) -> list[str]:
    """Find the label in each value: the first group of the pattern."""
    search = re.compile(pattern).search
    labels = []
    for row, value in enumerate(values):
        found = search(value)
        label = " ".join((found[1] or "").split()) if found else ""
        if not label:
            raise UserError(
                f"{rows.place(row)}: --corpus.label_pattern '{pattern}' finds no label in column '{column}', which "
                f"holds '{value[:80]}'"
            )
        labels.append(label)
    return labels
