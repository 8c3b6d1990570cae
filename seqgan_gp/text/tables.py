"""Read the columns of a file with a text for each row: lines, FASTA, .csv, .tsv, .json, .jsonl and .parquet."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
TEXTS = ("string", "large_string", "string_view")  # the kinds of text of the library pyarrow


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
                known = ", ".join(map(shlex.quote, there))
                raise UserError(f"{name}: no column '{wanted}'; pass {option} with one of: {known}{hint}")


class Row(NamedTuple):
    """The wanted cells of a row, as text; None where a value is missing.

    Args:
        text: the text.
        given: the label or the context.
        line: the line of the file where the row begins; None if rows do not stand on lines.
    """

    text: str | None
    given: str | None = None
    line: int | None = None

    def place(self, name: str, number: int) -> str:
        """Say where row `number`, counted from 1, is in the file or data set `name`."""
        return f"{name}, row {number:,}" + ("" if self.line is None else f" (line {self.line:,})")


def form_of(path: str | Path) -> str:
    """The form of a file by its name; files of no known suffix are lines of text."""
    return FORMS.get(decoding.suffix_of(path), LINES)


def read_table(path: Path, wanted: Wanted) -> Iterator[Row]:
    """Read the wanted columns of a file, row by row. Only a .json file that is one value is in memory as a whole.

    Raises:
        decoding.EmptyFileError: the file is empty.
        UserError: the file cannot be read, a row is bad, or a column is missing or holds other things.
    """
    name = str(path)
    match form_of(path):
        case "parquet":
            opened = sources.open_parquet(KIND, path, wanted.names, lambda there: wanted.check(there, name))
            yield from of_batches(*opened, name, wanted)
        case "csv":
            yield from _delimited(path, decoding.suffix_of(path) == ".tsv", wanted)
        case "json":
            yield from of_json(decoding.read_lines(path), name, wanted)
        case "fasta":
            yield from _fasta(path, wanted)
        case _:
            # Plain text has one column, even if `column` names a column of the other source of the experiment.
            if wanted.given is not None:
                others = ", ".join(suffix for suffix, form in FORMS.items() if form != LINES)
                raise UserError(f"{path}: lines of text have no column '{wanted.given}': give a file of {others}")
            for number, line in enumerate(fasta.check_is_none(decoding.read_lines(path), name), 1):
                yield Row(line, line=number)


KIND = sources.Kind(
    name="corpus",
    rows="sentences",
    remedy="give grammar:NAME, a file, a folder of files, or a hub id",
    split_remedy="name the files train* and test*",
    least_held_out=2,
)


def _delimited(path: Path, tabs: bool, wanted: Wanted) -> Iterator[Row]:
    name, noted = str(path), False
    lines = decoding.read_lines(path, newline="")
    header, rows = delimited.read(lines, name, tabs, wanted.names, lambda there: wanted.check(there, name))
    for cells, line in rows:
        if cells == header and not noted:  # of one column; a longer one is refused
            sources.note(f"{name}, line {line:,}: the same as the header, and read as a row")
            noted = True
        yield Row(cells[0], cells[1] if wanted.given is not None else None, line)


def _fasta(path: Path, wanted: Wanted) -> Iterator[Row]:
    """The sequence is the column that `wanted` names, whatever its name; header and id stand beside it."""
    wanted.check([wanted.column, "header", "id"], str(path))
    for record in fasta.read(decoding.read_lines(path), str(path)):
        given = {None: None, "header": record.header, "id": record.id}.get(wanted.given, record.sequence)
        yield Row(record.sequence, given, record.line)


def of_json(lines: Iterator[str], name: str, wanted: Wanted) -> Iterator[Row]:
    """Read JSON: an object on each line, or one list of objects or of texts, or one object of columns."""
    skipped, first = 0, next(lines, "")
    while not first.strip() and (line := next(lines, None)) is not None:
        skipped, first = skipped + 1, line
    rest = ((number, line) for number, line in enumerate(lines, skipped + 2) if line.strip())
    if not (_is_json(first) and (second := next(rest, None))):
        document = _parse(first + "".join(lines), skipped + 1, name)
        return _of_objects(((row, None) for row in _of_document(document, name, wanted.column)), name, wanted)
    texts = isinstance(json.loads(first), str)
    numbered = itertools.chain([(skipped + 1, first), second], rest)
    rows = ((_parse(line.strip(), number, name), number) for number, line in numbered)
    objects = (({"text": row} if texts and isinstance(row, str) else row, number) for row, number in rows)
    return _of_objects(objects, name, wanted)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _of_document(rows: Any, name: str, column: str) -> list[Any]:
    """The rows of a value of JSON."""
    if isinstance(rows, dict):
        rows = _of_columns(rows, name, column)
    if not isinstance(rows, list):
        raise UserError(f"{name}: cannot be loaded: the JSON holds neither rows nor columns, but {_kind(rows)}")
    return [{"text": row} for row in rows] if all(isinstance(row, str) for row in rows) else rows


def _of_objects(rows: Iterable[tuple[Any, int | None]], name: str, wanted: Wanted) -> Iterator[Row]:
    """The wanted cells of objects, with their lines."""
    seen: dict[str, None] = {}
    for number, (row, line) in enumerate(rows, 1):
        place = Row(None, line=line).place
        if not isinstance(row, dict):
            raise UserError(f"{place(name, number)}: {_kind(row)}, where an object with the columns is expected")
        seen |= dict.fromkeys(row)
        text = row.get(wanted.column)
        if not (text is None or isinstance(text, str)):
            raise UserError(f"{place(name, number)}: column '{wanted.column}' holds {_kind(text)}, not text")
        given = None if wanted.given is None else row.get(wanted.given)
        if not (given is None or isinstance(given, (str, int))):
            raise UserError(
                f"{place(name, number)}: column '{wanted.given}' holds {_kind(given)}; text or whole numbers are needed"
            )
        given = None if given is None else str(given)
        for value in (text, given):
            if value and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise UserError(f"{place(name, number)}: half of a surrogate pair (\\ud800 to \\udfff) is no text")
        yield Row(text, given, line)
    wanted.check([*seen], name)


def _parse(text: str, line: int, name: str) -> Any:
    """The value of a JSON text that begins on a line."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line += getattr(error, "lineno", 1) - 1
        raise UserError(f"{name}, line {line:,}: cannot be loaded as JSON ({getattr(error, 'msg', error)})") from None


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


