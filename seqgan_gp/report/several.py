"""Several runs side by side: quality against diversity, and means over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..evaluation.catalogue import describe
from ..evaluation.figures import PANELS
from .charts import plane
from .content import LeftOut, number
from .curves import Charts
from .runs import Run
from .scores import GOALS


def frontier(runs: Sequence[Run]) -> Charts:
    """Draw the runs in the planes of quality and diversity (Caccia et al. 2020)."""
    scores = {run.name: run.scores("eval", run.last.step) for run in runs}
    real = runs[0].real
    charts = []
    for x, y in PANELS:
        if all(column.get(key) is not None for column in (real, *scores.values()) for key in (x, y)):
            points = {name: (column[x], column[y]) for name, column in scores.items()}
            charts.append(plane(f"{y} against {x}", (x, y), points, (real[x], real[y])))
    if not charts:
        raise LeftOut("no pair of quality and diversity is known of all runs")
    return Charts("A perfect generator lands on the star.", charts)


@dataclass(frozen=True)
class Seeds:
    """The scores of all runs.

    Args:
        groups: what tells the runs of a group from the others, and their number.
        runs: their names.
        rows: key, mean and deviation for each group, the value of each run, and of real samples, and the goal.
    """

    groups: list[tuple[str, int]]
    runs: list[str]
    rows: list[tuple[str, list[str], list[str], str, str]]


def table(runs: Sequence[Run]) -> Seeds:
    """Gather the scores of all runs. Those whose configs differ by the seed alone are averaged."""
    groups: list[list[Run]] = []
    for run in runs:
        same = next((group for group in groups if _but_for_seed(group[0]) == _but_for_seed(run)), None)
        groups.append([run]) if same is None else same.append(run)
    scores = {run.name: run.scores("eval", run.last.step) for run in runs}
    keys = list(dict.fromkeys(key for column in scores.values() for key in column))
    rows = []
    for key in keys:
        metric = describe(key)
        goal = GOALS[metric.better] if metric and key != "count" else ""
        means = [_mean([scores[run.name].get(key) for run in group]) for group in groups]
        each = [number(scores[run.name].get(key)) for run in runs]
        rows.append((key, means, each, number(runs[0].real.get(key)), goal))
    names = [(group[0].name if len(group) == 1 else f"{group[0].name} …", len(group)) for group in groups]
    return Seeds(names, [run.name for run in runs], rows)


def _but_for_seed(run: Run) -> object:
    return replace(run.config, seed=0)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    if len(known) == 1:
        return number(known[0])
    return f"{statistics.fmean(known):.3f} ±{statistics.stdev(known):.3f}"
