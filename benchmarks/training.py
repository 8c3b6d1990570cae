"""The whole training command against its bare steps, its time to the first step, and its peak memory.

The command is `python run.py --config text.yaml` in a process of its own: data, noise, moving average, divergence
check, progress bar, metrics, evaluations with their picture, and checkpoints. The bare steps are the same two updates
with their optimisers (including the generator's forward pass for the critic's update). They use the same networks on
batches, noise and interpolation drawn beforehand.

The command runs from one line of its metrics to the next and pauses. Then as many bare steps run, and so on in turn, so
that a drift of the machine affects both alike. Evaluations and checkpoints come more often than in the config, to
measure several (the first includes its imports). Their mean time is then divided by the steps between two evaluations
in the config. Times are medians of stretches, with quartiles.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tqdm import tqdm

from seqgan_gp import artefacts
from seqgan_gp import config as configs
from seqgan_gp.adversarial.game import Batch
from seqgan_gp.errors import UserError
from seqgan_gp.machine import prepare
from seqgan_gp.training.build import make_game
from seqgan_gp.training.task import task_of

from .command import ROOT, Stretch, TrainingCommand
from .timing import clock, peak_megabytes, spread

BATCHES = 100  # drawn beforehand; the bare steps repeat them


def add_options(parser: argparse.ArgumentParser) -> None:
    add_run_options(parser)
    parser.add_argument("--threads", type=int, help="CPU threads of both (default: all cores)")
    parser.add_argument("--steps", type=int, default=1000, help="steps of the command to time (default: %(default)s)")
    parser.add_argument("--evaluations", type=int, default=5, help="evaluations in these steps (default: %(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="starts of the command to time (default: %(default)s)")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default="text.yaml", help="an adversarial experiment (default: %(default)s)")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of the experiment")


def run_options(options: argparse.Namespace) -> list[str]:
    """The options of `add_run_options` as arguments of run.py."""
    return [f"--config={options.config}", *(f"--{option}" for option in options.options)]


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    arguments = run_options(options)
    config = configs.parse(arguments).config
    every = options.steps // options.evaluations
    if config.method != "adversarial":
        raise UserError(f"--config {options.config} is of method {config.method}: an adversarial experiment is needed")
    if every < 2 * config.train.log_every:  # there must be stretches without an evaluation
        raise UserError(
            f"--steps {options.steps} with --evaluations {options.evaluations}: at least "
            f"{2 * config.train.log_every} steps to an evaluation are needed (train.log_every is "
            f"{config.train.log_every}): give more --steps or fewer --evaluations"
        )
    prepare(options.threads)
    arguments.append(f"--train.threads={torch.get_num_threads()}")
    with tempfile.TemporaryDirectory() as folder:
        starts = [first_step(arguments, Path(folder, f"start{i}")) for i in range(options.starts)]
        often = [f"--evaluation.every={every}", f"--train.checkpoint_every={every}"]
        stretches, bare, peak = in_turn([*arguments, *often], Path(folder, "run"), options.steps)
    figures: dict[str, Any] = {"config": options.config, "threads": torch.get_num_threads(), "steps": options.steps}
    figures |= summary(stretches, bare, every, config.evaluation.every) | {"peak_megabytes": peak}
    figures |= spread("first_step_s", starts) | spread("help_s", [clock(show_help) for _ in range(5)])
    return figures, _table(figures)


def first_step(arguments: list[str], run: Path) -> float:
    """Seconds from the command to the end of its first step."""
    start = time.perf_counter()
    with TrainingCommand([*arguments, "--train.log_every=1"], run) as command:
        command.stretch()
        return time.perf_counter() - start


def show_help() -> None:
    subprocess.run([sys.executable, "-m", "seqgan_gp", "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def in_turn(arguments: list[str], run: Path, steps: int) -> tuple[list[Stretch], list[float], float]:
    """Stretches of the command, milliseconds of a bare step after each of them, and the peak memory in MB."""
    stretches, bare = [], []
    with TrainingCommand(arguments, run) as command, tqdm(total=steps, unit="step", disable=None) as bar:
        stretches.append(command.stretch())  # not counted: memory and caches fill
        step = bare_step(run)
        while stretches[-1].row["step"] < stretches[0].row["step"] + steps:
            stretches.append(command.stretch())
            count = stretches[-1].steps
            bare.append(1000 * clock(lambda n=count: [step() for _ in range(n)]) / count)  # type: ignore[misc]
            bar.update(count)
        return stretches, bare, peak_megabytes(command.process.pid)


def bare_step(run: Path) -> Callable[[], None]:
    """Return a function that takes one bare step of the experiment in a run folder."""
    config = configs.load(run / artefacts.CONFIG)
    task = task_of(config).read(config, run)
    size, rng = config.train.batch_size, np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    generator, critic = task.build_generator(), task.build_critic()
    game = make_game(Accelerator(cpu=True), task.player(generator), critic, config)
    batches = itertools.cycle(
        [
            Batch(
                real=torch.from_numpy(task.real[rng.integers(len(task.real), size=size)]),
                alpha=torch.from_numpy(game.penalty.mix(rng, size, task.real.shape[1])),
                noise=generator.sample_noise(size, rng),
            )
            for _ in range(BATCHES)
        ]
    )
    numbers = itertools.count()

    def step() -> None:
        game.play(next(numbers), lambda number: next(batches), lambda: next(batches).noise)

    return step


def summary(stretches: list[Stretch], bare: list[float], every: int, configured: int) -> dict[str, Any]:
    """Summarise the times of a step, and their ratios.

    Args:
        stretches: stretches of the command; the first is not counted.
        bare: milliseconds of a bare step after each of the others.
        every, configured: steps between two evaluations, here and in the config.
    """
    rows = list(zip(stretches, stretches[1:], bare, strict=False))  # the row before tells how a stretch begins
    evaluated = [one for before, one, _ in rows if before.row["step"] % every == 0]
    plain = [(1000 * one.seconds / one.steps, ms) for before, one, ms in rows if before.row["step"] % every]
    figures = spread("bare_ms", bare) | spread("loop_ms", [ms for ms, _ in plain])
    figures |= spread("loop_to_bare", [other / ms for ms, other in plain])
    evaluation = statistics.mean(one.seconds - one.steps * figures["loop_ms"] / 1000 for one in evaluated)
    whole = figures["loop_ms"] + 1000 * evaluation / configured
    figures |= {"evaluation_s": evaluation, "evaluation_every": configured, "whole_ms": whole}
    figures["evaluation_share"] = 1 - figures["loop_ms"] / whole
    figures |= {"steps_per_second": 1000 / whole, "bare_steps_per_second": 1000 / figures["bare_ms"]}
    return figures | {"training_to_bare": figures["bare_ms"] / whole}


def _table(figures: dict[str, Any]) -> str:
    def quartiles(name: str, form: str) -> str:
        return f"({' to '.join(format(q, form) for q in figures[f'{name}_quartiles'])})"

    f = figures
    rows = [
        ("bare steps", f"{f['bare_ms']:.2f} ms", quartiles("bare_ms", ".2f")),
        ("steps of the command", f"{f['loop_ms']:.2f} ms", quartiles("loop_ms", ".2f")),
        ("  of the speed of bare steps", f"{f['loop_to_bare']:.3f}", quartiles("loop_to_bare", ".3f")),
        ("evaluation and checkpoint", f"{f['evaluation_s']:.2f} s", f"every {f['evaluation_every']:,} steps"),
        ("  share of the whole training", f"{f['evaluation_share']:.3f}", ""),
        ("whole training", f"{f['whole_ms']:.2f} ms", f"{f['steps_per_second']:.1f} steps per second"),
        ("  of the speed of bare steps", f"{f['training_to_bare']:.3f}", ""),
        ("from the command to its first step", f"{f['first_step_s']:.1f} s", quartiles("first_step_s", ".1f")),
        ("peak memory", f"{f['peak_megabytes']:.0f} MB", ""),
        ("seqgan-gp --help", f"{f['help_s']:.2f} s", quartiles("help_s", ".2f")),
    ]
    lines = [f"{f['config']}, {f['threads']} threads, {f['steps']:,} steps; medians (quartiles)", ""]
    return "\n".join([*lines, *(f"{name:36} {value:>10}  {rest}".rstrip() for name, value, rest in rows)])
