"""Every objective and constraint on the embedded grammar, with equal time: which ones learn, and which diverge.

Each system is text_drafts.yaml with its own objective, constraints and, for weight clipping, optimiser. The public
command (python -m seqgan_gp train) trains it in a process of one thread for --seconds, without evaluation and saving.
The learning rate follows the clock: constant for half of the time, then linearly to zero (RMSprop with clipping:
constant, as published). So a cheap system takes more steps, and its schedule is not cut short. Seconds are processor
time: other load makes a study longer but no run worse. There is no reranking.

A finished run writes a file into results/ and is skipped the next time. After Ctrl-C, the same command resumes from the
last checkpoints. Parallel runs share the machine: --jobs must not be over the number of cores, nor change in between.

A run has diverged if a loss or a weight is not finite. A collapsed generator is different: it has few unique sentences
and a self-BLEU-4 above that of real ones.
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
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each system (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=400, help="seconds to train each run (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="parallel runs, one thread each (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=2000, help="sentences to score (default: %(default)s)")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of every run")


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    chosen = systems.chosen(options.systems)
    jobs = {
        f"{system}-seed{seed}": runner.Job(_arguments(changes, seed, options))
        for seed in range(options.seeds)  # seed by seed, so that a partial study has every system
        for system, changes in chosen.items()
    }
    finished = runner.finish(jobs, out, options.jobs)
    results = {system: [finished[f"{system}-seed{seed}"] for seed in range(options.seeds)] for system in chosen}
    report.draw(results, ("self_bleu_4", "grammatical"), tuple(report.LOSSES), out / "study.png")
    table = (
        f"{options.seconds:g} seconds of training on one thread, {options.jobs} runs at a time; "
        f"{options.samples:,} samples; mean ± standard deviation over the seeds that did not diverge.\n\n"
        f"{report.write(results, SCORES, 'system', out)}"
    )
    settings = {key: getattr(options, key) for key in ("seconds", "seeds", "jobs", "samples", "options")}
    return {"settings": settings, "runs": results}, table


def _arguments(changes: Sequence[str], seed: int, options: argparse.Namespace) -> list[str]:
    return [
        "--config=text_drafts.yaml",
        f"--train.seconds={options.seconds}",
        f"--train.steps={runner.FOREVER}",
        f"--evaluation.samples={options.samples}",
        f"--seed={seed}",
        "--train.threads=1",
        "--reranking.candidates=1",  # compare the generators, without reranking
        *changes,
        *(f"--{option}" for option in options.options),
    ]
