"""Several processes of one thread against one process of as many threads, with the same global batch.

Both run `run.py --config text.yaml`; the several processes are started by torchrun, as on several devices. They take
turns: one pauses while the other continues to its next line of metrics. There are no evaluations and no checkpoints,
since one process does these for all. Times of a step are medians, with quartiles.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from seqgan_gp import config as configs

from .command import TrainingCommand
from .timing import spread
from .training import add_run_options, run_options

NEVER = 10**9


def add_options(parser: argparse.ArgumentParser) -> None:
    add_run_options(parser)
    parser.add_argument("--processes", type=int, default=2, help="processes, or threads of one (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=500, help="steps of each to time (default: %(default)s)")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    number = options.processes
    arguments = [*run_options(options), f"--evaluation.every={NEVER}", f"--train.checkpoint_every={NEVER}"]
    configs.parse(arguments)  # check them before the work
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={number}"]
    times: dict[str, list[float]] = {"one": [], "several": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        TrainingCommand([*arguments, f"--train.threads={number}"], Path(folder, "one")) as one,
        tqdm(total=options.steps, unit="step", disable=None) as bar,
    ):
        one.stretch()  # it warms up, and pauses before the others start
        with TrainingCommand([*arguments, "--train.threads=1"], Path(folder, "several"), torchrun) as several:
            first = several.stretch()
            while several.step < first.steps + options.steps:
                for name, command in (("one", one), ("several", several)):
                    stretch = command.stretch()
                    times[name].append(1000 * stretch.seconds / stretch.steps)
                bar.update(stretch.steps)
    figures: dict[str, Any] = {"config": options.config, "processes": number, "steps": options.steps}
    figures |= spread("one_ms", times["one"]) | spread("several_ms", times["several"])
    figures |= {f"{name}_steps_per_second": 1000 / figures[f"{name}_ms"] for name in times}
    figures["several_to_one"] = figures["one_ms"] / figures["several_ms"]
    return figures, _table(figures)


def _table(f: dict[str, Any]) -> str:
    rows = [("one", f"1 process of {f['processes']} threads"), ("several", f"{f['processes']} processes of 1 thread")]
    lines = [f"{f['config']}, {f['steps']:,} steps; medians (quartiles)", ""]
    for key, name in rows:
        low, high = f[f"{key}_ms_quartiles"]
        speed = f[f"{key}_steps_per_second"]
        lines.append(f"{name:24} {f[f'{key}_ms']:8.2f} ms  ({low:.2f} to {high:.2f})  {speed:.1f} steps per second")
    return "\n".join([*lines, f"{'of the speed of one':24} {f['several_to_one']:8.3f}"])
