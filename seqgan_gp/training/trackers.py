"""What a run is logged to besides its own folder, through the classes of accelerate.

A tracker never ends a run. One that fails is left out from then on, and a line says so. `trackers.json` in the run
folder has the name by which each tracker knows the run, so that a resumed run goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers

from ..errors import UserError, one_line
from ..files import atomic_write
from ..names import nearest
from .replacing import IDENTITIES, TRACKED
from .tracker import TRACKERS, Tracker

PROJECT = TRACKED
SHOWN = 50  # samples of an evaluation


def check_trackers(names: Sequence[str]) -> None:
    """Raise a UserError for a tracker that accelerate does not know or whose package is not installed."""
    available = [str(getattr(tracker, "value", tracker)) for tracker in get_available_trackers()]
    for name in names:
        if name not in TRACKERS:
            remedy = nearest(name, TRACKERS) or f"; choose some of {', '.join(TRACKERS)}"
            raise UserError(f"trackers: there is no tracker {name}{remedy}")
        if name not in available:
            package = TRACKERS[name].package
            raise UserError(f"trackers: {name} is not installed: pip install {package}, or leave it out")


class Trackers:
    """The trackers of a run, in its main process.

    Args:
        run: the run folder, whose name is that of the run.
        names: of the trackers, which `check_trackers` has seen.
        config: the keys and values of the experiment.
        step: the last step of the run.
        resumed: whether the run is resumed; a new one is never mixed with an older one of the same folder.
    """

    def __init__(self, run: Path, names: Sequence[str], config: Mapping[str, Any], step: int, resumed: bool):
        self.followers: dict[str, Tracker] = {}
        if not names:
            return
        file = run / IDENTITIES
        known = _read(file) if resumed else {}
        shown = {key: value if isinstance(value, int | float | str) else str(value) for key, value in config.items()}
        for name in dict.fromkeys(names):
            self.followers[name] = TRACKERS[name](run.resolve().name, known.get(name))
            self._do(name, partial(_start, name=name, run=run, step=step))
            self._do(name, lambda tracker: tracker.configure(shown))
        known |= {name: t.identity for name, t in self.followers.items() if t.identity is not None}
        if known:
            with atomic_write(file) as opened:
                json.dump(known, opened)

    def numbers(self, values: Mapping[str, Any], step: int) -> None:
        """Log numbers; one that is not defined, None, is left out."""
        known = {key: value for key, value in values.items() if value is not None}
        self._all(lambda tracker: tracker.numbers(known, step))

    def samples(self, path: Path, step: int) -> None:
        """Log the samples of an evaluation.

        Args:
            path: of their files, without their suffixes: texts with one sample on each line, or pictures.
        """
        columns = {}
        for file in sorted(path.parent.glob(f"{path.name}.*"), reverse=True):  # .txt, then .given.txt
            name = "samples" + file.name.removeprefix(path.name).removesuffix(file.suffix).replace(".", "_")
            if file.suffix == ".png":
                self.picture(name, file, step)
            elif file.suffix == ".txt":
                with file.open(encoding="utf-8", newline="\n") as lines:
                    columns[name] = [line.rstrip("\n") for line, _ in zip(lines, range(SHOWN), strict=False)]
        if columns:
            self._all(lambda tracker: tracker.texts(columns, step))

    def picture(self, name: str, path: Path, step: int) -> None:
        """Log a PNG."""
        self._all(lambda tracker: tracker.picture(name, path, step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._all(lambda tracker: tracker.finish(failed=kind is not None))

    def _all(self, act: Callable[[Any], object]) -> None:
        for name in list(self.followers):
            self._do(name, act)

    def _do(self, name: str, act: Callable[[Any], object]) -> None:
        """Let a tracker do something, and leave it out from then on if it fails, whatever it raises."""
        if name not in self.followers:
            return
        try:
            act(self.followers[name])
        except Exception as error:
            del self.followers[name]
            cause = f"{type(error).__name__}: {error}"
            rest = "the run goes on without it, and metrics.jsonl has all numbers"
            print(one_line(f"warning: the tracker {name} has failed, {rest} ({cause[:300]})"), file=sys.stderr)


def _start(tracker: Tracker, name: str, run: Path, step: int) -> None:
    """Start a tracker, by the first options that work."""
    cls: Any = LOGGER_TYPE_TO_CLASS[name]
    place = {"logging_dir": str(run)} if cls.requires_logging_directory else {}
    failed: Exception | None = None
    for options in tracker.attempts(step):
        try:
            own: GeneralTracker = cls(PROJECT, **place, **options)
            own.start()
            tracker.own = own
            return
        except Exception as error:
            failed = error
    assert failed
    raise failed


def _read(file: Path) -> dict[str, str]:
    """The names by which trackers know a run; none of a file that is damaged or not there."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(k): v for k, v in known.items() if isinstance(v, str)} if isinstance(known, dict) else {}
