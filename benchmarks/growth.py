"""Growth of the cost of a step with width, length, vocabulary and batch: fitted exponents, and a figure.

A critic step is our step in `critic-step`: loss, penalty and backward, from ids. A generator step is the other update
of training: from noise to straight-through tokens, their score, and backward, without the optimiser. One of the four
sizes changes while the others stay as in BASE, and all its sizes take turns. An exponent is the slope of a line through
the logarithms. The table also has the exponent of the two largest sizes, since constant costs, such as calling torch's
functions, dominate at small sizes.

The players differ in the vocabulary V. The critic looks its tokens up, so only the gradient of its embedding matrix,
mostly zeros, grows with V: `vocabulary_ratio` is its time at the largest V over that at the smallest. The generator
must compute (B, L, V) logits: its output layer, its softmax and the gradients of both grow as V.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from seqgan_gp.adversarial.game import CriticLoss
from seqgan_gp.adversarial.objectives import OBJECTIVES
from seqgan_gp.adversarial.penalty import Penalty
from seqgan_gp.errors import UserError
from seqgan_gp.machine import prepare
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.players import RelaxedGenerator
from seqgan_gp.models.relaxations import StraightThrough

from .critic_step import EMBEDDING, KERNEL, WEIGHT, Case
from .timing import exponent, spread, take_turns

BASE = Case(width=128, length=32, vocabulary=100, batch=64, blocks=3)
SIZES: dict[str, list[int]] = {
    "width": [32, 64, 128, 256],
    "length": [8, 16, 32, 64],
    "vocabulary": [100, 1_000, 10_000, 50_000],
    "batch": [16, 32, 64, 128],
}
NOISE = 128
PLAYERS = ("critic", "generator")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds for each size (default: %(default)s)")
    parser.add_argument("--figure", metavar="FILE", help="PNG file for a figure of the times")
    parser.add_argument("--width", type=int, default=BASE.width, help="width in other panels (default: %(default)s)")
    for name, sizes in SIZES.items():
        text = f"sizes to measure (default: {' '.join(map(str, sizes))})"
        parser.add_argument(f"--{name}-sizes", type=int, nargs="+", default=sizes, metavar="N", help=text)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    if options.figure and Path(options.figure).suffix.lower() != ".png":
        raise UserError(f"--figure {options.figure}: give a file that ends in .png")
    prepare(options.threads)
    base = BASE._replace(width=options.width)
    rows = [
        row
        for name in tqdm(SIZES, unit="size", disable=None)
        for row in measure(base, name, sorted(set(getattr(options, f"{name}_sizes"))), options.seconds)
    ]
    figures: dict[str, Any] = {"threads": torch.get_num_threads(), "base": base._asdict(), "rows": rows}
    figures["exponents"] = {name: exponents([r for r in rows if r["changes"] == name]) for name in SIZES}
    critic = [r["critic_ms"] for r in rows if r["changes"] == "vocabulary"]
    figures["vocabulary_ratio"] = critic[-1] / critic[0]
    if options.figure:
        draw(figures, Path(options.figure))
    return figures, _table(figures)


def measure(base: Case, name: str, sizes: list[int], seconds: float) -> list[dict[str, Any]]:
    """Milliseconds of both steps for each size of `name`. Other sizes are those of `base`."""
    cases = [base._replace(**{name: size}) for size in sizes]
    steps = {(player, i): step for i, case in enumerate(cases) for player, step in both(case).items()}
    times = take_turns({f"{player} {i}": step for (player, i), step in steps.items()}, seconds)
    rows = []
    for i, case in enumerate(cases):
        row: dict[str, Any] = {"changes": name, **case._asdict()}
        for player in PLAYERS:
            row |= spread(f"{player}_ms", [1000 * t for t in times[f"{player} {i}"]])
        rows.append(row)
    return rows


def both(case: Case) -> dict[str, Callable[[], None]]:
    """A critic step and a generator step of a case."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"width": case.width, "blocks": case.blocks, "kernel": KERNEL, "dilation": 1}
    critic = CriticNetwork(case.vocabulary, case.length, EMBEDDING, **shape)
    judge = CriticNetwork(case.vocabulary, case.length, EMBEDDING, **shape).requires_grad_(False)
    generator = GeneratorNetwork(case.vocabulary, case.length, NOISE, **shape)
    step, relaxed = (
        CriticLoss(critic, OBJECTIVES["wasserstein"], Penalty(weight=WEIGHT)),
        RelaxedGenerator(generator, StraightThrough()),
    )
    real, fake = torch.randint(case.vocabulary, (2, case.batch, case.length))
    alpha, noise = torch.rand(case.batch), torch.randn(case.batch, NOISE)

    def critic_step() -> None:
        critic.zero_grad()
        step(real, fake, alpha)["critic_loss"].backward()

    def generator_step() -> None:
        generator.zero_grad()
        (-judge(relaxed(noise)).mean()).backward()

    return {"critic": critic_step, "generator": generator_step}


def exponents(rows: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """The exponents of each player, over all rows and between the last two."""
    found = {}
    for player in PLAYERS:
        points = [(row[row["changes"]], row[f"{player}_ms"]) for row in rows]
        found[player] = {"all": exponent(points), "largest": exponent(points[-2:])}
    return found


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw a panel for each size: milliseconds of both steps, with quartiles and exponents, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(SIZES), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(SIZES), sharey=True), SIZES, strict=True):
        rows = [row for row in figures["rows"] if row["changes"] == name]
        for player in PLAYERS:
            times = [row[f"{player}_ms"] for row in rows]
            spreads = [[abs(q - t) for q in row[f"{player}_ms_quartiles"]] for row, t in zip(rows, times, strict=True)]
            label = f"{player}, {_power(figures['exponents'][name][player]['all'])}"
            axes.errorbar([row[name] for row in rows], times, list(zip(*spreads, strict=True)), marker=".", label=label)
        axes.set(xscale="log", yscale="log", xlabel=name)
        sizes = [row[name] for row in rows]
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.legend()
    figure.axes[0].set_ylabel("milliseconds of a step")
    base = ", ".join(f"{k} {v:,}" for k, v in figures["base"].items())
    figure.suptitle(f"otherwise {base}; {figures['threads']} threads")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _power(slope: float | None) -> str:
    return "-" if slope is None else f"power {slope:.2f}"


def _table(figures: dict[str, Any]) -> str:
    base = ", ".join(f"{k} {v:,}" for k, v in figures["base"].items())
    lines = [f"milliseconds of a step, otherwise {base}; {figures['threads']} threads", ""]
    lines.append(f"{'':12} {'size':>7} {'critic':>9} {'generator':>10}")
    for name in SIZES:
        rows = [row for row in figures["rows"] if row["changes"] == name]
        lines += [f"{name:12} {row[name]:7,} {row['critic_ms']:9.1f} {row['generator_ms']:10.1f}" for row in rows]
        for which, text in (("all", "power"), ("largest", "at the largest")):
            slopes = [figures["exponents"][name][player][which] for player in PLAYERS]
            shown = ["-" if slope is None else f"{slope:.2f}" for slope in slopes]
            lines.append(f"{'':5} {text:>14} {shown[0]:>9} {shown[1]:>10}")
    ratio = figures["vocabulary_ratio"]
    return "\n".join([*lines, "", f"critic step at the largest vocabulary / at the smallest: {ratio:.2f}"])
