"""Results side by side: of several networks, of several runs, and of the checkpoints of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .results import HIGH, LOW, SD, Result, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Key: TypeAlias = tuple[tuple[str, ...], int]

STYLES = ("-", "--", ":", "-.")  # of lines: matplotlib's colours repeat after ten


@dataclass(frozen=True, repr=False)
class _Joined(Result):
    """One probe, several times.

    Args:
        probe, reading: the title and the note of the probe.
        columns_drawn: see `Result.drawn`.
    """

    probe: str
    reading: str
    columns_drawn: tuple[str, ...]

    @property
    def drawn(self) -> tuple[str, ...]:
        return self.columns_drawn

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        names = [", ".join(texts(row)) for row in self.rows]
        figure = Figure(figsize=(8, 1.5 + 0.25 * len(names)), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(names))[::-1]
        for number, column in enumerate(self.drawn):
            known = [i for i, row in enumerate(self.rows) if isinstance(row.get(column), int | float)]
            values, low, high = (_numbers([self.rows[i] for i in known], column, end) for end in ("", LOW, HIGH))
            height = places[known] + 0.5 * (0.5 - (number + 0.5) / len(self.drawn))
            axes.errorbar(values, height, xerr=[values - low, high - values], fmt="o", markersize=3, label=column)
        axes.set_yticks(places, names, fontsize="small")
        figure.suptitle(self.title, fontsize="medium")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=5, fontsize="small")
        return figure


@dataclass(frozen=True, repr=False)
class Beside(_Joined):
    """One number of a probe, with a column for each network or each method. Build it with `beside` or `pivot`.

    Args:
        value: the column of the probe that is shown.
    """

    value: str

    @property
    def title(self) -> str:
        return f"{self.probe}: {self.value}"

    @property
    def note(self) -> str:
        return self.reading


def beside(results: Mapping[str, Result], value: str | None = None) -> Beside:
    """Put one column of the same probe of several networks side by side.

    Args:
        results: the result of each network, by its name. Rows with the same texts belong together.
        value: the column; by default the first that the probe draws.
    """
    first = next(iter(results.values()))
    named = [(network, row) for network, result in results.items() for row in result.rows]
    return _beside(first, named, value or first.drawn[0])


def pivot(result: Result, by: str, value: str | None = None) -> Beside:
    """Give each text in a column of a result a column of its own.

    Args:
        by: that column, such as the name of a method.
        value: the column to show; by default the first that the probe draws.
    """
    named = [(str(row[by]), {key: cell for key, cell in row.items() if key != by}) for row in result.rows]
    return _beside(result, named, value or result.drawn[0])


def _beside(first: Result, named: Iterable[tuple[str, Row]], value: str) -> Beside:
    named = [(name, row) for name, row in named if row.get(value) is not None]
    columns = dict.fromkeys(name for name, _ in named)
    written = dict.fromkeys(key for _, row in named for key, cell in row.items() if isinstance(cell, str))
    rows: dict[Key, Row] = {}
    for name, (key, row) in zip((name for name, _ in named), keyed(named), strict=True):
        joined = rows.setdefault(key, {column: row.get(column) for column in written})
        joined |= {name + end: row[value + end] for end in ("", LOW, HIGH, SD) if value + end in row}
    return Beside(list(rows.values()), first.title, first.note, tuple(columns), value)


@dataclass(frozen=True, repr=False)
class Runs(_Joined):
    """The same probe of several runs. Build it with `across`."""

    @property
    def title(self) -> str:
        return f"{self.probe}, over the runs"

    @property
    def note(self) -> str:
        return f"Means over the runs ± standard deviations (n - 1). {self.reading}"


def across(results: Mapping[str, Result]) -> Runs:
    """Average every column of one probe over runs.

    Args:
        results: the result of each run, by the name of the run. Rows with the same texts belong together; a row
            that only some runs have is averaged over these.
    """
    first = next(iter(results.values()))
    found: dict[Key, list[Row]] = {}
    for key, row in keyed((name, row) for name, result in results.items() for row in result.rows):
        found.setdefault(key, []).append(row)
    rows = [_averaged(alike, first.columns) for alike in found.values()]
    return Runs(rows, first.title, first.note, first.drawn)


def _averaged(alike: list[Row], columns: Iterable[str]) -> Row:
    """The row of means and deviations of rows with the same texts."""
    averaged: Row = {}
    for name in columns:
        numbers = [float(row[name] or 0) for row in alike if isinstance(row.get(name), int | float)]
        if numbers:
            averaged[name] = float(np.mean(numbers))
            averaged[name + SD] = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
        else:
            averaged[name] = alike[0].get(name)
    return averaged | {"runs": len(alike)}


@dataclass(frozen=True, repr=False)
class Checkpoints(_Joined):
    """The same probe of the checkpoints of a run. Build it with `along`."""

    @property
    def title(self) -> str:
        return f"{self.probe}, along training"

    @property
    def note(self) -> str:
        return f"Each checkpoint by its step. {self.reading}"

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        lines: dict[str, list[tuple[float, float]]] = {}
        for row in self.rows:
            for column in self.drawn:
                step, value = row["step"], row.get(column)
                if isinstance(step, int) and isinstance(value, int | float):
                    name = ", ".join([*texts(row), *([column] if len(self.drawn) > 1 else [])])
                    lines.setdefault(name, []).append((step, value))
        figure = Figure(figsize=(10, 2 + 0.17 * max(len(lines), 16)), layout="constrained")
        axes = figure.subplots()
        for number, (name, points) in enumerate(lines.items()):
            axes.plot(*zip(*points, strict=True), STYLES[number // 10 % 4], marker="o", markersize=3, label=name)
        axes.set(xlabel="step", ylabel=", ".join(self.drawn))
        figure.suptitle(self.title, fontsize="medium")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside right upper", fontsize="x-small")
        return figure


def along(results: Mapping[int, Result]) -> Checkpoints:
    """Join one probe of several checkpoints.

    Args:
        results: the result of each checkpoint, by its step.
    """
    first = next(iter(results.values()))
    rows: list[Row] = [{"step": step, **row} for step, result in results.items() for row in result.rows]
    return Checkpoints(rows, first.title, first.note, first.drawn)


def texts(row: Row) -> tuple[str, ...]:
    """The texts of a row, which tell it from the other rows."""
    return tuple(value for value in row.values() if isinstance(value, str))


def keyed(named: Iterable[tuple[str, Row]]) -> Iterator[tuple[Key, Row]]:
    """Rows, each with the key of the rows that it belongs to: its texts, and its place among those of the same result
    that have the same texts, such as those that only a number tells apart.
    """
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for name, row in named:
        own = texts(row)
        seen[name, own] += 1
        yield (own, seen[name, own]), row


def _numbers(rows: list[Row], column: str, end: str) -> np.ndarray:
    """A column, or an end of its interval, (N,); where there is none, the column itself."""
    deviations = [row.get(column + SD) for row in rows]
    if end and all(isinstance(deviation, int | float) for deviation in deviations):
        sign = -1 if end == LOW else 1
        return _numbers(rows, column, "") + sign * np.array(deviations, dtype=float)
    found = [row.get(column + end) for row in rows]
    plain = [row.get(column) for row in rows]
    return np.array([p if f is None else f for p, f in zip(plain, found, strict=True)], dtype=float)
