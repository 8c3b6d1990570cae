"""Several runs side by side: quality against diversity, and means over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..evaluation.catalogue import describe
from ..evaluation.figures import PANELS
from .charts import plane
from .content import LeftOut, number
from .curves import Charts
from .runs import Run
from .scores import GOALS, is_main


def frontier(runs: Sequence[Run]) -> Charts:
    """Draw the runs in the planes of quality and diversity (Caccia et al. 2020)."""
    scores: dict[str, dict[str, Any]] = {run.name: run.scores("eval", run.last.step) for run in runs}
    real: dict[str, Any] = runs[0].real
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
        groups: the heading of each group of runs.
        runs: their names; none where each is a group of its own.
        rows: of the table.
    """

    groups: list[str]
    runs: list[str]
    rows: list[Means]

    @property
    def folded(self) -> bool:
        """Whether some scores stand in the long table only."""
        return not all(row.main for row in self.rows)


@dataclass(frozen=True)
class Means:
    """A score: mean and deviation of each group, the value of each run, and that of real samples, in print.

    Args:
        main: whether it stands in the short table.
    """

    key: str
    groups: list[str]
    runs: list[str]
    real: str
    goal: str
    main: bool


def table(runs: Sequence[Run]) -> Seeds:
    """Gather the scores of all runs. Those whose configs differ by the seed alone are averaged."""
    groups: list[list[Run]] = []
    for run in runs:
        same = next((group for group in groups if _but_for_seed(group[0]) == _but_for_seed(run)), None)
        groups.append([run]) if same is None else same.append(run)
    scores = {run.name: run.scores("eval", run.last.step) for run in runs}
    keys = list(dict.fromkeys(key for column in scores.values() for key in column))
    single = runs if len(groups) < len(runs) else []
    rows = []
    for key in keys:
        metric = describe(key)
        goal = GOALS[metric.better] if metric and key != "count" else ""
        means = [_mean([scores[run.name].get(key) for run in group]) for group in groups]
        each = [number(scores[run.name].get(key)) for run in single]
        rows.append(Means(key, means, each, number(runs[0].real.get(key)), goal, is_main(key)))
    return Seeds([_heading(group) for group in groups], [run.name for run in single], rows)


def _heading(group: Sequence[Run]) -> str:
    names = [run.name for run in group]
    return names[0] if len(names) == 1 else f"mean of {', '.join(names)}"


def _but_for_seed(run: Run) -> object:
    train = replace(run.config.train, threads=None)  # a run chooses its own
    return replace(run.config, seed=0, trackers=[], report=True, train=train)


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    if len(known) == 1 or all(isinstance(value, int) and value == known[0] for value in known):
        return number(known[0])
    return f"{statistics.fmean(known):.3f} ±{statistics.stdev(known):.3f}"
