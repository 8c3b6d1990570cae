"""Results of probes: rows that you can print, write, draw, or put into a data frame."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ..errors import UserError
from ..files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell: TypeAlias = "str | int | float | None"
Row: TypeAlias = "dict[str, Cell]"
LOW, HIGH = "_low", "_high"  # endings of the columns with the interval of a column


@dataclasses.dataclass(frozen=True)
class Result(ABC):
    """The rows of a probe.

    The interval of a column X stands in the columns X_low and X_high. In print they follow the number.

    Args:
        rows: one dict for each row, from the name of a column to its value. None is an undefined value.

    Attributes:
        VALUE: the column that tables over runs and figures along training show.
    """

    VALUE: ClassVar[str]

    rows: Sequence[Row]

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
    """Whether a column has one end of the interval of another column."""
    return any(name.endswith(end) and name.removesuffix(end) in names for end in (LOW, HIGH))


def _shown(row: Row, name: str) -> str:
    low, high = row.get(name + LOW), row.get(name + HIGH)
    interval = "" if low is None or high is None else f" [{_number(low)}, {_number(high)}]"
    return _number(row.get(name)) + interval


def _number(value: Cell) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else value


def label(row: Row) -> tuple[str, ...]:
    """The texts of a row, which tell it from the other rows."""
    return tuple(value for value in row.values() if isinstance(value, str))


@dataclasses.dataclass(frozen=True)
class AcrossRuns(Result):
    """The same probe of several runs: the mean of its main column over them, with the standard deviation.

    Build it with `across`.
    """

    VALUE = "mean"
    probe: str
    value: str

    @property
    def title(self) -> str:
        return f"{self.probe}, over the runs"

    @property
    def note(self) -> str:
        return f"mean: {self.value}, averaged over the runs; sd: its standard deviation over them (n - 1)."

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 1.2 + 0.22 * len(self.rows)), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(self.rows))[::-1]
        means, deviations = ([float(row[key] or 0) for row in self.rows] for key in ("mean", "sd"))
        axes.errorbar(means, places, xerr=deviations, fmt="o", markersize=4, capsize=2)
        axes.set_yticks(places, [", ".join(label(row)) for row in self.rows], fontsize="small")
        axes.set(xlabel=self.value, title=self.title)
        axes.grid(alpha=0.3)
        return figure


def across(results: Mapping[str, Result]) -> AcrossRuns:
    """Average one probe over runs.

    Args:
        results: the result of each run, by the name of the run. Rows with the same texts belong together.
    """
    first = next(iter(results.values()))
    found: dict[tuple[str, ...], list[float]] = {}
    rows: dict[tuple[str, ...], Row] = {}
    for row in (row for result in results.values() for row in result.rows):
        value = row.get(first.VALUE)
        if isinstance(value, int | float):
            found.setdefault(label(row), []).append(float(value))
            rows.setdefault(label(row), {key: text for key, text in row.items() if isinstance(text, str)})
    averaged = [
        rows[key]
        | {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None}
        | {"runs": len(values)}
        for key, values in found.items()
    ]
    return AcrossRuns(averaged, first.title, first.VALUE)


@dataclasses.dataclass(frozen=True)
class AlongTraining(Result):
    """The same probe of several checkpoints of a run. Build it with `along`."""

    probe: str
    value: str

    @property
    def title(self) -> str:
        return f"{self.probe}, along training"

    @property
    def note(self) -> str:
        return f"{self.value} of the checkpoint after each step."

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        lines: dict[tuple[str, ...], list[tuple[float, float]]] = {}
        for row in self.rows:
            step, value = row["step"], row.get(self.value)
            if isinstance(step, int) and isinstance(value, int | float):
                lines.setdefault(label(row), []).append((step, value))
        figure = Figure(figsize=(9, 2 + 0.16 * max(len(lines), 16)), layout="constrained")
        axes = figure.subplots()
        for number, (texts, points) in enumerate(lines.items()):
            style = ("-", "--", ":", "-.")[number // 10 % 4]  # the colours repeat after ten
            axes.plot(*zip(*points, strict=True), style, marker="o", markersize=3, label=", ".join(texts))
        axes.set(xlabel="step", ylabel=self.value, title=self.title)
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper", fontsize="x-small")
        return figure


def along(results: Mapping[int, Result]) -> AlongTraining:
    """Join one probe of several checkpoints.

    Args:
        results: the result of each checkpoint, by its step.
    """
    first = next(iter(results.values()))
    rows: list[Row] = [{"step": step, **row} for step, result in results.items() for row in result.rows]
    return AlongTraining(rows, first.title, first.VALUE)
