"""The run folder: it is created whole or not at all, and overwritten only on request.

runs/NAME/
  config.yaml      every field of the experiment, defaults too
  ...              the data of the run, written by its task: tokenizer.json, corpus/train.txt, ...
  metrics.jsonl    one JSON object a line
  curves.png       the metrics as a picture
  samples/         the samples of every evaluation
  checkpoints/     step-NNNNNNN, the last few
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .. import config as configs
from ..artefacts import CHECKPOINTS, CONFIG
from ..config import Experiment
from ..errors import UserError
from ..files import atomic_write

METRICS = "metrics.jsonl"
# A resumed run may change these keys and sections. It must agree on all others.
FREE = (
    *("imports", "clipping", "trackers", "penalty", "evaluation"),
    *(f"train.{key}" for key in ("steps", "seconds", "decay_from", "average", "log_every", "checkpoint_every")),
    *("train.keep", "train.threads", "train.critic.lr", "train.generator.lr", "likelihood.optimizer.lr"),
    *(f"likelihood.{key}" for key in ("clip", "validate_every", "patience", "decay", "decays")),
)


def is_run(path: Path) -> bool:
    return (path / CONFIG).is_file() and (path / METRICS).is_file()


@contextlib.contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep other runs out of a run folder. The lock ends with the process, however that ends.

    Raises:
        UserError: another run has it, or the folder above cannot be written to.
    """
    output = output.resolve()
    lock = FileLock(output.with_name(f".{output.name}.lock"))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{output}: another run is writing to it: wait for its end, or give another --output DIR"
        ) from None
    except NotImplementedError:  # a file system without locks
        pass
    except OSError as error:
        raise _cannot_make(output, error) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # some systems keep a file that is open
            os.unlink(lock.lock_file)
        lock.release()


def _cannot_make(output: Path, error: OSError) -> UserError:
    cause = error.strerror or error
    return UserError(f"{output}: the run folder cannot be made ({cause}); give another --output DIR")


def check_free(output: Path, config: Experiment, resume: bool, overwrite: bool) -> None:
    """Raise a UserError unless the run folder may be created, resumed or overwritten as asked."""
    if resume:
        if not is_run(output):
            raise UserError(
                f"{output} holds no run to resume: leave out --resume, or give the run's folder with --output"
            )
        saved = configs.load(output / CONFIG)
        _check_same(saved, config.settled(saved) if type(saved) is type(config) else config, output)
    elif is_run(output):
        if not overwrite:
            raise UserError(
                f"{output} already holds a run: continue it with --resume, replace it with --overwrite, "
                "or give another --output DIR"
            )
    elif output.exists() and (not output.is_dir() or any(output.iterdir()) or output.resolve() == Path.cwd()):
        # --overwrite deletes runs, nothing else.
        raise UserError(f"{output} exists and is not a run folder: give another --output DIR")


def _check_same(saved: Experiment, asked: Experiment, output: Path) -> None:
    was, now = configs.flat(saved), configs.flat(asked)
    for key in (*was, *now):
        free = key in asked.SOURCES or any(key == name or key.startswith(f"{name}.") for name in FREE)
        if was.get(key) != now.get(key) and not free:
            raise UserError(
                f"{output} was trained with {key}={was.get(key)}, not {now.get(key)}: resume with the same value, "
                "or start anew in another --output"
            )


def create(output: Path, config: Experiment, write: Callable[[Path], None]) -> None:
    """Create the folder under another name, and rename it when it is complete. Only then is an old run deleted.

    Args:
        write: function that writes the data into a folder.
    """
    output = output.resolve()
    part = output.with_name(f".{output.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        (part / "samples").mkdir(parents=True)
        (part / CHECKPOINTS).mkdir()
        configs.save(config, part / CONFIG)
        write(part)
        (part / METRICS).touch()
        if output.exists():
            shutil.rmtree(output)
        os.replace(part, output)
    except OSError as error:
        raise _cannot_make(output, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


class MetricsFile:
    """`metrics.jsonl`. It is appended line by line. A resumed run drops the lines after its checkpoint."""

    def __init__(self, path: Path, last_step: int):
        self.path = path
        rows = [row for row in read_metrics(path) if row["step"] <= last_step]
        self.empty = not rows
        with atomic_write(path) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def append(self, row: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file, without a last line that a crash cut short."""
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        if not isinstance(row, dict) or "step" not in row:
            break
        rows.append(row)
    return rows
