"""Training on one GPU: speed, use of the device, waits for the host, and equal curves in each precision.

Each experiment trains for --steps steps, all of its parts included, in float32 without TF32, with TF32, and in bfloat16
(mixed precision); once more in float32 without the recording of steps (train.cuda_graphs false); and in float32 with
another seed, which shows how far two equal runs lie apart. For each the table has

- steps per second, after the first tenth of each part, and the peak memory of the device;
- busy: the share of the time in which the device computes, by torch's profiler;
- waits: how often a step of each part makes the host wait for the device, by torch's debug mode of synchronisation; 0
  is the goal, for the next step can then be prepared while the device computes;
- apart: the mean distance between the curve of the Wasserstein estimate and that of float32, over the distance between
  the two seeds. At most about 1 means that the precision changes no more than the seed does.

On a CPU the same runs in float32 and bfloat16 only show that the script works.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from tqdm import tqdm

from seqgan_gp import config as configs
from seqgan_gp.errors import UserError
from seqgan_gp.machine import best_device, prepare
from seqgan_gp.training.task import task_of
from seqgan_gp.training.trainer import Trainer

from .timing import peak_megabytes

CONFIGS = ("text.yaml", "coco.yaml", "char.yaml", "mnist.yaml")
CAPTIONS = ("coco.yaml", "char.yaml")  # they need a file of captions


class Mode(NamedTuple):
    """How a run computes: accelerate's mixed precision, TF32 or not, and whether its steps are recorded."""

    precision: str
    tf32: bool
    recorded: bool = True


CALLED = "float32, called"
MODES = {
    "float32": Mode("no", False),
    CALLED: Mode("no", False, recorded=False),
    "TF32": Mode("no", True),
    "bfloat16": Mode("bf16", True),
}
PROFILED = 10  # steps in each of them
WINDOWS = 10  # points of a curve


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--configs", nargs="+", default=list(CONFIGS), metavar="FILE", help="experiments (default: %(default)s)"
    )
    parser.add_argument("--captions", metavar="FILE", help="the text of coco.yaml and char.yaml, one caption a line")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each run (default: %(default)s)")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of all experiments")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    device = best_device()
    experiments = {name: experiment(name, options) for name in options.configs}
    modes = dict(MODES)
    if device.type != "cuda":
        print("there is no GPU: these runs on a CPU only show that the script works", file=sys.stderr)
        del modes["TF32"], modes[CALLED]
    rows: list[dict[str, Any]] = []
    for name, config in experiments.items():
        runs = [*((mode, config) for mode in modes), ("float32", replace(config, seed=config.seed + 1))]
        measured = []
        for mode, one in tqdm(runs, desc=name, unit="run", disable=None):
            measured.append({"config": name, "precision": mode, "seed": one.seed} | train(one, modes[mode]))
        reference, other = measured[0]["curve"], measured[-1]["curve"]
        seeds = distance(reference, other)
        _forget_precision()
        rows += [row | {"apart": distance(reference, row["curve"]) / seeds if seeds else None} for row in measured]
    figures = {"device": device.type, "name": _name(device), "torch": torch.__version__, "steps": options.steps}
    return figures | {"rows": rows}, _table(figures, rows)


def experiment(name: str, options: argparse.Namespace) -> Any:
    """The config of a file, with so many steps and no limit of time."""
    captions = []
    if options.captions and name in CAPTIONS:  # a tenth of them is held out, so that no other file is needed
        captions = [f"--corpus.train={options.captions}", "--corpus.test=null"]
    keys = [*captions, f"--train.steps={options.steps}", *(f"--{option}" for option in options.options)]
    config: Any = configs.parse([f"--config={name}", *keys]).config
    if config.method != "adversarial":
        raise UserError(f"--configs {name} is of method {config.method}: an adversarial experiment is needed")
    if name in CAPTIONS and not Path(config.corpus.train).is_file():
        raise UserError(f"{config.corpus.train}: no such file of captions for {name}: give --captions FILE")
    shortest = min(last - first for first, last in parts(config))
    if shortest < (least := 2 * PROFILED):
        raise UserError(
            f"--steps {options.steps}: a part of the training of {name} has {shortest} steps, and profiling takes "
            f"{least}: give more"
        )
    return replace(config, train=replace(config.train, seconds=None))


