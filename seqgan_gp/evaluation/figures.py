"""Quality against diversity as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .catalogue import metrics
from .guessing import GUESSES
from .scorer import Scored

# The horizontal and the vertical score of each panel. A panel is drawn where every system has both.
PANELS = (
    ("self_bleu_4", "bleu_4"),
    ("backward_bleu_4", "bleu_4"),
    ("self_bleu_4", "grammatical"),
    ("mauve", "fed"),
)


def frontier(systems: Mapping[str, Sequence[tuple[str, Scored]]], real: Scored, path: Path) -> bool:
    """Draw each system as a line through its points, with intervals where there are any, and real text as a star
    (the quality-diversity plane of Caccia et al. 2020).

    Args:
        systems: the points of each system, each with a label such as its temperature.
        real: the scores of as many real sentences. A perfect generator lands there.
        path: of the PNG.

    Returns:
        Whether a figure was written. There is none where every panel lacks a score.
    """
    from matplotlib.figure import Figure

    everyone = [real, *(point for points in systems.values() for _, point in points)]
    panels = [p for p in PANELS if all(j.values.get(key) is not None for j in everyone for key in p)]
    if not panels:
        return False
    figure = Figure(figsize=(5.5 * len(panels), 5), layout="constrained")
    for axes, (x, y) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, points in systems.items():
            xs, ys = ([j.values[key] for _, j in points] for key in (x, y))
            margins = {f"{a}err": [j.margin(key) or 0.0 for _, j in points] for a, key in (("x", x), ("y", y))}
            axes.errorbar(xs, ys, **margins, marker="o", markersize=4, label=name, capsize=2)
            for (label, _), *place in zip(points, xs, ys, strict=True):
                axes.annotate(label, place, xytext=(4, 4), textcoords="offset points", fontsize="x-small")
        axes.plot(real.values[x], real.values[y], "k*", markersize=13, label="real text")
        axes.set(xlabel=_label(x), ylabel=_label(y))
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize="small", loc="outside right upper")
    figure.suptitle("a perfect generator lands on the star")
    figure.savefig(path, dpi=120)
    return True


def guesses(columns: Mapping[str, Scored], path: Path) -> bool:
    """Draw the fraction of held-out passwords that each system finds against the number of its guesses.

    Returns:
        Whether a figure was written. There is none where nobody counted guesses.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, column in columns.items():
        values = column.values
        points = [(n, values.get(f"match_{n}")) for n in GUESSES] + [(values.get("guesses"), values.get("match"))]
        known = [(n, value) for n, value in points if n and value is not None]
        if known:
            axes.plot(*zip(*sorted(known), strict=True), marker="o", markersize=4, label=name)
    if not axes.lines:
        return False
    axes.set(xscale="log", xlabel="guesses (different samples)", ylabel="fraction of held-out ones found")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    return True


def _label(key: str) -> str:
    return f"{key}\n{metrics()[key].meaning}"
