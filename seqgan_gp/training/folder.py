"""The run folder: it is created whole or not at all, and overwritten only on request; see `replacing` for the steps.

runs/NAME/
  config.yaml      every field of the experiment, defaults too
  ...              the data of the run, written by its task: tokenizer.json, corpus/train.txt, ...
  manifest.json    the data's sizes and hashes; it marks the folder as a run of ours
  metrics.jsonl    one JSON object a line
  curves.png       the metrics as a picture
  trackers.json    the names by which trackers know the run
  report.html      the run as a page, written at its end
  samples/         the samples of every evaluation
  checkpoints/     step-NNNNNNN, the last few
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import config as configs
from .. import manifest
from ..artefacts import CHECKPOINTS, CONFIG, checkpoints
from ..config import Experiment
from ..errors import UserError
from ..files import atomic_write, failing, sync_tree
from . import replacing
from .replacing import METRICS, is_run

__all__ = ["METRICS", "is_run"]

# A resumed run may change these keys and sections. It must agree on all others.
FREE = (
    *("imports", "clipping", "trackers", "penalty", "evaluation", "report", "revision.optimizer.lr"),
    *(f"train.{key}" for key in ("steps", "seconds", "decay_from", "average", "log_every", "checkpoint_every")),
    *(f"train.{key}" for key in ("keep", "threads", "cuda_graphs", "critic.lr", "generator.lr")),
    *("reranking.optimizer.lr", "likelihood.optimizer.lr"),
    *(f"likelihood.{key}" for key in ("clip", "validate_every", "patience", "decay", "decays")),
)


def check_free(output: Path, config: Experiment, resume: bool, overwrite: bool) -> None:
    """Raise a UserError unless the run folder may be created, resumed or overwritten as asked."""
    if resume:
        if not is_run(output):
            raise UserError(f"{output} holds no run to resume: {_remedy(output)}")
        saved = configs.load(output / CONFIG)
        _check_checkpoints(output, saved)
        _check_same(saved, config.settled(saved) if type(saved) is type(config) else config, output)
    elif is_run(output):
        if not overwrite:
            raise UserError(
                f"{output} already holds a run: continue it with --resume, replace it with --overwrite, "
                "or give another --output DIR"
            )
        if manifest.kind_of(output) != "run":
            raise UserError(
                f"{output} has no {manifest.MANIFEST} of a run, so that --overwrite cannot know whose files they are: "
                "give another --output DIR"
            )
        replacing.check_links(output)
    elif output.exists() and (not output.is_dir() or any(output.iterdir()) or output.resolve() == Path.cwd()):
        # --overwrite deletes runs, nothing else.
        raise UserError(f"{output} exists and is not a run folder: give another --output DIR")


def _remedy(output: Path) -> str:
    """How to go on where a folder is no run. One with checkpoints has lost files, which can be put back."""
    mend = []
    if left := [path for path in checkpoints(output) if (path / CONFIG).is_file()]:
        if not (output / CONFIG).is_file():
            mend.append(f"cp {shlex.quote(str(left[-1] / CONFIG))} {shlex.quote(str(output))}")
        if not (output / METRICS).is_file():
            mend.append(f"touch {shlex.quote(str(output / METRICS))}")
    if mend:
        return f"it has checkpoints, but has lost files that belong to a run; {' && '.join(mend)} brings them back"
    return "leave out --resume, or give the run's folder with --output"


def _check_checkpoints(output: Path, saved: Experiment) -> None:
    """Raise a UserError if a run went on after its first checkpoint, and has none now."""
    if checkpoints(output):
        return
    last = max((row["step"] for row in sort_metrics(output / METRICS)[0]), default=0)
    if last > saved.train.checkpoint_every:  # up to there a full disk may have left none
        raise UserError(
            f"{output} has measured up to step {last}, and {output / CHECKPOINTS} holds no checkpoint: put it back, or "
            "start anew with --overwrite in place of --resume"
        )


def _check_same(saved: Experiment, asked: Experiment, output: Path) -> None:
    was, now = configs.flat(saved), configs.flat(asked)
    for key in (*was, *now):
        free = key in asked.SOURCES or any(key == name or key.startswith(f"{name}.") for name in FREE)
        if was.get(key) != now.get(key) and not free:
            before, asks = ("null" if value is None else value for value in (was.get(key), now.get(key)))
            raise UserError(
                f"{output} was trained with {key}={before}, not {asks}: resume with the same value "
                f"(--{key} {before}), or start anew in another --output"
            )


def create(output: Path, config: Experiment, write: Callable[[Path], None]) -> list[str]:
    """Write a new run into the folder, in place of one that may be there; the lines to show.

    Args:
        write: function that writes the data into a folder.

    Raises:
        UserError: the folder cannot be written, and is as it was.
    """
    new = output / replacing.NEW
    try:
        with failing(output):
            new.mkdir(parents=True)
            write(new)
            manifest.write(new, manifest.files_of(new), "run")
            configs.save(config, new / CONFIG)
            (new / METRICS).touch()
            sync_tree(new)
            return replacing.put(output)
    except BaseException as error:
        with contextlib.suppress(OSError, UserError):  # the next start tries again
            replacing.recover(output, keep=False)
        if isinstance(error, OSError):
            raise cannot_make(output, error) from None
        raise


def cannot_make(output: Path, error: OSError) -> UserError:
    """The words for a disk that fails before the run has begun."""
    place = f" at {error.filename}" if error.filename and str(error.filename) != str(output) else ""
    cause = error.strerror or error
    return UserError(f"{output}: the run folder cannot be made ({cause}{place}); give another --output DIR")


class MetricsFile:
    """`metrics.jsonl`. It is appended line by line. A resumed run drops the lines after its checkpoint."""

    def __init__(self, path: Path, last_step: int):
        self.path = path
        rows = [row for row in read_metrics(path) if row["step"] <= last_step]
        self.has_real = any(key.startswith("real/") for row in rows for key in row)
        with atomic_write(path) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def append(self, row: dict[str, Any]) -> None:
        """Write a row, the whole line or nothing of it.

        Raises:
            OSError: the disk fails; it names the path.
        """
        with failing(self.path), self.path.open("ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            line = (json.dumps(row) + "\n").encode()
            try:
                while line:  # a disk that becomes full takes a part, and says why at the next try
                    line = line[file.write(line) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file. Damaged lines are left out, and their number is said on stderr.

    A last line that a crash cut short is not counted.
    """
    good, bad = sort_metrics(path)
    if bad:
        what = "1 damaged line was" if len(bad) == 1 else f"{len(bad)} damaged lines were"
        print(f"{path}: {what} left out, and all others were kept", file=sys.stderr)
    return good


def sort_metrics(path: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows of a metrics file, and the numbers of its damaged lines, counted from 1.

    A last line that a crash cut short is neither.
    """
    *lines, last = path.read_text(encoding="utf-8", errors="replace").split("\n")
    rows = [(number, _row(line)) for number, line in enumerate(lines, 1) if line.strip()]
    good = [row for row in (*(row for _, row in rows), _row(last)) if row is not None]
    return good, [number for number, row in rows if row is None]


def _row(line: str) -> dict[str, Any] | None:
    """The row of a line; None if it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        return None
    plain = all(value is None or isinstance(value, bool | int | float | str) for value in row.values())
    return row if plain else None
