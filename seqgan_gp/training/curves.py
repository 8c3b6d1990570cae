"""Draws the metrics of a run as curves.png."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..files import atomic_binary
from .task import Panel

TRAINING: tuple[Panel, ...] = (
    ("Wasserstein estimate", ("train/wasserstein",)),
    ("critic's gradient norm at interpolates", ("train/gradient_norm",)),
    ("dead units, undecided tokens", ("networks/dead_generator", "networks/dead_critic", "networks/undecided")),
    ("negative log-likelihood (nats per token)", ("train/loss", "validation/loss")),
    ("perplexity", ("validation/perplexity",)),
)
PARTS = {"train/reviser_lr": "revising", "train/discriminator_lr": "reranking"}  # of a training, by a key of each


def draw(rows: list[dict[str, Any]], panels: Sequence[Panel], path: Path, real_samples: str) -> None:
    """Draw the metrics of a run. Dotted lines show the scores of real samples, and upright ones the steps after which
    another part of the training begins.

    Args:
        real_samples: the word for real samples, such as "real text".
    """
    from matplotlib.figure import Figure  # the import takes a second, and only evaluations need it

    real = {k.removeprefix("real/"): v for row in rows for k, v in row.items() if k.startswith("real/")}
    measured = {k for row in rows for k, v in row.items() if v is not None}
    panels = [panel for panel in panels if measured.intersection(panel[1])]  # each method has its own panels
    lines = max(2, math.ceil(len(panels) / 3))
    figure = Figure(figsize=(15, 3.25 * lines))
    # Fixed margins: an automatic layout would draw everything a second time while training waits.
    figure.subplots_adjust(left=0.035, right=0.905, bottom=0.08, top=0.89, wspace=0.5, hspace=0.34)
    grid = figure.subplots(lines, 3).flat
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, keys) in zip(grid, panels, strict=False):
        names = [key.partition("/")[2] for key in keys]
        for key in keys:
            points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
            if points:
                section, _, name = key.partition("/")
                label = name if names.count(name) == 1 else f"{section} {name}"
                (line,) = axes.plot(*zip(*points, strict=True), label=label, marker="" if section == "train" else ".")
                if real.get(name) is not None and not math.isnan(real[name]):
                    axes.axhline(real[name], color=line.get_color(), linestyle=":")
        for step, part in _begun(rows):
            axes.axvline(step, color="0.7", linewidth=0.8, zorder=0)
            place = {"transform": axes.get_xaxis_transform(), "rotation": 90, "va": "bottom", "ha": "right"}
            axes.text(step, 0.02, part, color="0.4", fontsize="x-small", clip_on=True, **place)
        axes.set(title=title, xlabel="step")
        shape = {"fontsize": "x-small", "handlelength": 1.0, "borderaxespad": 0.2, "frameon": False}
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), **shape)  # beside the curves
    figure.suptitle(f"dotted: {real_samples}, same sample size")
    with atomic_binary(path) as file:
        figure.savefig(file, format="png", dpi=110)


def _begun(rows: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """The last logged step before each part of the training after the first, and the name of the part."""
    before: dict[str, Any] = {"step": 0}
    for row in rows:
        if any(key.startswith("train/") for key in row):
            yield from ((before["step"], part) for key, part in PARTS.items() if key in row and key not in before)
            before = row