def of_batches(
    features: Mapping[str, Any], batches: Iterable[Mapping[str, list]], name: str, wanted: Wanted
) -> Iterator[Row]:
    """Read the wanted columns of a data set of the library `datasets`.

    Args:
        features: of its columns.
        batches: so many rows at a time, as a list for each column.

    Raises:
        UserError: a column is missing or holds other things than text; labels may be numbers and named classes.
    """
    wanted.check([*features], name)
    kind = getattr(features[wanted.column], "dtype", features[wanted.column])
    if kind not in TEXTS:
        raise UserError(f"{name}: column '{wanted.column}' holds {kind}, not text")
    as_text = None if wanted.given is None else _names(features[wanted.given], wanted.given, name)
    for batch in batches:
        texts = batch[wanted.column]
        if as_text is None:
            yield from map(Row, texts)
        else:
            yield from map(Row, texts, map(as_text, batch[str(wanted.given)]))


def _names(feature: Any, column: str, name: str) -> Callable[[Any], str | None]:
    """The text of a value of a column, which holds text, whole numbers, or classes that have names."""
    if hasattr(feature, "int2str"):  # a missing class is -1 or None
        return lambda value: None if value is None or value < 0 else feature.int2str(value)
    kind = str(getattr(feature, "dtype", feature))
    if kind not in (*TEXTS, "bool") and "int" not in kind:
        raise UserError(f"{name}: column '{column}' holds {kind}; text or whole numbers are needed")
    return lambda value: None if value is None else str(value)
