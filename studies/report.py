"""The results of runs at equal time: tables of means and standard deviations over the seeds, of each seed and of the
differences of each two systems, and a figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from seqgan_gp import tabular
from seqgan_gp.evaluation import pairs
from seqgan_gp.evaluation.catalogue import describe
from seqgan_gp.evaluation.scorer import Scored, over_seeds
from seqgan_gp.tabular import Cell, Number, Table

Results: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""For each system its runs, as `runner.finish` gives them, one for each seed."""

LOSSES = {
    "wasserstein": "E[D(x)] - E[D(G(z))]",
    "critic_loss": "critic's loss",
    "generator_loss": "generator's loss",
}


def write(results: Results, scores: Sequence[str], first: str, out: Path) -> str:
    """Write the tables of a study into its folder, as CSV and LaTeX; the same as Markdown.

    Args:
        scores: keys of the columns.
        first: head of the column of the names.
    """
    systems = {name: over_seeds([Scored(run["scores"]) for run in good]) for name, good in _good(results).items()}
    found = pairs.compared(systems, scores)
    parts = {"table": table(results, scores, first), "seeds": by_seed(results, scores, first)}
    if found:
        parts["differences"] = pairs.table(found, scores)
    for name, part in parts.items():
        for suffix in (".csv", ".tex"):
            tabular.write(part, out / f"{name}{suffix}")
    several = max(map(len, results.values())) > 1
    lines = [parts["table"].markdown(), *(pairs.notes(found) and ["\n".join(f"- {n}" for n in pairs.notes(found))])]
    lines += [parts[name].markdown() for name in ("differences", "seeds") if name in parts and several]
    return "\n\n".join(lines)


def table(results: Results, scores: Sequence[str], first: str) -> Table:
    """A line for each system, and one for real sentences; its runs that did not diverge enter the means."""
    rows: list[list[Cell]] = []
    good = _good(results)
    for system, runs in results.items():
        cells = [_spread([run["scores"].get(key) for run in good.get(system, [])]) for key in scores]
        steps = round(statistics.mean(run["steps"] for run in runs))
        seconds = round(statistics.mean(_seconds(run) for run in runs))
        diverged = f"{sum(bool(run['diverged']) for run in runs)} of {len(runs)}"
        rows.append([system, *cells, Number(steps), Number(seconds), diverged])
    for system, real in _real(results, scores).items():
        rows.append([system, *(_spread([real.get(key)]) for key in scores), "", "", ""])
    return Table([first, *scores, "steps", "seconds", "diverged"], rows)


def by_seed(results: Results, scores: Sequence[str], first: str) -> Table:
    """A line for each run of each system."""
    rows: list[list[Cell]] = []
    for system, runs in results.items():
        for seed, run in enumerate(runs):
            cells = [_spread([(run["scores"] or {}).get(key)]) for key in scores]
            end: list[Cell] = [Number(run["steps"]), Number(round(_seconds(run))), "yes" if run["diverged"] else "no"]
            rows.append([system, str(seed), *cells, *end])
    return Table([first, "seed", *scores, "steps", "seconds", "diverged"], rows)


def _good(results: Results) -> dict[str, list[Mapping[str, Any]]]:
    """The runs of each system that did not diverge, where there are any."""
    good = {system: [run for run in runs if not run["diverged"] and run["scores"]] for system, runs in results.items()}
    return {system: runs for system, runs in good.items() if runs}


def draw(results: Results, place: tuple[str, str], curves: Sequence[str], path: Path) -> None:
    """One score against another, where each run ended, and curves over the seconds of training; a colour for each
    system.

    Args:
        place: keys of the horizontal and the vertical score.
        curves: keys of what was logged, a panel each.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = 2 if len(curves) < 4 else 3
    lines = -(-(1 + len(curves)) // columns)
    figure = Figure(figsize=(7.5 * columns, 4.5 * lines), layout="constrained")
    first, *others = figure.subplots(lines, columns, squeeze=False).flat
    colours = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for number, (system, runs) in enumerate(results.items()):
        colour, marker = colours[number % len(colours)], "os^Dv"[number // len(colours) % 5]
        good = [run["scores"] for run in _good(results).get(system, [])]
        points = [(s[place[0]], s[place[1]]) for s in good if all(s.get(key) is not None for key in place)]
        label = f"{system}{'' if good else ' (diverged)'}"
        first.plot(*zip(*points or [(float("nan"),) * 2], strict=True), marker, color=colour, label=label)
        for axes, key in zip(others, curves, strict=False):
            for r in runs:
                axes.plot(*zip(*r["curves"].get(key) or [(0, float("nan"))], strict=True), color=colour, linewidth=0.9)
    for system, real in _real(results, [*place, *curves]).items():
        if all(real.get(key) is not None for key in place):
            first.plot(real[place[0]], real[place[1]], "k*", markersize=14, label=system)
        for axes, key in zip(others, curves, strict=False):
            if real.get(key) is not None:
                axes.axhline(real[key], color="k", linestyle=":")
    first.set(xlabel=_title(place[0]), ylabel=_title(place[1]), title="where the runs ended")
    figure.legend(*first.get_legend_handles_labels(), fontsize="small", loc="outside right upper")
    for axes in others[len(curves) :]:
        axes.set_axis_off()
    for axes, key in zip(others, curves, strict=False):
        axes.set(title=_title(key), xlabel="seconds of training")
        if key in LOSSES:
            axes.set_yscale("symlog", linthresh=1.0 if key == "wasserstein" else 0.1)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def _real(results: Results, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Real sentences as lines of the table: one, unless systems were measured with different real text."""
    found: dict[str, dict[str, Any]] = {}
    for system, (first, *_) in results.items():
        real = {key: first["real"].get(key) for key in keys}
        if real not in found.values():
            found[f"real sentences of {system}" if found else "real sentences"] = real
    return found


def _seconds(run: Mapping[str, Any]) -> float:
    if "seconds" in run:
        return run["seconds"]
    return max((second for curve in run["curves"].values() for second, _ in curve), default=0.0)


def _spread(values: Sequence[float | None]) -> Cell:
    """The mean with the standard deviation of several values; empty where there are none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return Number(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None)


def _title(key: str) -> str:
    metric = describe(key)
    meaning = LOSSES.get(key) or (metric.meaning if metric else "")
    return f"{key}: {meaning}" if meaning else key
