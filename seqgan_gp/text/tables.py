"""Read the columns of a file with a text for each row: lines, FASTA, .csv, .tsv, .json, .jsonl and .parquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import decoding, sources
from ..errors import UserError
from . import delimited, fasta

FORMS = {
    ".txt": "text",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
} | dict.fromkeys(fasta.SUFFIXES, "fasta")
LINES = "text"  # the form of files of no known suffix


@dataclass(frozen=True)
class Wanted:
    """The columns that are needed, and how the user names them.

    Args:
        column: the column that holds the text.
        given: the column of labels or contexts, or None.
        option, given_option: the options that name them.
    """

    column: str
    given: str | None = None
    option: str = "--corpus.column"
    given_option: str = "--corpus.label or --corpus.context"

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [self.column] if self.given is None else [self.column, self.given]

    def check(self, there: Sequence[str], name: str) -> None:
        """Raise a UserError if a column is not there."""
        for wanted, option in zip(self.names, (self.option, self.given_option), strict=False):
            if wanted not in there:
                hint = ""
                if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
                    hint = " (are other marks than commas between its cells? write .csv with commas, .tsv with tabs)"
                raise UserError(f"{name}: no column '{wanted}'; pass {option} with one of: {', '.join(there)}{hint}")


@dataclass(frozen=True)
class Rows:
    """The wanted columns of a file or a data set, as text; None where a value is missing.

    Args:
        name: of the file or the data set, for messages.
        text: the text of each row.
        given: the label or the context of each row, or None.
        lines: the line of the file where each row begins, if rows stand on lines.
    """

    name: str
    text: Sequence[str | None]
    given: Sequence[str | None] | None = None
    lines: Sequence[int] | None = None

    def place(self, row: int) -> str:
        """Say where a row is, counted from 0: its number, and its line if it has one."""
        return f"{self.name}, row {row + 1:,}" + (f" (line {self.lines[row]:,})" if self.lines else "")


def form_of(path: str | Path) -> str:
    """The form of a file by its name; files of no known suffix are lines of text."""
    return FORMS.get(decoding.suffix_of(path), LINES)


def read_table(path: Path, wanted: Wanted) -> Rows:
    """Read the wanted columns of a file.

    Raises:
        decoding.EmptyFileError: the file is empty.
        UserError: the file cannot be read, a row is bad, or a column is missing or holds other things.
    """
    form, name = form_of(path), str(path)
    if form == "parquet":
        return of_dataset(sources.load_parquet(KIND, [path]), name, wanted)
    text = decoding.read_text(path)
    match form:
        case "csv":
            return _delimited(text, name, decoding.suffix_of(path) == ".tsv", wanted)
        case "json":
            return of_json(text, name, wanted)
        case "fasta":
            return _fasta(text, name, wanted)
    # Plain text has one column, even if `column` names a column of the other source of the experiment.
    if wanted.given is not None:
        others = ", ".join(suffix for suffix, form in FORMS.items() if form != LINES)
        raise UserError(f"{path}: lines of text have no column '{wanted.given}': give a file of {others}")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Rows(name, lines, lines=range(1, len(lines) + 1))


KIND = sources.Kind(
    name="corpus",
    rows="sentences",
    remedy="give grammar:NAME, a file, a folder of files, or a hub id",
    split_remedy="name the files train* and test*",
    least_held_out=2,
)


def _delimited(text: str, name: str, tabs: bool, wanted: Wanted) -> Rows:
    header, rows, lines = delimited.read(text, name, tabs, wanted.names, lambda there: wanted.check(there, name))
    given = None if wanted.given is None else [row[1] for row in rows]
    if len(header) == 1 and header in rows:
        sources.note(f"{name}, line {lines[rows.index(header)]:,}: the same as the header, and read as a row")
    return Rows(name, [row[0] for row in rows], given, lines)


def _fasta(text: str, name: str, wanted: Wanted) -> Rows:
    """The sequence is the column that `wanted` names, whatever its name; header and id stand beside it."""
    records = fasta.read(text, name)
    columns: dict[str, list[str]] = {
        wanted.column: [record.sequence for record in records],
        "header": [record.header for record in records],
        "id": [record.id for record in records],
    }
    wanted.check([*columns], name)
    given = None if wanted.given is None else columns[wanted.given]
    return Rows(name, columns[wanted.column], given, [record.line for record in records])


def of_json(text: str, name: str, wanted: Wanted) -> Rows:
    """Read JSON: an object on each line, or one list of objects or of texts, or one object of columns."""
    lines: Sequence[int] | None = None
    rows: Any
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not str(error).startswith("Extra data"):  # one object comes after another
            raise _no_json(name, getattr(error, "lineno", 1), error) from None
        whole = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        numbered = [(number, line) for number, line in enumerate(whole, 1) if line.strip()]
        rows, lines = [_parse(line, number, name) for number, line in numbered], [number for number, _ in numbered]
    if isinstance(rows, dict):
        rows = _of_columns(rows, name, wanted.column)
    if not isinstance(rows, list):
        raise UserError(f"{name}: cannot be loaded: the JSON holds neither rows nor columns, but {_kind(rows)}")
    if rows and all(isinstance(row, str) for row in rows):
        rows = [{"text": row} for row in rows]
    found = Rows(name, [], lines=lines)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UserError(f"{found.place(number)}: {_kind(row)}, where an object with the columns is expected")
    wanted.check([*dict.fromkeys(key for row in rows for key in row)], name)
    columns = [[row.get(column) for row in rows] for column in wanted.names]
    for number, value in enumerate(columns[0]):
        if not (value is None or isinstance(value, str)):
            raise UserError(f"{found.place(number)}: column '{wanted.column}' holds {_kind(value)}, not text")
    given: list[str | None] | None = None
    if wanted.given is not None:
        for number, value in enumerate(columns[1]):
            if not (value is None or isinstance(value, (str, int))):
                kind = _kind(value)
                where = found.place(number)
                raise UserError(f"{where}: column '{wanted.given}' holds {kind}; text or whole numbers are needed")
        given = [None if value is None else str(value) for value in columns[1]]
    for column in (columns[0], given or []):
        for number, value in enumerate(column):
            if value and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise UserError(f"{found.place(number)}: half of a surrogate pair (\\ud800 to \\udfff) is no text")
    return Rows(name, columns[0], given, lines)


def _parse(line: str, number: int, name: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _no_json(name, number, error) from None


def _no_json(name: str, line: int, error: Exception) -> UserError:
    return UserError(f"{name}, line {line:,}: cannot be loaded as JSON ({getattr(error, 'msg', error)})")


def _of_columns(columns: dict[str, Any], name: str, column: str) -> Any:
    """Make rows of an object of columns; an object whose `column` is no list is a row."""
    lists = {key: value for key, value in columns.items() if isinstance(value, list)}
    if not lists or not isinstance(columns.get(column, []), list):
        return [columns]
    if column not in lists and any(isinstance(value, dict) for values in lists.values() for value in values[:1]):
        keys = ", ".join(lists)
        raise UserError(f"{name}: cannot be loaded: its rows are inside an object, under {keys}: save that list alone")
    if len(lists) < len(columns) or len({*map(len, lists.values())}) > 1:
        sizes = ", ".join(f"{key} {len(value) if key in lists else 'none'}" for key, value in columns.items())
        raise UserError(f"{name}: cannot be loaded: its columns have different numbers of rows ({sizes})")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number with a point", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null" if value is None else "text")


def of_dataset(split: Any, name: str, wanted: Wanted) -> Rows:
    """Read the wanted columns of a data set of the library `datasets`.

    Raises:
        UserError: a column is missing or holds other things than text; labels may be numbers and named classes.
    """
    wanted.check(split.column_names, name)
    feature = split.features[wanted.column]
    if getattr(feature, "dtype", None) not in ("string", "large_string"):
        raise UserError(f"{name}: column '{wanted.column}' holds {getattr(feature, 'dtype', feature)}, not text")
    given = None if wanted.given is None else _names(split, wanted.given, name)
    return Rows(name, list(split[wanted.column]), given)


def _names(split: Any, column: str, name: str) -> list[str | None]:
    """Read the values of a column as text; the column holds text, whole numbers, or classes that have names."""
    feature, values = split.features[column], split[column]
    if hasattr(feature, "int2str"):  # a missing class is -1 or None
        return [None if value is None or value < 0 else feature.int2str(value) for value in values]
    kind = str(getattr(feature, "dtype", feature))
    if kind not in ("string", "large_string", "bool") and "int" not in kind:
        raise UserError(f"{name}: column '{column}' holds {kind}; text or whole numbers are needed")
    return [None if value is None else str(value) for value in values]
