"""Tables of texts and numbers, as Markdown to read, as CSV to compute with and as LaTeX (booktabs) to print."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .errors import UserError
from .files import atomic_write


@dataclass(frozen=True)
class Number:
    """A number of a table.

    Args:
        value: the number; None where it is not defined.
        margin: half of its interval, or its standard deviation.
        p: of a test that it is zero; the number is then a difference, and has a sign.
    """

    value: float | None
    margin: float | None = None
    p: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        margin = "" if self.margin is None else f" ± {self.margin:.4f}"
        return f"{self._figure}{margin}{self._tested}"

    @property
    def _figure(self) -> str:
        if self.p is not None:
            return f"{self.value:+.4f}"
        return f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:.4f}"

    @property
    def _tested(self) -> str:
        return "" if self.p is None else f" ({chance(self.p)})"

    def latex(self, padded: bool) -> str:
        """The number in LaTeX.

        Args:
            padded: leave the space of a margin where it has none, so that it stands below those that do.
        """
        if self.value is None:
            return "--"
        margin = ""
        if self.margin is not None:
            margin = rf" \pm {self.margin:.4f}"
        elif padded and self.p is None and not isinstance(self.value, int):
            margin = r"\phantom{{} \pm 0.0000}"
        tested = self._tested.replace("<", "$<$")
        return f"${self._figure.replace(',', '{,}')}{margin}${tested}"


Cell: TypeAlias = str | Number


def chance(p: float) -> str:
    """A probability of a test in print: 0.25, 0.003 or <0.001."""
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0095 else f"{p:.2f}"


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        heads: the names of the columns. All differ.
        rows: as many cells for each row. A column has texts alone, or numbers and empty texts.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        numeric = [self._numeric(place) for place in range(len(self.heads))]
        heads, *rows = ([str(cell).replace("|", r"\|") for cell in row] for row in (self.heads, *self.rows))
        lines = [heads, ["---:" if column else "---" for column in numeric], *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def terminal(self) -> str:
        """The table for a terminal, its numbers to the right."""
        lines = [list(self.heads), *([str(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.heads))]
        numeric = [self._numeric(place) for place in range(len(self.heads))]
        shape = list(zip(widths, numeric, strict=True))
        return "\n".join(
            "  ".join(c.rjust(w) if right else c.ljust(w) for c, (w, right) in zip(line, shape, strict=True)).rstrip()
            for line in lines
        )

    def csv(self) -> str:
        """CSV with all digits. A margin and a p have columns of their own."""
        columns: dict[str, list[str | float | None]] = {}
        for place, head in enumerate(self.heads):
            cells = [row[place] for row in self.rows]
            columns[head] = [cell.value if isinstance(cell, Number) else cell for cell in cells]
            for name, part in (("±", _margin), ("p", _p)):
                if any(part(cell) is not None for cell in cells):
                    columns[f"{head} {name}"] = [part(cell) for cell in cells]
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerows([list(columns), *zip(*columns.values(), strict=True)])
        return text.getvalue().rstrip("\n")

    def latex(self) -> str:
        """A tabular with the rules of booktabs, without a caption. All texts are escaped."""
        import pandas as pd  # takes half a second

        columns: dict[str, list[str]] = {}
        texts = []
        for place, head in enumerate(self.heads):
            cells = [row[place] for row in self.rows]
            padded = any(_margin(cell) is not None for cell in cells)
            columns[head] = [cell.latex(padded) if isinstance(cell, Number) else cell for cell in cells]
            if not self._numeric(place):
                texts.append(head)
        style = pd.DataFrame(columns).style.hide(axis="index")
        style = style.format(escape="latex", subset=texts).format_index(escape="latex", axis=1)
        sides = "".join("l" if head in texts else "r" for head in self.heads)
        return style.to_latex(hrules=True, column_format=sides).rstrip("\n")

    def _numeric(self, place: int) -> bool:
        return any(isinstance(row[place], Number) for row in self.rows)


def _margin(cell: Cell) -> float | None:
    return cell.margin if isinstance(cell, Number) else None


def _p(cell: Cell) -> float | None:
    return cell.p if isinstance(cell, Number) else None


WRITERS: Mapping[str, Callable[[Table], str]] = {".md": Table.markdown, ".csv": Table.csv, ".tex": Table.latex}


def check_suffix(option: str, file: str) -> None:
    """Raise a UserError for the name of a file that tells no format of a table."""
    if Path(file).suffix.lower() not in WRITERS:
        raise UserError(f"{option} {file}: its name must end in .md, .csv or .tex, which tells the format")


def write(table: Table, path: Path) -> None:
    """Write a table in the format that the suffix of its file tells.

    Raises:
        OSError: the disk fails; it names the path.
    """
    with atomic_write(path) as file:
        file.write(f"{WRITERS[path.suffix.lower()](table)}\n")
