"""Runs the training command in a process that can pause between two lines of its metrics."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil

from seqgan_gp.errors import UserError
from seqgan_gp.training.folder import METRICS

ROOT = Path(__file__).parent.parent
POLL = 0.005  # seconds between two reads of the metrics


class Stretch(NamedTuple):
    """The work of the command between two lines of its metrics."""

    seconds: float
    steps: int
    row: dict[str, Any]  # the line at its end


class TrainingCommand:
    """`run.py` in a process that pauses between two stretches, so that other work can use the machine.

    Args:
        options: options of run.py.
        run: the run folder to create.
        launcher: arguments of python in front of run.py, such as -m torch.distributed.run.
    """

    def __init__(self, options: Sequence[str], run: Path, launcher: Sequence[str] = ()):
        self.run, self.read, self.step = run, 0, 0
        self.log = run.with_name(f"{run.name}.log")
        command = [sys.executable, *launcher, str(ROOT / "run.py"), *options, "--report=false", f"--output={run}"]
        with self.log.open("w") as log:
            # In its own process group, so that the system ends paused processes when this process is killed.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ.copy(), process_group=0
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        psutil.wait_procs(self._signal("kill"))
        self.process.wait()

    def stretch(self) -> Stretch:
        """Continue to the next line of training numbers, and pause there."""
        start, before = time.perf_counter(), self.step
        self._signal("resume")
        row = self._next_row()
        held = self._signal("suspend")
        while any(_runs(process) for process in held):  # the command's time includes the delay
            pass
        self.step = row["step"]
        return Stretch(time.perf_counter() - start, self.step - before, row)

    def finish(self) -> None:
        """Wait for the end of the command.

        Raises:
            UserError: the command failed.
        """
        if self.process.wait():
            raise self._failure()

    def _next_row(self) -> dict[str, Any]:
        while True:
            over = self.process.poll() is not None  # before the last read
            lines = (self.run / METRICS).read_bytes()[self.read :].splitlines(keepends=True) if self._started() else []
            for line in lines:
                if not line.endswith(b"\n"):  # half written
                    break
                self.read += len(line)
                row = json.loads(line)
                if any(key.startswith("train/") for key in row):
                    return row
            if over:
                raise self._failure()
            time.sleep(POLL)

    def _started(self) -> bool:
        return (self.run / METRICS).is_file()

    def _failure(self) -> UserError:
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["no message"]
        message = next((line for line in lines if line.startswith("error: ")), lines[-1])
        return UserError(f"run.py ended: {message.removeprefix('error: ')}; give other --options, or fewer --steps")

    def _signal(self, name: str) -> list[psutil.Process]:
        """Suspend, resume or kill the process and its children, and return those that exist."""
        try:
            root = psutil.Process(self.process.pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, name)()
        return tree


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
