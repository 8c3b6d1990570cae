"""Write samples in the form that the name of their file says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

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
            rows = [["text"], [sentence]] if number == 1 else [[sentence]]
            lines = io.StringIO()
            csv.writer(lines, delimiter=MARKS[form], lineterminator="\n").writerows(rows)
            yield lines.getvalue()
        else:
            yield f"{sentence}\n"
