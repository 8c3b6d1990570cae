"""One experiment from its config to its run folder: prepare, step, log, evaluate, save, stop and go on."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from accelerate import Accelerator
from tqdm import tqdm

from .. import artefacts
from .. import config as configs
from ..config import Experiment
from ..errors import UserError
from ..machine import best_device, crowded, prepare
from . import checkpoint, folder
from .base import BaseTrainer
from .monitor import Monitor
from .setup import StopRequest, check_trackers, make_optimizer
from .task import Evaluator, task_of
from .window import Diverged, Window, first_diverged

# By name, so that a run imports nothing of the other methods.
TRAINERS = {
    "adversarial": "seqgan_gp.training.trainer:Trainer",
    "likelihood": "seqgan_gp.training.likelihood:LikelihoodTrainer",
}


def run(config: Experiment, output: Path, resume: bool = False, overwrite: bool = False) -> int:
    """Train.

    Args:
        config: the experiment.
        output: the run folder to make, or to go on with.
        resume: continue the run in `output` from its last checkpoint.
        overwrite: replace the run in `output`.

    Returns:
        The exit code: 0, or 130 after Ctrl-C.

    Raises:
        UserError: bad input, before anything is written; or the run has diverged.
    """
    prepare(config.train.threads)
    check_trackers(config.trackers)
    method: type[BaseTrainer] = resolve_name(TRAINERS[config.method])
    kind = task_of(config)
    for key, optimizer in method.optimizers(config).items():
        make_optimizer(key, optimizer, [torch.nn.Parameter(torch.zeros(1))], method.BETAS)
    # Without cpu=True, accelerate takes each process of torchrun on a CPU for a run of its own.
    on_cpu = best_device().type == "cpu"
    accelerator = Accelerator(cpu=on_cpu, log_with=config.trackers or None, project_dir=str(output))
    size, processes = config.train.batch_size, accelerator.num_processes
    if size % processes:
        raise UserError(f"train.batch_size is {size}: it must be a multiple of the {processes} processes that share it")
    if config.train.seconds and processes > 1:
        raise UserError("train.seconds: several processes would not agree on the time; leave it out, give train.steps")
    if accelerator.is_main_process:  # the others wait: they must not see a half-made folder, nor take it for an old run
        folder.check_free(output, config, resume, overwrite)
        if not resume:
            task = kind.load(config)
            method.check(task)
            folder.create(output, config, task.write)
    accelerator.wait_for_everyone()

    trainer = method(accelerator, kind.read(config, output))
    if resume:
        checkpoint.load(accelerator, output)
        if trainer.progress.step > config.train.steps:
            done, asked = trainer.progress.step, config.train.steps
            raise UserError(f"{output} is at step {done} already, train.steps is {asked}: resume with more steps")
    if accelerator.is_main_process:
        configs.save(config, output / artefacts.CONFIG)  # a resumed run may have other steps
        first, *rest = trainer.task.describe()
        if on_cpu and (crowd := crowded()):
            rest.append(crowd)
        print(f"{output}: {first}, from step {trainer.progress.step}", *rest, sep="\n")
    accelerator.init_trackers("seqgan_gp", config={k: _trackable(v) for k, v in configs.flat(config).items()})
    with StopRequest().listening() as stop:
        code = loop(trainer, output, stop)
    accelerator.end_training()
    return code


def loop(trainer: BaseTrainer, output: Path, stop: StopRequest) -> int:
    """Step until the end or until asked to stop."""
    accelerator, config, progress = trainer.accelerator, trainer.config, trainer.progress
    main, steps = accelerator.is_main_process, config.train.steps
    if main:
        evaluator = trainer.task.evaluator()
        monitor = Monitor(accelerator, output, progress.step, evaluator.PANELS)
        if monitor.file.empty:
            monitor.log(0, "real", evaluator.real)
    # In a log file a line every half minute is enough.
    interval = 0.5 if sys.stderr.isatty() else 30
    bar = tqdm(
        total=None if config.train.seconds else steps,
        initial=progress.step,
        unit="step",
        disable=not main,
        mininterval=interval,
    )
    window = Window(accelerator)
    # On a CPU the time of this thread, which is that of its steps: other load does not cut a run short.
    clock = time.thread_time if accelerator.device.type == "cpu" else time.perf_counter
    start, saved = time.perf_counter(), progress.step
    while not trainer.finished and not _should_stop(accelerator, stop, progress.step):
        began = clock()
        parts = trainer.step()
        progress.seconds += clock() - began
        step, stepped = progress.step, time.perf_counter()
        _stop_if(window.append(step, parts), trainer, output)
        bar.update()
        if validation := trainer.validate():
            _stop_if(first_diverged([(step, validation)]), trainer, output)
            if main:
                monitor.log(step, "validation", validation)
            start += time.perf_counter() - stepped  # validation, evaluation and saving are not training speed
        last = trainer.finished
        save_due = last or step % config.train.checkpoint_every == 0
        evaluation_due = last or step % config.evaluation.every == 0
        if not (save_due or evaluation_due or step % config.train.log_every == 0):
            continue
        values, diverged = window.read()
        _stop_if(diverged, trainer, output)
        values["steps_per_second"] = len(window) / (time.perf_counter() - start)
        values["seconds"] = progress.seconds
        values |= trainer.learning_rates()
        if main:
            monitor.log(step, "train", values)
            shown = {"W": "wasserstein", "penalty": "penalty", "|grad|": "gradient_norm", "loss": "loss"}
            bar.set_postfix({k: f"{values[v]:.3g}" for k, v in shown.items() if v in values}, refresh=False)
        if main and evaluation_due:
            samples = output / "samples" / f"step-{step:07d}"
            samples.parent.mkdir(exist_ok=True)
            scores, lines = evaluator(trainer.sampler(), samples)
            monitor.log(step, "eval", scores)
            monitor.draw()
            bar.write("\n    ".join([_summary(step, scores, evaluator), *lines]))
        if save_due:
            _save(trainer, output)
            saved = step
        window.clear()
        start = time.perf_counter()
    bar.close()
    if trainer.finished:
        if main:
            print(f"done: {output}; sample with: seqgan-gp sample {output} {trainer.task.EXAMPLE}")
        return 0
    if len(window):
        _stop_if(window.read()[1], trainer, output)
    if saved != progress.step:
        _save(trainer, output)
    if main:
        again = "continue with the same command and --resume"
        print(f"\nstopped after step {progress.step}, checkpoint saved; {again}", file=sys.stderr)
    return 130


def _should_stop(accelerator: Accelerator, stop: StopRequest, step: int) -> bool:
    """Whether any process was asked to stop; they have to agree on the step, and ask one another every tenth."""
    if accelerator.num_processes == 1:
        return stop.requested
    if step % 10:
        return False
    return bool(accelerator.reduce(torch.tensor(float(stop.requested), device=accelerator.device)).item())


def _save(trainer: BaseTrainer, output: Path) -> None:
    """A checkpoint, unless the last update has spoilt the weights, whose losses were still finite before it."""
    for name, network in trainer.networks().items():
        for key, weight in network.state_dict().items():
            if not weight.isfinite().all():
                _stop_if(Diverged(trainer.progress.step, f"the weight {name}.{key}", math.nan), trainer, output)
    trainer.save(output)


def _stop_if(diverged: Diverged | None, trainer: BaseTrainer, output: Path) -> None:
    if diverged:
        found = artefacts.checkpoints(output)
        last = f"the last good checkpoint is {found[-1]}" if found else "there is no checkpoint yet"
        rates = " and ".join(f"{key}.lr" for key in trainer.optimizers(trainer.config))
        raise UserError(f"diverged: {diverged.key} is {diverged.value} at step {diverged.step}; {last}; lower {rates}")


def _summary(step: int, scores: Mapping[str, Any], evaluator: Evaluator) -> str:
    real = evaluator.real
    numbers = "  ".join(
        f"{k} {scores[k]:.3f} (real {real[k]:.3f})"
        for k in evaluator.HEADLINE
        if scores.get(k) is not None and real.get(k) is not None
    )
    return f"step {step}: {numbers}"


def _trackable(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool) else str(value)
