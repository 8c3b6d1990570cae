"""Runs one experiment, from its config to its run folder."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from accelerate import Accelerator

from .. import artefacts
from .. import config as configs
from ..config import Experiment
from ..errors import UserError
from ..machine import best_device, prepare
from ..modality import modality
from . import checkpoint, folder, lock, replacing, threads
from .base import BaseTrainer
from .fitting import check_fits
from .loop import Loop, safe
from .optimizers import make_optimizer
from .several import agreed, check_shared
from .stopping import StopRequest
from .task import Task, task_of
from .trackers import Trackers, check_trackers


def run(config: Experiment, output: Path, resume: bool = False, overwrite: bool = False) -> int:
    """Train an experiment.

    Args:
        config: the experiment.
        output: the run folder, new or to resume.
        resume: continue the run in `output` from its last checkpoint.
        overwrite: replace the run in `output`.

    Returns:
        The exit code: 0, or 130 after Ctrl-C.

    Raises:
        UserError: bad input, before anything is written, or a run that has diverged.
    """
    method = _method_of(config)
    with agreed():
        check_trackers(config.trackers)
        for key, optimizer in method.optimizers(config).items():
            make_optimizer(key, optimizer, [torch.nn.Parameter(torch.zeros(1))], method.BETAS)
    # Without cpu=True, accelerate treats each process of torchrun on a CPU as a separate run.
    accelerator = Accelerator(cpu=best_device().type == "cpu")
    prepare(config.train.threads)  # not before: accelerate sets a number of threads where a host has one process
    size, processes = config.train.batch_size, accelerator.num_processes
    if size % processes:
        raise UserError(f"train.batch_size is {size}: it must be a multiple of the {processes} processes that share it")
    if config.train.seconds and processes > 1:
        raise UserError("train.seconds: several processes would not agree on the time; leave it out, give train.steps")
    check_shared(output)
    with contextlib.ExitStack() as held:
        with agreed():
            if accelerator.is_main_process:
                held.enter_context(lock.locked(output))
        return _train(accelerator, config, output, resume, overwrite)


def _train(accelerator: Accelerator, config: Experiment, output: Path, resume: bool, overwrite: bool) -> int:
    """Train in a folder that no other run writes to. See `run`."""
    notes: list[str] = []
    with agreed():  # the others wait, so that they see a complete folder
        if accelerator.is_main_process:
            notes = _prepare(accelerator, config, output, resume, overwrite)
    begun = resume
    try:
        trainer = _build(accelerator, config, output, resume, notes)
        names = config.trackers if accelerator.is_main_process else []
        with (
            Trackers(output, names, configs.flat(trainer.config), trainer.progress.step, resume) as trackers,
            StopRequest().listening() as stop,
        ):
            loop = Loop(trainer, output, stop, trackers)
            begun = True
            code = loop.run()
    except OSError as error:
        if begun:
            raise UserError(f"{error.filename or output}: {error.strerror or error}; {safe(output)}") from None
        raise folder.cannot_make(output, error) from None
    finally:
        if accelerator.is_main_process:
            _leave(output, begun)
    accelerator.end_training()
    return code


def _prepare(accelerator: Accelerator, config: Experiment, output: Path, resume: bool, overwrite: bool) -> list[str]:
    """Check the run folder, and write the data of a new run into it; the lines to show."""
    kind, method = task_of(config), _method_of(config)
    notes = replacing.recover(output, keep=resume)
    for line in notes:
        print(line, file=sys.stderr)
    folder.check_free(output, config, resume, overwrite)
    if resume:
        artefacts.check_data(output)
        return _compare_data(kind, config, output)

    def check(task: Task[Any]) -> None:
        method.check(task)
        check_fits(method, task, accelerator.device, accelerator.num_processes)

    task = kind.load(config, check)
    return folder.create(output, task.config, task.write)


def _leave(output: Path, begun: bool) -> None:
    """Put a run back that the new one has not replaced, or delete a new one that failed before its first step."""
    try:
        lines = replacing.recover(output, keep=False)
        if not begun and not lines:
            replacing.remove(output)
    except (OSError, UserError) as error:  # it must not hide the cause; the next start tries again
        lines = [f"{output}: the run that was to be replaced waits in {output / replacing.OLD} ({error})"]
    for line in lines:
        print(line, file=sys.stderr)


def _build(accelerator: Accelerator, config: Experiment, output: Path, resume: bool, notes: list[str]) -> BaseTrainer:
    """Build the trainer from the data of the run folder, in the state of the last checkpoint.

    Args:
        notes: further lines to show.
    """
    kind, method = task_of(config), _method_of(config)
    with agreed():
        saved = configs.load(output / artefacts.CONFIG)
        asked, config = config, config.settled(saved)
        task = kind.read(config, output)
        if resume:  # perhaps on a smaller machine
            check_fits(method, task, accelerator.device, accelerator.num_processes)
    trainer = method(accelerator, task)
    with agreed():
        if resume:
            notes = [*notes, *checkpoint.load(accelerator, output, trainer.state(), trainer.progress)]
            if trainer.progress.step > config.train.steps:
                done, steps = trainer.progress.step, config.train.steps
                raise UserError(f"{output} is at step {done} already, train.steps is {steps}: resume with more steps")
            trained, seconds = trainer.progress.seconds, config.train.seconds
            if seconds and seconds != saved.train.seconds and trained >= seconds:
                raise UserError(
                    f"{output} has trained for {trained:.0f} s already, train.seconds is {seconds:g}: resume with more "
                    "seconds"
                )
    notes = [*notes, *_chosen(asked, config)]
    if accelerator.device.type == "cpu":
        notes += threads.settle(trainer, asked.train.threads)
    if accelerator.is_main_process:
        configs.save(config, output / artefacts.CONFIG)  # a resumed run may have other steps
        first, *rest = trainer.task.describe()
        rest += notes
        print(f"{output}: {first}, from step {trainer.progress.step}", *rest, sep="\n")
    return trainer


def _compare_data(kind: type[Task[Any]], asked: Experiment, output: Path) -> list[str]:
    """Notes for a user who resumes a run, where the source of its data is not what it was.

    Raises:
        UserError: the config names another source, whose data are not those of the run.
    """
    saved = configs.load(output / artefacts.CONFIG)
    config, was, now = asked.settled(saved), configs.flat(saved), configs.flat(asked)
    moved = [key for key in config.SOURCES if was.get(key) != now.get(key)]
    if not moved and not kind.is_local(config):
        return []
    own = f"the run goes on with its own copy in {output}"
    try:
        changed = not kind.read(config, output).same_data(kind.load(config))
    except UserError as error:
        if moved:
            raise
        return [f"the source of the data cannot be read now ({error}): {own}"]
    if changed and moved:
        key = moved[0]
        raise UserError(
            f"{output} was trained with {key}={was[key]}, and {now[key]} holds other data: resume with the same data, "
            "or start anew in another --output"
        )
    return [f"the source of the data has changed since the run began: {own}"] if changed else []


def _method_of(config: Experiment) -> type[BaseTrainer]:
    return resolve_name(modality(config.modality).methods[config.method].trainer)


def _chosen(asked: Experiment, config: Experiment) -> list[str]:
    """A line with the values chosen from the data; empty if there are none."""
    open_, values = configs.flat(asked), configs.flat(config) | {"train.threads": None}  # the machine's, not the data's
    chosen = [f"{key}={values[key]}" for key in values if open_[key] is None and values[key] is not None]
    return [f"chosen from the data: {', '.join(chosen)}; options of the same names set them"] if chosen else []
