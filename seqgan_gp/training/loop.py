"""The loop of a run: step, log, evaluate, save, and stop on request."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from .. import artefacts
from ..errors import UserError
from ..files import failing
from . import replacing
from .base import BaseTrainer
from .monitor import Monitor
from .stopping import StopRequest
from .task import Evaluator
from .trackers import Trackers
from .window import Diverged, Window, first_diverged

SHOWN = {"W": "wasserstein", "penalty": "penalty", "|grad|": "gradient_norm", "loss": "loss"}  # beside the bar

# The bar of a timed run, whose time is another one than that on the wall.
TIMED = "{desc}, {n_fmt} steps in {elapsed} of wall-clock [{rate_fmt}{postfix}]"


class Loop:
    """Runs a trainer until it has finished or the user stops it. The main process logs and evaluates.

    Args:
        trainer: the trainer.
        output: the run folder.
        stop: the user's request to stop.
        trackers: what else the run is logged to.
    """

    def __init__(self, trainer: BaseTrainer, output: Path, stop: StopRequest, trackers: Trackers):
        self.trainer, self.output, self.stop = trainer, output, stop
        self.accelerator, self.config, self.progress = trainer.accelerator, trainer.config, trainer.progress
        self.window = Window(self.accelerator)
        if self.accelerator.is_main_process:
            self.evaluator = trainer.task.evaluator()
            self.monitor = Monitor(output, self.progress.step, self.evaluator, trackers)
            if not self.monitor.file.has_real:
                self.monitor.log(0, "real", self.evaluator.real)
        timed = self.config.train.seconds is not None
        self.bar = tqdm(
            total=None if timed else self.config.train.steps,
            bar_format=TIMED if timed else None,
            initial=self.progress.step,
            unit="step",
            disable=not self.accelerator.is_main_process,
            mininterval=0.5 if sys.stderr.isatty() else 30,  # a log file needs no more than a line every half minute
        )

    def run(self) -> int:
        """Run, and return the exit code: 0 after the last step, 130 after a stop. Both save a checkpoint.

        Raises:
            UserError: the run has diverged, or a checkpoint cannot be saved.
            OSError: the disk fails.
        """
        trainer, progress, train = self.trainer, self.progress, self.config.train
        # On a CPU only the time of this thread counts, so other load on the machine does not shorten a run.
        clock = time.thread_time if self.accelerator.device.type == "cpu" else time.perf_counter
        self.start, saved = time.perf_counter(), progress.step
        first, trained = self.start, progress.seconds
        while not trainer.finished and not self._should_stop():
            began = clock()
            parts = trainer.step()
            progress.seconds += clock() - began
            stepped = time.perf_counter()
            self._end_if(self.window.append(progress.step, parts))
            if train.seconds:
                self.bar.set_description_str(f"trained {progress.seconds:.0f} of {train.seconds:g} s", refresh=False)
            self.bar.update()
            if validation := trainer.validate():
                self._log_validation(validation)
                self.start += time.perf_counter() - stepped  # steps_per_second leaves out validation
            save_due, evaluation_due, log_due = (
                trainer.finished or progress.step % every == 0
                for every in (train.checkpoint_every, self.config.evaluation.every, train.log_every)
            )
            if not (save_due or evaluation_due or log_due):
                continue
            self._log_training()
            shown = self._evaluate() if evaluation_due and self.accelerator.is_main_process else None
            if save_due:
                self._save()
                saved = progress.step
            if shown:  # after saving: no terminal may cost a checkpoint
                self.bar.write(shown)
            self.window.clear()
            self.start = time.perf_counter()
        self.bar.close()
        if train.seconds and self.accelerator.is_main_process:
            trained, wall = progress.seconds - trained, time.perf_counter() - first
            others = "the rest is evaluation, saving and other programs"
            print(f"{trained:.0f} s of training took {wall:.0f} s of wall-clock: {others}")
        return self._finish() if trainer.finished else self._stop(saved)

    def _log_validation(self, values: Mapping[str, float]) -> None:
        self._end_if(first_diverged([(self.progress.step, dict(values))]))
        if self.accelerator.is_main_process:
            self.monitor.log(self.progress.step, "validation", values)

    def _log_training(self) -> None:
        """Log means over the steps since the last call."""
        values, diverged = self.window.read()
        self._end_if(diverged)
        values["steps_per_second"] = len(self.window) / (time.perf_counter() - self.start)
        values["seconds"] = self.progress.seconds
        values |= self.trainer.learning_rates()
        if self.accelerator.is_main_process:
            self.monitor.log(self.progress.step, "train", values)
            self.bar.set_postfix({k: f"{values[v]:.3g}" for k, v in SHOWN.items() if v in values}, refresh=False)

    def _evaluate(self) -> str:
        """Draw samples, score them and log the scores; the lines to show."""
        step = self.progress.step
        samples = self.output / replacing.SAMPLES / f"step-{step:07d}"
        samples.parent.mkdir(exist_ok=True)
        try:
            with failing(samples):
                scores, lines = self.evaluator(self.trainer.sampler(), samples)
        except BaseException:  # half of the samples are none
            for path in samples.parent.glob(f"{samples.name}.*"):
                path.unlink()
            raise
        if health := self.trainer.health():
            self.monitor.log(step, "networks", health)
        self.monitor.log(step, "eval", scores)
        self.monitor.draw(step, samples, last=self.trainer.finished)
        return "\n    ".join([_summary(step, scores, self.evaluator), *lines])

    def _save(self) -> None:
        """Save a checkpoint if all weights are finite. The last update may have spoilt them after its losses."""
        named = [(name, network.state_dict()) for name, network in self.trainer.networks().items()]
        weights = {f"{name}.{key}": weight for name, state in named for key, weight in state.items()}
        if spoilt := artefacts.not_finite(weights | self.trainer.state().weights()):
            self._end_if(Diverged(self.progress.step, f"the weight {spoilt}", math.nan))
        try:
            self.trainer.save(self.output)
        except UserError as error:
            raise UserError(f"{error}; {safe(self.output)}") from None
        if self.accelerator.is_main_process:
            replacing.discard(self.output)

    def _finish(self) -> int:
        if self.accelerator.is_main_process:
            for line in self.trainer.remarks():
                print(line)
            name = shlex.quote(str(self.output))
            print(f"done: {self.output}; sample with: seqgan-gp sample {name} {self.trainer.task.EXAMPLE}")
        return 0

    def _stop(self, saved: int) -> int:
        """Save a checkpoint if there are steps since the one of step `saved`, and return the exit code."""
        if len(self.window):
            self._end_if(self.window.read()[1])
        if saved != self.progress.step:
            self._save()
        if self.accelerator.is_main_process:
            self.monitor.catch_up()
            again = "continue with the same command and --resume"
            print(f"\nstopped after step {self.progress.step}, checkpoint saved; {again}", file=sys.stderr)
        return 130

    def _should_stop(self) -> bool:
        """Whether any process was asked to stop. Processes must agree on the step, so they check every tenth step."""
        if self.accelerator.num_processes == 1:
            return self.stop.requested
        if self.progress.step % 10:
            return False
        asked = torch.tensor(float(self.stop.requested), device=self.accelerator.device)
        return bool(self.accelerator.reduce(asked).item())

    def _end_if(self, diverged: Diverged | None) -> None:
        """Raise a UserError if the run has diverged."""
        if diverged:
            found = artefacts.checkpoints(self.output)
            last = f"the last good checkpoint is {found[-1]}" if found else "there is no checkpoint yet"
            rates = " and ".join(f"{key}.lr" for key in self.trainer.optimizers(self.config))
            number = f"{diverged.key} is {diverged.value} at step {diverged.step}"
            raise UserError(f"diverged: {number}; {last}; lower {rates}")


def safe(run: Path) -> str:
    """The words for what a failing disk has left, and how to go on."""
    found = artefacts.checkpoints(run)
    last = f"the checkpoint {found[-1]} is whole" if found else "there is no checkpoint yet"
    return f"{last}; make room, or mend the cause, and go on with the same command and --resume"


def _summary(step: int, scores: Mapping[str, Any], evaluator: Evaluator) -> str:
    real = evaluator.real
    numbers = "  ".join(
        f"{k} {scores[k]:.3f} (real {real[k]:.3f})"
        for k in evaluator.HEADLINE
        if scores.get(k) is not None and real.get(k) is not None
    )
    return f"step {step}: {numbers}"