def train(config: Any, mode: Mode) -> dict[str, Any]:
    """Train an experiment, and return its speed, its use of the device, its waits, its curve and its last scores."""
    _forget_precision()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode.tf32
    config = replace(config, train=replace(config.train, cuda_graphs=mode.recorded))
    accelerator = Accelerator(mixed_precision=mode.precision, cpu=best_device().type == "cpu")
    prepare(config.train.threads)
    device = accelerator.device
    task = task_of(config).load(config)
    Trainer.check(task)
    trainer = Trainer(accelerator, task)
    curve: list[Tensor | None] = []
    seconds, counted = 0.0, 0
    if device.type == "cuda":
        gc.collect()  # the recordings of the run before
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    busy: list[float | None] = []
    waits: list[int | None] = []

    def take(count: int) -> None:
        curve.extend(trainer.step().get("wasserstein") for _ in range(count))

    for first, last in parts(config):
        take((last - first) // 10)  # memory and kernels are chosen
        waits.append(host_waits(lambda: take(1), device))
        busy.append(busy_share(lambda: take(PROFILED), device))
        count = last - trainer.progress.step
        _wait(device)
        start = time.perf_counter()
        take(count)
        _wait(device)
        seconds, counted = seconds + time.perf_counter() - start, counted + count
    memory = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else peak_megabytes()
    scores = _scores(trainer)
    figures = {
        "steps_per_second": counted / seconds,
        "peak_megabytes": memory,
        "busy": statistics.mean(known) if (known := [share for share in busy if share is not None]) else None,
        "waits": [number for number in waits if number is not None] or None,
        "curve": windows([value for value in curve if value is not None]),
        "scores": scores,
    }
    return figures


def _forget_precision() -> None:
    """Let the next Accelerator of this process have another precision than the last one."""
    AcceleratorState._reset_state(reset_partial_state=True)


def parts(config: Any) -> list[tuple[int, int]]:
    """The first step of each part of the training, and the one behind its last: the game of the generator, and those
    of the reviser and of the reranker where there are any.
    """
    bounds = [0, *(round(config.train.steps * end) for end in config.ends), config.train.steps]
    return [(first, last) for first, last in itertools.pairwise(bounds) if first < last]


def host_waits(step: Callable[[], None], device: torch.device) -> int | None:
    """How often the host waits for the device in a step; None on a CPU."""
    if device.type != "cuda":
        step()
        return None
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(warning.message) for warning in found)


def busy_share(steps: Callable[[], None], device: torch.device) -> float | None:
    """The share of the time in which the device computes, on one stream; None on a CPU."""
    if device.type != "cuda":
        steps()
        return None
    _wait(device)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        start = time.perf_counter()
        steps()
        _wait(device)
        seconds = time.perf_counter() - start
    microseconds = sum(event.self_device_time_total for event in profiled.key_averages())
    return min(microseconds / 1e6 / seconds, 1.0)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def windows(values: list[Tensor]) -> list[float]:
    """The means of a curve over WINDOWS stretches of equal length."""
    if not values:
        return []
    return [part.mean().item() for part in torch.stack(values).float().cpu().tensor_split(WINDOWS) if len(part)]


def distance(one: list[float], other: list[float]) -> float:
    """The mean distance between the points of two curves."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / max(len(one), 1)


def _scores(trainer: Trainer) -> dict[str, float]:
    """The headline scores of samples at the end."""
    evaluator: Any = trainer.task.evaluator()
    with tempfile.TemporaryDirectory() as folder:
        scores, _ = evaluator(trainer.sampler(), Path(folder, "samples"))
    return {name: scores[name] for name in evaluator.HEADLINE if scores.get(name) is not None}


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else device.type


def _table(figures: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    def shown(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    lines = [
        f"{figures['name']}, torch {figures['torch']}, {figures['steps']:,} steps each",
        "",
        f"{'':12} {'precision':15} {'seed':>4} {'steps/s':>8} {'MB':>7} {'busy':>5} {'waits':>8} {'apart':>6}  scores",
    ]
    for row in rows:
        waits = "" if row["waits"] is None else " ".join(map(str, row["waits"]))
        scores = "  ".join(f"{name} {value:.3f}" for name, value in row["scores"].items())
        lines.append(
            f"{row['config'].removesuffix('.yaml'):12} {row['precision']:15} {row['seed']:4} "
            f"{row['steps_per_second']:8.1f} {row['peak_megabytes']:7.0f} {shown(row['busy'], '.2f'):>5} {waits:>8} "
            f"{shown(row['apart'], '.2f'):>6}  {scores}"
        )
    return "\n".join(lines)
