"""The setup of a run: the command that gives the run again, and its config beside the defaults."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from .. import __version__
from ..artefacts import CONFIG
from ..config.command_line import arguments, differences, written
from .runs import Run


@dataclass(frozen=True)
class Setup:
    """The setup of a run.

    Args:
        command: that gives the run again.
        differences: key, value and default of each key with another value than the default.
        config: all of the config file.
    """

    command: str
    differences: list[tuple[str, str, str]]
    config: str


def what_was_run(run: Run) -> Setup:
    """Gather the command and the config of a run."""
    command = " \\\n    ".join(
        ["seqgan-gp train", *map(shlex.quote, [*arguments(run.config), f"--output={run.folder}"])]
    )
    rows = [(key, written(value), written(default)) for key, (value, default) in differences(run.config).items()]
    return Setup(command, rows, (run.folder / CONFIG).read_text(encoding="utf-8"))


def about(run: Run) -> str:
    """A line about a run."""
    config = run.config
    parts = [config.modality, config.method if config.method != "adversarial" else config.objective]
    parts += [f"seed {config.seed}", f"{run.steps:,} steps"]
    seconds = run.scores("train").get("seconds")
    if seconds:
        parts.append(f"{seconds / 60:.0f} min of training" if seconds >= 100 else f"{seconds:.0f} s of training")
    return " · ".join([*parts, f"seqgan_gp {__version__}"])
