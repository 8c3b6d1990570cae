"""Every objective and constraint on the embedded grammar, at equal time: who learns the language, and who falls over.

Each system is text.yaml with its own objective, constraints and, for weight clipping, optimiser, trained by the public
command (python -m seqgan_gp train), in a process of one thread, for so many seconds of training; evaluation and saving
do not count. The learning rate follows the clock: constant for half of the time, then linearly to zero (RMSprop with
clipping: constant, as published), so that a cheap system spends its time on more steps, not on a schedule cut short.

A run that ends leaves a file in results/ and is skipped the next time: after Ctrl-C, the same command goes on, from the
last checkpoints. Runs side by side share the machine: give no more --jobs than cores, and keep --jobs the same for all.

A run has diverged when a loss or a weight was no finite number. Collapse is another matter, which shows as few unique
sentences and a self-BLEU-4 above that of real ones.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from seqgan_gp.errors import UserError
from seqgan_gp.files import atomic_write
from seqgan_gp.training import folder

from . import systems

SCORES = ("grammatical", "unique", "self_bleu_4")
FOREVER = 10**9  # steps: time ends a run


def add_options(parser: argparse.ArgumentParser) -> None:
    systems.add_options(parser)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=400, help="of training of each run (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=2000, help="sentences to score (default: %(default)s)")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of every run")


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    chosen = systems.chosen(options.systems)
    for name in ("results", "logs", "runs"):
        (out / name).mkdir(exist_ok=True)
    jobs = {
        f"{system}-seed{seed}": _arguments(changes, seed, options)
        for seed in range(options.seeds)  # seed by seed, so that a study cut short has seen every system
        for system, changes in chosen.items()
    }
    with ThreadPoolExecutor(options.jobs) as pool, tqdm(total=len(jobs), unit="run") as bar:
        futures = [pool.submit(_finish, name, arguments, out) for name, arguments in jobs.items()]
        try:
            for name, future in zip(jobs, futures, strict=True):
                future.result()
                bar.set_description(name)
                bar.update()
        except BaseException:  # no further runs; those under way get the Ctrl-C themselves, and save
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    results = {
        system: [_read(out, f"{system}-seed{seed}") for seed in range(options.seeds)] for system in options.systems
    }
    _draw(results, out / "study.png")
    settings = {key: getattr(options, key) for key in ("seconds", "seeds", "jobs", "samples", "options")}
    return {"settings": settings, "runs": results}, _table(results, options)


def _arguments(changes: Sequence[str], seed: int, options: argparse.Namespace) -> list[str]:
    return [
        "--config=text.yaml",
        f"--train.seconds={options.seconds}",
        f"--train.steps={FOREVER}",
        f"--evaluation.samples={options.samples}",
        f"--seed={seed}",
        "--train.threads=1",
        *changes,
        *(f"--{option}" for option in options.options),
    ]


def _finish(name: str, arguments: list[str], out: Path) -> None:
    """Train one run to its end, or go on with it, and write its result; nothing if that is there already.

    Raises:
        UserError: it ended in another way than by time or by diverging; the log says how.
    """
    result, run, log = out / "results" / f"{name}.json", out / "runs" / name, out / "logs" / f"{name}.log"
    if result.is_file() and json.loads(result.read_text())["arguments"] == arguments:
        return
    done = result.is_file() or not folder.is_run(run)  # a finished run of other settings makes way
    mode = "--overwrite" if done else "--resume"
    command = [sys.executable, "-m", "seqgan_gp", "train", *arguments, f"--output={run}", mode]
    result.unlink(missing_ok=True)
    with log.open("w") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment).returncode
    complaint = next((line for line in log.read_text().splitlines() if line.startswith("error: diverged")), None)
    if code and not complaint:
        raise UserError(f"{name} ended with exit code {code}: see {log}; the same command goes on")
    rows = folder.read_metrics(run / folder.METRICS)
    with atomic_write(result) as file:
        json.dump({"arguments": arguments, "diverged": complaint, **_summary(rows)}, file)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The last scores, those of real sentences, and curves over the seconds of training."""
    scored = [row for row in rows if "eval/grammatical" in row]
    keys = ("wasserstein", "critic_loss", "generator_loss", "penalty")
    curves = {
        key: [(row["train/seconds"], row[f"train/{key}"]) for row in rows if f"train/{key}" in row] for key in keys
    }
    return {
        "steps": rows[-1]["step"],
        "scores": {key: scored[-1][f"eval/{key}"] for key in SCORES} if scored else None,
        "real": {key: rows[0].get(f"real/{key}") for key in SCORES},
        "curves": curves,
    }


def _read(out: Path, name: str) -> dict[str, Any]:
    return json.loads((out / "results" / f"{name}.json").read_text())


def _table(results: Mapping[str, list[dict[str, Any]]], options: argparse.Namespace) -> str:
    real = next(iter(results.values()))[0]["real"]
    lines = [
        f"{options.seconds:g} seconds of training on one thread, {options.jobs} runs at a time; "
        f"{options.samples:,} samples; mean ± standard deviation over the seeds that did not diverge.",
        "",
        "| system | grammatical | unique | self-BLEU-4 | steps | diverged |",
        "|---|---|---|---|---|---|",
    ]
    for system, runs in results.items():
        good = [r for r in runs if not r["diverged"] and r["scores"]]
        cells = [_spread([r["scores"][key] for r in good]) for key in SCORES]
        steps = f"{statistics.mean(r['steps'] for r in runs):,.0f}"
        diverged = f"{sum(bool(r['diverged']) for r in runs)} of {len(runs)}"
        lines.append(f"| {' | '.join([system, *cells, steps, diverged])} |")
    cells = [f"{real[key]:.3f}" for key in SCORES]
    return "\n".join([*lines, f"| real sentences | {' | '.join(cells)} | | |"])


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def _draw(results: Mapping[str, list[dict[str, Any]]], path: Path) -> None:
    """Quality against diversity, and what the players' numbers did; a line for each run, a colour for each system."""
    import matplotlib
    from matplotlib.figure import Figure

    panels = {
        "wasserstein": "E[D(x)] - E[D(G(z))]",
        "critic_loss": "critic's loss",
        "generator_loss": "generator's loss",
    }
    figure = Figure(figsize=(15, 9), layout="constrained")
    grid = list(figure.subplots(2, 2).flat)
    colours = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for (system, runs), colour in zip(results.items(), colours, strict=False):
        good = [r["scores"] for r in runs if not r["diverged"] and r["scores"]]
        place = [r["self_bleu_4"] for r in good], [r["grammatical"] for r in good]
        grid[0].plot(*place, "o", color=colour, label=f"{system}{'' if good else ' (diverged)'}")
        for axes, key in zip(grid[1:], panels, strict=True):
            for r in runs:
                axes.plot(*zip(*r["curves"][key] or [(0, 0)], strict=True), color=colour, linewidth=0.9)
    real = next(iter(results.values()))[0]["real"]
    grid[0].plot(real["self_bleu_4"], real["grammatical"], "k*", markersize=14, label="real sentences")
    grid[0].set(xlabel="self-BLEU-4 (lower is more diverse)", ylabel="grammatical", title="quality and diversity")
    grid[0].legend(fontsize="small", ncols=2)
    for axes, (key, title) in zip(grid[1:], panels.items(), strict=True):
        axes.set(title=title, xlabel="seconds of training")
        axes.set_yscale("symlog", linthresh=1.0 if key == "wasserstein" else 0.1)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
