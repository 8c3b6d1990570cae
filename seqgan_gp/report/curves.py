"""The metrics of runs against the step, beside the scores of real samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..training.curves import TRAINING
from .charts import MOST, Chart, Line, lines
from .content import LeftOut, few
from .runs import Run


@dataclass(frozen=True)
class Charts:
    """Charts side by side, with a line above them."""

    note: str
    charts: list[Chart]


def curves(run: Run) -> Charts:
    """Draw every panel that the run has numbers for."""
    marks = [(phase.name, phase.begins) for phase in run.phases]
    drawn = []
    for title, keys in (*TRAINING, *run.evaluator.PANELS):
        series = [line for key in keys if (line := _line(run, key, _name(key)))]
        if series:
            drawn.append(lines(title, series, run.steps, marks))
    if not drawn:
        raise LeftOut("nothing has been logged")
    return Charts(_note(run, marks), drawn)


def _note(run: Run, marks: Sequence[tuple[str, int]]) -> str:
    real = "Dotted: as many real samples, the line to reach."
    if not marks:
        return real
    begins = " and ".join(f"{name} begins after step {step:,}" for name, step in marks)
    return f"{real} Dashed: {begins}."


def together(runs: Sequence[Run]) -> Charts:
    """Draw the main scores, with a line for each run."""
    keys = ("train/wasserstein", *(f"eval/{key}" for key in runs[0].evaluator.HEADLINE))
    drawn = []
    for key in keys:
        series = [line for run in runs if (line := _line(run, key, run.name))]
        if series:
            drawn.append(lines(_name(key), series, max(run.steps for run in runs)))
    if not drawn:
        raise LeftOut("the runs have no score in common")
    return Charts("Dotted: as many real samples, the line to reach.", drawn)


def _line(run: Run, key: str, label: str) -> Line | None:
    section, _, name = key.partition("/")
    points = [(row["step"], row[key]) for row in run.rows if _finite(row.get(key))]
    if not points:
        return None
    x, y = zip(*(points[i] for i in few(len(points), MOST)), strict=True)
    real = run.real.get(name) if section == "eval" else None
    return Line(label, x, y, real if _finite(real) else None, marked=section != "train")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _name(key: str) -> str:
    section, _, name = key.partition("/")
    return name if section == "eval" else f"{section} {name}"
