"""Writes the measurements of a run: metrics.jsonl, trackers and curves.png."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import curves
from .folder import MetricsFile, read_metrics
from .replacing import CURVES, METRICS
from .task import Evaluator
from .trackers import Trackers

PICTURES = 0.005  # of the time of a run, at most, is for its pictures before the last


class Monitor:
    """Writes the measurements of the main process.

    Args:
        evaluator: has the panels of curves.png, besides those of training.
        trackers: what else the run is logged to.
    """

    def __init__(self, run: Path, last_step: int, evaluator: Evaluator, trackers: Trackers):
        self.run, self.evaluator, self.trackers = run, evaluator, trackers
        self.file = MetricsFile(run / METRICS, last_step)
        self.start, self.drawing = time.perf_counter(), 0.0
        self.behind: int | None = None  # the step whose scores no picture shows yet

    def log(self, step: int, section: str, values: Mapping[str, Any]) -> None:
        """Write a line of metrics.jsonl, its keys prefixed by `section`, and log the same to the trackers."""
        row = {f"{section}/{k}": v for k, v in values.items()}
        self.file.append({"step": step, **row})
        self.trackers.numbers(row, step)

    def draw(self, step: int, samples: Path, last: bool) -> None:
        """Show the samples of an evaluation, in files of that name, to the trackers. Draw curves.png, and show it, too.

        Where evaluations are frequent, training waits for few of their pictures.

        Args:
            last: no evaluation comes after this one.
        """
        self.trackers.samples(samples, step)
        self.behind = step
        if last or self.drawing <= PICTURES * (time.perf_counter() - self.start):
            self.catch_up()

    def catch_up(self) -> None:
        """Draw curves.png, unless it shows the last evaluation."""
        if self.behind is None:
            return
        began, panels = time.perf_counter(), (*curves.TRAINING, *self.evaluator.PANELS)
        curves.draw(read_metrics(self.run / METRICS), panels, self.run / CURVES, self.evaluator.REAL)
        self.trackers.picture("curves", self.run / CURVES, self.behind)
        self.drawing += time.perf_counter() - began
        self.behind = None
