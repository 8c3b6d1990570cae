"""Run folders as a report reads them. A damaged one is refused before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from .. import artefacts, manifest
from .. import config as configs
from ..config import Experiment
from ..errors import UserError
from ..text.words import unit_of
from ..training import folder
from ..training.replacing import METRICS, SAMPLES, is_run
from ..training.task import Evaluator, task_of

SAMPLE = re.compile(r"step-(\d{7,})\.(txt|png)")
PHASES = {"train/reviser_lr": "revising", "train/discriminator_lr": "reranking"}  # a phase logs a rate of its own


@dataclass(frozen=True)
class Phase:
    """A part of the training: its name, and the last step that was logged before it."""

    name: str
    begins: int


@dataclass(frozen=True)
class Evaluation:
    """Samples of one step.

    Args:
        samples: their file.
        count: the number of samples that were scored, if it was logged.
        conditional: whether each has a label or a context.
    """

    step: int
    samples: Path
    count: int | None
    conditional: bool

    def sentences(self) -> list[str]:
        """The samples as text, one a line.

        Raises:
            UserError: the file is damaged.
        """
        return self._lines(self.samples)

    def given(self) -> list[str] | None:
        """The label or the context of each sentence; None if they have none.

        Raises:
            UserError: the file is missing or damaged.
        """
        return self._lines(self.samples.with_suffix(".given.txt")) if self.conditional else None

    def _lines(self, path: Path) -> list[str]:
        try:
            lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError:
            raise self.damaged("it is not UTF-8 text", path) from None
        except OSError as error:
            raise self.damaged(error.strerror or str(error), path) from None
        if self.count is not None and len(lines) != self.count:
            raise self.damaged(f"it has {len(lines):,} lines, and {self.count:,} samples were scored", path)
        return lines

    def damaged(self, how: str, path: Path | None = None) -> UserError:
        """The error for a damaged file, with the remedy."""
        remedy = f"delete {self.samples}, and this evaluation is left out"
        return UserError(f"{path or self.samples} is damaged: {how}; {remedy}")


@dataclass(frozen=True, eq=False)
class Run:
    """A run that has evaluated its samples once at least.

    Args:
        name: for headings, other than that of any other run of the page.
        rows: of its metrics.
        evaluations: by their steps.
    """

    folder: Path
    name: str
    config: Experiment
    rows: list[dict[str, Any]]
    evaluations: list[Evaluation]

    @classmethod
    def read(cls, path: Path, name: str) -> Run:
        """Read a run folder.

        Raises:
            UserError: it is no run, has no samples yet, or a file of it is damaged.
        """
        if not is_run(path):
            above = next((p for p in path.resolve().parents if is_run(p)), None)
            hint = f"the run folder is {above}" if above else "give the folder that train names at its end"
            raise UserError(f"{path} is no run folder: {hint}")
        config = configs.load(path / artefacts.CONFIG)
        rows, damaged = folder.sort_metrics(path / METRICS)
        if damaged:
            raise UserError(
                f"{path / METRICS}, line {damaged[0]}: damaged; delete the line, or restore the file from a copy"
            )
        scored = {row["step"]: row.get("eval/count") for row in rows if any(key.startswith("eval/") for key in row)}
        counts = {step: count if type(count) is int else None for step, count in scored.items()}
        conditional = getattr(getattr(config, "corpus", None), "given", None) is not None
        found = {int(m[1]): p for p in (path / SAMPLES).glob("step-*") if (m := SAMPLE.fullmatch(p.name))}
        steps = sorted(found.keys() & scored.keys())
        evaluations = [Evaluation(step, found[step], counts[step], conditional) for step in steps]
        if not evaluations:
            raise UserError(
                f"{path} has no samples yet, since its first evaluation is at step {config.evaluation.every}: train on "
                "with --resume, or lower --evaluation.every"
            )
        return cls(path, name, config, rows, evaluations)

    @cached_property
    def checkpoint(self) -> Path | None:
        """The last checkpoint, if there is one.

        Raises:
            UserError: it is damaged.
        """
        return artefacts.locate(self.folder) if artefacts.checkpoints(self.folder) else None

    @cached_property
    def task(self) -> Any:
        """The task with the data of the run, a `Task` of its modality.

        Raises:
            UserError: the data are damaged.
        """
        artefacts.check_data(self.folder)
        return task_of(self.config).read(self.config, self.folder)

    @cached_property
    def unit(self) -> str:
        """The unit that a reader of its text compares: "word", or "character" where it has no words."""
        return unit_of(self.task.corpus.train.text)

    @property
    def evaluator(self) -> type[Evaluator]:
        """The class of the evaluator of its modality."""
        return task_of(self.config).EVALUATOR

    @property
    def last(self) -> Evaluation:
        """The last evaluation."""
        return self.evaluations[-1]

    @cached_property
    def steps(self) -> int:
        """The last step that was logged."""
        return max(row["step"] for row in self.rows)

    @cached_property
    def phases(self) -> list[Phase]:
        """The phases after the first, in the order of their steps."""
        found, before, seen = [], 0, set[str]()
        for row in self.rows:
            for key, name in PHASES.items():
                if key in row and key not in seen:
                    seen.add(key)
                    found.append(Phase(name, before))
            if any(key.startswith("train/") for key in row):
                before = row["step"]
        return found

    def phase_at(self, step: int) -> str | None:
        """The name of the phase that a step belongs to; None for the first."""
        return next((phase.name for phase in reversed(self.phases) if phase.begins < step), None)

    def scores(self, section: str, step: int | None = None) -> dict[str, float | None]:
        """The scores of one section, "eval" or "real", by name: of a step, or the last that were logged. All else that
        a file may hold is None, like an undefined score.
        """
        found: dict[str, float | None] = {}
        for row in self.rows:
            if step is None or row["step"] == step:
                own = {k.removeprefix(f"{section}/"): v for k, v in row.items() if k.startswith(f"{section}/")}
                found |= {k: v if type(v) in (int, float) else None for k, v in own.items()}
        return found

    @cached_property
    def real(self) -> dict[str, float | None]:
        """The scores of real samples."""
        return self.scores("real")

    def shown(self, keys: Iterable[str], scores: Mapping[str, Any] | None = None) -> list[tuple[str, Any, Any]]:
        """Name, value and value of real samples of those of the scores that are defined."""
        found = self.scores("eval", self.last.step) if scores is None else scores
        return [(key, found[key], self.real.get(key)) for key in keys if found.get(key) is not None]


def read_all(paths: Iterable[str | Path]) -> list[Run]:
    """Read run folders that are shown on one page.

    Raises:
        UserError: as `Run.read`; a run is given twice, or two have other modalities or other held-out samples.
    """
    folders = [Path(path) for path in paths]
    resolved = [path.resolve() for path in folders]
    if repeated := [path for path, place in zip(folders, resolved, strict=True) if resolved.count(place) > 1]:
        raise UserError(f"{repeated[0]} is given twice: give each run once")
    short = [path.absolute().name for path in folders]
    names = [n if short.count(n) == 1 else str(p) for n, p in zip(short, folders, strict=True)]
    runs = [Run.read(path, name) for path, name in zip(folders, names, strict=True)]
    first, *others = runs
    for other in others:
        if other.config.modality != first.config.modality:
            raise UserError(
                f"{first.folder} is a run of {first.config.modality} and {other.folder} one of "
                f"{other.config.modality}: give each a report of its own"
            )
        if _held_out(other) != _held_out(first):
            raise UserError(
                f"{first.folder} and {other.folder} have other held-out samples, so that their scores do not compare: "
                "give each a report of its own"
            )
    return runs


def _held_out(run: Run) -> dict[str, Any]:
    """The fingerprint of the held-out samples of a run: the hashes of their files."""
    entries = {name: entry for name, entry in manifest.read(run.folder).items() if PurePosixPath(name).stem == "test"}
    known = configs.flat(run.config)
    return entries or {key: known[key] for key in run.config.SOURCES}
