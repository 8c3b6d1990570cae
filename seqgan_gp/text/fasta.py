"""Read and write FASTA: records of a header, which begins with >, and a sequence on one or more lines."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..errors import UserError

SUFFIXES = (".fa", ".fasta", ".faa", ".fna", ".ffn", ".frn", ".fas", ".mpfa")
SEQUENCE = re.compile(r"[A-Za-z*.-]{10,}\s*")  # a line of one
WIDTH = 60  # letters of a written line


class Record(NamedTuple):
    """A sequence with its header, and the line of the header in its file."""

    header: str
    sequence: str
    line: int

    @property
    def id(self) -> str:
        """The first word of the header."""
        return self.header.split(maxsplit=1)[0] if self.header.strip() else ""


def read(lines: Iterable[str], name: str) -> Iterator[Record]:
    """Read the records of a file; lines that begin with ; are comments, and white space in a sequence is none of it.

    Raises:
        UserError: there is a sequence before the first header; with its line.
    """
    header: tuple[str, int] | None = None
    pieces: list[str] = []
    for number, line in enumerate(itertools.chain(lines, [">"]), 1):
        if line.startswith(">"):
            if header:
                yield Record(header[0], "".join(pieces), header[1])
            header, pieces = (line[1:].strip(), number), []
        elif not line.startswith(";") and (letters := "".join(line.split())):
            if header is None:
                raise UserError(
                    f"{name}, line {number}: a FASTA record begins with a header, > and a name: add one, or call the "
                    "file .txt if each of its lines is a sequence"
                )
            pieces.append(letters)


def check_is_none(lines: Iterable[str], name: str) -> Iterator[str]:
    """Pass on the lines of a file of another form.

    Raises:
        UserError: they are FASTA.
    """
    lines = iter(lines)
    head = list(itertools.islice(lines, 2))
    if len(head) == 2 and head[0].startswith(">") and SEQUENCE.fullmatch(head[1]):
        raise UserError(f"{name}: these lines are FASTA, whose headers are no sequences: call the file .fasta")
    return itertools.chain(head, lines)


def write(number: int, sequence: str, given: str | None = None) -> str:
    """Write the record of a sample; what it is given stands behind its name."""
    return record(f"sample-{number}" + (f" {given}" if given else ""), sequence)


def record(header: str, sequence: str) -> str:
    """Write a record."""
    lines = [sequence[start : start + WIDTH] for start in range(0, len(sequence), WIDTH)] or [""]
    return "\n".join([f">{header}", *lines, ""])
