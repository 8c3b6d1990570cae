"""Results of probes: rows that you can print, write, draw, or put into a data frame."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..errors import UserError
from ..files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell: TypeAlias = "str | int | float | None"
Row: TypeAlias = "dict[str, Cell]"
LOW, HIGH, SD = "_low", "_high", "_sd"  # endings of the columns with the interval or the deviation of a column


@dataclasses.dataclass(frozen=True, repr=False)
class Result(ABC):
    """The rows of a probe.

    The interval of a column X stands in the columns X_low and X_high, and a standard deviation in X_sd. In print they
    follow the number.

    Args:
        rows: one dict for each row, from the name of a column to its value. None is an undefined value. The texts of a
            row tell it from the other rows.

    Attributes:
        DRAWN: the columns that matter most: figures over runs and along training show them. A result without any is not
            joined with those of other runs and checkpoints.
    """

    DRAWN: ClassVar[tuple[str, ...]] = ()

    rows: Sequence[Row]

    @property
    def drawn(self) -> tuple[str, ...]:
        """The columns that figures over runs and along training show."""
        return self.DRAWN

    @property
    @abstractmethod
    def title(self) -> str:
        """A short heading."""

    @property
    @abstractmethod
    def note(self) -> str:
        """How to read the columns, in a few sentences."""

    @abstractmethod
    def plot(self) -> Figure:
        """Draw the rows: a figure of matplotlib."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns in print, in the order in which the rows have them."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return [name for name in names if not _is_bound(name, names)]

    def __repr__(self) -> str:
        """The title and the table, as an interactive Python shows the result."""
        return f"{self.title}\n{self.table()}"

    def table(self) -> str:
        """The rows as a table for a terminal."""
        cells = [self.columns, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        numeric = [self._is_numeric(name) for name in self.columns]
        lines = (
            "  ".join(
                c.rjust(w) if right else c.ljust(w) for c, w, right in zip(row, widths, numeric, strict=True)
            ).rstrip()
            for row in cells
        )
        return "\n".join(lines)

    def markdown(self) -> str:
        """The rows as a table of Markdown."""
        rule = ["---:" if self._is_numeric(name) else "---" for name in self.columns]
        escaped = ([c.replace("|", r"\|") for c in row] for row in self._cells())
        return "\n".join("| " + " | ".join(row) + " |" for row in [self.columns, rule, *escaped])

    def _repr_markdown_(self) -> str:
        """The table in a notebook."""
        return self.markdown()

    def to_frame(self) -> Any:
        """The rows as a `pandas.DataFrame`.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("pandas is not installed: pip install pandas, or read the rows with .rows") from None
        return pandas.DataFrame(list(self.rows))

    def to_dict(self) -> dict[str, Any]:
        """The rows with title and note, for JSON."""
        return {"title": self.title, "note": self.note, "rows": list(self.rows)}

    def save(self, folder: Path, name: str) -> None:
        """Write NAME.json, NAME.md and NAME.png into a folder."""
        with atomic_write(folder / f"{name}.json") as file:
            json.dump(self.to_dict(), file, indent=1, ensure_ascii=False)
        with atomic_write(folder / f"{name}.md") as file:
            file.write(f"# {self.title}\n\n{self.note}\n\n{self.markdown()}\n")
        self.plot().savefig(folder / f"{name}.png", dpi=120)

    def _cells(self) -> list[list[str]]:
        return [[_shown(row, name) for name in self.columns] for row in self.rows]

    def _is_numeric(self, name: str) -> bool:
        return all(not isinstance(row.get(name), str) for row in self.rows)


def _is_bound(name: str, names: Iterable[str]) -> bool:
    """Whether a column has an end of the interval of another column, or its deviation."""
    return any(name.endswith(end) and name.removesuffix(end) in names for end in (LOW, HIGH, SD))


def _shown(row: Row, name: str) -> str:
    low, high, deviation = (row.get(name + end) for end in (LOW, HIGH, SD))
    interval = "" if low is None or high is None else f" [{_number(low)}, {_number(high)}]"
    return _number(row.get(name)) + ("" if deviation is None else f" ± {_number(deviation)}") + interval


def _number(value: Cell) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else value
