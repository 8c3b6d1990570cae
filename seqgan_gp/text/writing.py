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
OTHERS = (".json", ".parquet", *decoding.SUFFIXES)  # forms that are read, and that would have to be written whole


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


def written(sentences: Iterable[str], form: str, given: Sequence[str] | None = None) -> Iterator[str]:
    """Write each sentence as a line, a row or a record.

    Args:
        form: the suffix of the file.
        given: what each sentence is given, which stands in the header of a record of FASTA.
    """
    for number, sentence in enumerate(sentences, 1):
        if form in fasta.SUFFIXES:
            yield fasta.write(number, sentence, given[number - 1] if given else None)
        elif form == ".jsonl":
            yield json.dumps({"text": sentence}, ensure_ascii=False) + "\n"
        elif form in MARKS:
            yield _delimited([["text"], [sentence]] if number == 1 else [[sentence]], MARKS[form])
        else:
            yield f"{sentence}\n"


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
        elif form == ".jsonl":
            yield json.dumps(dict(cells), ensure_ascii=False) + "\n"
        elif form in MARKS:
            yield _delimited([[*cells], [*cells.values()]] if number == 1 else [[*cells.values()]], MARKS[form])
        else:
            yield f"{cells['text']}\n"


def _delimited(rows: Iterable[Sequence[Any]], mark: str) -> str:
    lines = io.StringIO()
    csv.writer(lines, delimiter=mark, lineterminator="\n").writerows(rows)
    return lines.getvalue()
