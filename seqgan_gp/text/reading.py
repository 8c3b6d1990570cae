"""From the rows of files to sentences: long text cut, letters in capitals, labels found in their column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from .. import decoding
from ..errors import UserError
from ..notices import notify
from ..sources import note
from . import cutting, fasta
from .cutting import Pair
from .tables import LINES, Row, Wanted, form_of, of_batches, of_json, read_table
from .words import one_line, without_ends

TEXT = "text"  # the column that holds the text unless an option names another


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


def read_file(path: Path, options: ReadingOptions) -> Iterator[Pair]:
    """Read the sentences of a file, one after another.

    Raises:
        decoding.EmptyFileError: the file is empty.
        UserError: the file cannot be read, a row is bad, or a column is missing.
    """
    rows = read_table(path, Wanted(options.column, options.given))
    if options.split and form_of(path) == LINES:
        rows = map(Row, cutting.paragraphs(row.text or "" for row in rows))
    return _sentences(rows, str(path), options)


def read_dataset(
    features: Mapping[str, Any], batches: Iterable[Mapping[str, list]], source: str, options: ReadingOptions
) -> Iterator[Pair]:
    """Read the sentences of a split of the library `datasets`, one after another; see `tables.of_batches`."""
    return _sentences(of_batches(features, batches, source, Wanted(options.column, options.given)), source, options)


def read_sentences(file: str, column: str) -> list[str]:
    """Read samples or real text to score, one for each line or row, also the empty ones; - is standard input.

    Args:
        column: the column that holds the text, in files that have columns.

    Raises:
        UserError: the file cannot be read, a row is bad, or the column is missing.
    """
    return [row.text or "" for row in read_rows(file, Wanted(column, option="--column"))]


def read_rows(file: str, wanted: Wanted) -> Iterator[Row]:
    """Read the rows of a file, one after another, each text on one line; - is standard input.

    Raises:
        UserError: the file cannot be read, a row is bad, or a column is missing.
    """
    if file == decoding.STANDARD_INPUT:
        lines = decoding.read_lines(file, newline="\n")
        head = list(itertools.islice(lines, 100))
        lines = itertools.chain(head, lines)
        if not "".join(head).lstrip().startswith("{"):
            yield from map(Row, without_ends(lines))
            return
        rows = of_json(lines, "standard input", wanted)
    elif form_of(file) == LINES and wanted.given is None:
        lines = fasta.check_is_none(decoding.read_lines(file, newline="\n"), file)
        yield from map(Row, without_ends(lines))
        return
    else:
        rows = read_table(Path(file), wanted)
    yield from (row._replace(text=one_line(row.text or "")) for row in rows)


def notify_of_column(files: Iterable[str], column: str) -> None:
    """Warn of a column that is named though all files are plain text."""
    plain = [form_of(file) == LINES and file != decoding.STANDARD_INPUT for file in files]
    if column != TEXT and plain and all(plain):
        notify(f"--column {column} has no effect: plain text has no columns")


def _sentences(rows: Iterable[Row], name: str, options: ReadingOptions) -> Iterator[Pair]:
    """Make sentences of rows.

    Args:
        name: of the file or the data set.

    Raises:
        UserError: a row lacks a label or a context, or the pattern finds no label in it.
    """
    cut = cutting.cutter(options.split, "--corpus.split") if options.split else lambda text: [text]
    label = label_finder(options.label_pattern, name, str(options.given)) if options.label_pattern else None
    empty: dict[str, tuple[int, int]] = {}  # how many rows, and the first of them, by column
    number = without = 0
    for number, row in enumerate(rows, 1):
        text, given = one_line(row.text or ""), None
        if options.given is not None:
            given = one_line(row.given or "")
            for column, value in ((options.column, text), (options.given, given)):
                if not value:
                    count, first = empty.get(column, (0, number))
                    empty[column] = count + 1, first
            if label and given:
                given = label(given, row, number)
        without += row.text is None
        if text:
            for piece in cut(text.upper() if options.uppercase else text):
                yield piece, given
    for column, (count, first) in empty.items():
        raise UserError(
            f"{name}: column '{column}' is empty in {count:,} of {number:,} rows, first in row {first:,}: fill it in, "
            "or leave these rows out"
        )
    if without:
        note(f"{name}: {without:,} of {number:,} rows have no text in column '{options.column}' and are left out")


def label_finder(pattern: str, name: str, column: str) -> Callable[[str, Row, int], str]:
    """The function that finds the label in a value of a row, given its number: the first group of the pattern.

    It raises a UserError where there is none.
    """
    search = re.compile(pattern).search

    def find(value: str, row: Row, number: int) -> str:
        found = search(value)
        label = " ".join((found[1] or "").split()) if found else ""
        if not label:
            raise UserError(
                f"{row.place(name, number)}: --corpus.label_pattern '{pattern}' finds no label in column '{column}', "
                f"which holds '{value[:80]}'"
            )
        return label

    return find
