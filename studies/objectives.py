"""Every objective and constraint on the embedded grammar, at equal time: who learns the language, and who falls over.

Each system is text.yaml with its own objective, constraints and, for weight clipping, optimiser, trained by the public
command (python -m seqgan_gp train), in a process of one thread, for so many seconds of training; evaluation and saving
do not count. The learning rate follows the clock: constant for half of the time, then linearly to zero (RMSprop with
clipping: constant, as published), so that a cheap system spends its time on more steps, not on a schedule cut short.
Seconds are of the processor: other load makes a study longer, and no run of it worse off. Samples are taken as the
generator writes them: no discriminator chooses among them.

A run that ends leaves a file in results/ and is skipped the next time: after Ctrl-C, the same command goes on, from the
last checkpoints. Runs side by side share the machine: give no more --jobs than cores, and keep --jobs the same for all.

A run has diverged when a loss or a weight was no finite number. Collapse is another matter, which shows as few unique
sentences and a self-BLEU-4 above that of real ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import report, runner, systems

SCORES = ("grammatical", "unique", "self_bleu_4")


def add_options(parser: argparse.ArgumentParser) -> None:
    systems.add_options(parser)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=400, help="of training of each run (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=2000, help="sentences to score (default: %(default)s)")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of every run")


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    chosen = systems.chosen(options.systems)
    jobs = {
        f"{system}-seed{seed}": runner.Job(_arguments(changes, seed, options))
        for seed in range(options.seeds)  # seed by seed, so that a study cut short has seen every system
        for system, changes in chosen.items()
    }
    finished = runner.finish(jobs, out, options.jobs)
    results = {system: [finished[f"{system}-seed{seed}"] for seed in range(options.seeds)] for system in chosen}
    report.draw(results, ("self_bleu_4", "grammatical"), tuple(report.LOSSES), out / "study.png")
    table = (
        f"{options.seconds:g} seconds of training on one thread, {options.jobs} runs at a time; "
        f"{options.samples:,} samples; mean ± standard deviation over the seeds that did not diverge.\n\n"
        f"{report.table(results, SCORES, 'system')}"
    )
    settings = {key: getattr(options, key) for key in ("seconds", "seeds", "jobs", "samples", "options")}
    return {"settings": settings, "runs": results}, table


def _arguments(changes: Sequence[str], seed: int, options: argparse.Namespace) -> list[str]:
    return [
        "--config=text.yaml",
        f"--train.seconds={options.seconds}",
        f"--train.steps={runner.FOREVER}",
        f"--evaluation.samples={options.samples}",
        f"--seed={seed}",
        "--train.threads=1",
        "--reranking.candidates=1",  # what each generator has learned, not what a discriminator makes of it
        *changes,
        *(f"--{option}" for option in options.options),
    ]
