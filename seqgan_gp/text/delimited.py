"""Read .csv and .tsv files, and name the first row that is not like its header."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence

from ..errors import UserError

QUOTE = "write a quote inside a cell twice, and the cell in quotes"


def read(
    lines: Iterator[str], name: str, tabs: bool, wanted: Sequence[str], check: Callable[[Sequence[str]], None]
) -> tuple[list[str], Iterator[tuple[list[str], int]]]:
    """Read the wanted columns of a file; a row may leave its last cells out, unless they are of wanted columns.

    Args:
        lines: the lines of the file, with their line breaks.
        tabs: whether tabs divide the cells, not commas.
        check: refuses a header without the wanted columns.

    Returns:
        The header, and an iterator over the wanted cells of each row, in their order, with the line where it begins.

    Raises:
        UserError: a row has too many or too few cells, a quote stays open, the header stands there twice, or two
            wanted columns have one name; with the row and its line.
    """
    rows = _rows(lines, name, "\t" if tabs else ",")
    header, start = next(rows, ([], 1))
    for column in wanted:
        if header.count(column) > 1:
            raise UserError(
                f"{name}, line {start}: {header.count(column)} columns are named '{column}': rename all but one"
            )
    check(header)
    return header, _cells(rows, header, [header.index(column) for column in wanted], name, "tab" if tabs else "comma")


def _cells(
    rows: Iterator[tuple[list[str], int]], header: list[str], places: list[int], name: str, mark: str
) -> Iterator[tuple[list[str], int]]:
    for number, (row, line) in enumerate(rows, 1):
        where = f"{name}, row {number:,} (line {line:,})"
        if len(row) > len(header):
            raise UserError(
                f"{where}: {len(row)} cells, and the header has {len(header)}: put a cell that holds a {mark} in "
                "quotes, or take the extra cell out"
            )
        if len(row) <= max(places):
            missing = next(header[place] for place in places if place >= len(row))
            raise UserError(
                f"{where}: {_count(len(row))}, and the header has {len(header)}, so that column '{missing}' is "
                "missing: fill the row up, or leave it out"
            )
        if row == header and len(header) > 1:
            raise UserError(f"{where}: the header stands there again: take that line out")
        yield [row[place] for place in places], line


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"


def _rows(lines: Iterator[str], name: str, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Read rows that are not blank, and the line where each begins."""
    limit = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            if row:
                yield row, start
            start = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise UserError(f"{name}, line {start:,}: a quote is opened there and never closed: {QUOTE}") from None
        raise UserError(
            f"{name}, line {start:,}: a quote is opened there and closed in the middle of a cell (line "
            f"{reader.line_num:,}): {QUOTE}"
        ) from None
    finally:
        csv.field_size_limit(limit)
