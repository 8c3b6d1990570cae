"""Write samples in the form that the name of their file says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import decoding
from ..errors import UserError
from . import fasta

MARKS = {".csv": ",", ".tsv": "\t"}
# Forms that would have to be written whole, and those of other programs, which could not open lines under that name.
OTHERS = (
    *(".json", ".parquet", *decoding.SUFFIXES),
    *(".xlsx", ".xls", ".ods", ".doc", ".docx", ".odt", ".rtf", ".html", ".htm", ".yaml", ".yml"),
    *(".npy", ".pkl", ".pickle", ".pt", ".pth", ".safetensors", ".arrow", ".feather"),
)


def form_of(out: str | None) -> str:
    """Find the form of a file of samples: a suffix; other files have lines.

    Raises:
        UserError: samples are not written in this form.
    """
    suffix = decoding.suffix_of(out or "")
    if suffix in OTHERS or decoding.is_packed(out or ""):
        raise UserError(
            f"{out}: samples are written as lines of .txt, or as .jsonl, .csv, .tsv or .fasta: name such a file"
        )
    return suffix


def written(
    sentences: Iterable[str], form: str, given: Sequence[str] | None = None, column: str = "given"
) -> Iterator[str]:
    """Write each sentence as a line, a row or a record.

    Args:
        form: the suffix of the file.
        given: the label or the context of each sentence. It stands in a column of its own, in the header of a record
            of FASTA, and nowhere in a file of lines.
        column: the name of that column.
    """
    for number, sentence in enumerate(sentences, 1):
        of_it = {} if given is None else {column: given[number - 1]}
        if form in fasta.SUFFIXES:
            yield fasta.write(number, sentence, of_it.get(column))
        else:
            yield _row({"text": sentence, **of_it}, form, number == 1)


def ranked(rows: Iterable[tuple[str, Mapping[str, Any]]], form: str) -> Iterator[str]:
    """Write each row, with its scores where the form has a place for them.

    Args:
        rows: the header of a record of FASTA, and the cells by column, `id` and `text` among them.
        form: the suffix of the file. Lines hold the texts alone.
    """
    for number, (header, cells) in enumerate(rows, 1):
        if form in fasta.SUFFIXES:
            scores = (f"{name}={value}" for name, value in cells.items() if name not in ("id", "text"))
            yield fasta.record(" ".join([header, *scores]), cells["text"])
        else:
            yield _row(cells, form, number == 1)


def _row(cells: Mapping[str, Any], form: str, first: bool) -> str:
    """Write the cells of a row by column; the first row of a table follows the names of the columns."""
    if form == ".jsonl":
        return json.dumps(dict(cells), ensure_ascii=False) + "\n"
    if form not in MARKS:
        return f"{cells['text']}\n"
    lines = io.StringIO()
    rows = [[*cells], [*cells.values()]] if first else [[*cells.values()]]
    csv.writer(lines, delimiter=MARKS[form], lineterminator="\n").writerows(rows)
    return lines.getvalue()
