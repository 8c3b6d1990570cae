"""Seconds of one core until the samples reach a goal: our recipe, the textbook's, and a language model.

Each system trains with the training command, on one thread, one after another. Its metrics tell after how many seconds
of training the scores of its samples first reach a goal. Evaluations are frequent, and their time does not count. They
count until a reranker begins to choose the samples: the generator writes alone.

On `text`, the goals are shares of grammatical sentences. On characters (`--corpus FILE`), the goal is half of the least
4-gram JSD that the textbook reaches in its time. The textbook is the recipe of Gulrajani et al. 2017
(char_textbook.yaml) with our networks. It has no end of its own and stops after --textbook-seconds; where it has not
reached a goal by then, the ratio is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqgan_gp import config as configs
from seqgan_gp.training.folder import METRICS

from .command import TrainingCommand

GOALS = (0.5, 0.7, 0.9)  # grammatical
WORDS = ("--corpus.train=grammar:text", "--corpus.size=50000", "--tokenizer.vocabulary=300", "--tokenizer.length=16")
NETWORKS = tuple(f"--{player}.{key}" for player in ("generator", "critic") for key in ("width=64", "blocks=2"))


class Curve(NamedTuple):
    """A score of a system's samples against the seconds of its training, and the seconds of all of its training."""

    points: list[tuple[float, float]]
    seconds: float

    def reached(self, goal: float, rising: bool) -> float | None:
        """The seconds after which the score first reached a goal; None if it never did."""
        return next((s for s, score in self.points if (score >= goal if rising else score <= goal)), None)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", metavar="FILE", help="32 characters of these sentences, one a line (default: text)")
    parser.add_argument(
        "--textbook-seconds", type=float, default=3600.0, help="seconds that the textbook trains (default: %(default)s)"
    )
    parser.add_argument("--every", type=int, default=100, help="steps between two evaluations (default: %(default)s)")
    parser.add_argument("--keep", metavar="DIR", help="keep the runs in this folder, and go on with those that it has")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of every system")


def systems(options: argparse.Namespace) -> dict[str, list[str]]:
    """The arguments of the training command of each system."""
    often = ["--train.threads=1", f"--evaluation.every={options.every}", "--train.checkpoint_every=1000000000"]
    often += [f"--{option}" for option in options.options]
    limit = f"--train.seconds={options.textbook_seconds:g}"
    if options.corpus is None:
        textbook = ["--config=char_textbook.yaml", *WORDS, "--tokenizer.kind=word", *NETWORKS, "--critic.kernel=3"]
        found = {"ours": ["--config=text.yaml"], "language model": ["--config=mle.yaml"]}
    else:
        text = f"--corpus.train={options.corpus}"
        textbook = ["--config=char_textbook.yaml", text]
        likely = [
            "--tokenizer.kind=character",
            "--tokenizer.vocabulary=100",
            "--tokenizer.length=32",
            "--train.batch_size=64",
        ]
        found = {
            "ours": ["--config=char.yaml", text],
            "language model": ["--config=mle.yaml", text, *likely, "--language_model.width=256"],
        }
    return {name: [*arguments, *often] for name, arguments in (found | {"textbook": [*textbook, limit]}).items()}


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    commands = systems(options)
    for arguments in commands.values():
        configs.parse(arguments)  # check them before the work
    score = "eval/grammatical" if options.corpus is None else "eval/jsd_4"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        curves = {}
        for name, arguments in commands.items():
            print(f"{name}: training, log in {folder / name.replace(' ', '_')}.log", file=sys.stderr)
            curves[name] = trained(arguments, folder / name.replace(" ", "_"), score)
    if options.corpus is None:
        return summary(curves, score, GOALS, rising=True)
    least = min((value for _, value in curves["textbook"].points), default=1.0)
    return summary(curves, score, [least / 2], rising=False)


def trained(arguments: Sequence[str], folder: Path, score: str) -> Curve:
    """Train a system, unless the folder has it, and read its curve."""
    again = ["--resume"] if (folder / METRICS).is_file() else []
    with TrainingCommand([*arguments, *again], folder) as command:
        command.finish()
    return read(folder / METRICS, score)


def read(path: Path, score: str) -> Curve:
    """The curve of a score in a file of metrics, until a reranker begins. The row before a score has its seconds."""
    points, seconds = [], 0.0
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "train/discriminator_lr" in row:
            break
        seconds = row.get("train/seconds", seconds)
        if row.get(score) is not None:
            points.append((seconds, row[score]))
    return Curve(points, seconds)


def summary(curves: dict[str, Curve], score: str, goals: Sequence[float], rising: bool) -> tuple[dict[str, Any], str]:
    """The figures and the table: seconds to each goal, and ratios to ours. A missed goal counts with all seconds."""
    rows = []
    for goal in goals:
        seconds = {name: curve.reached(goal, rising) for name, curve in curves.items()}
        ours = seconds["ours"]
        ratios = {n: None if ours is None else (s or curves[n].seconds) / ours for n, s in seconds.items()}
        rows.append({"goal": goal, "seconds": seconds, "to_ours": ratios})
    best = {n: (max if rising else min)((v for _, v in c.points), default=None) for n, c in curves.items()}
    figures = {"score": score.removeprefix("eval/"), "rows": rows, "best": best}
    figures |= {"trained": {name: curve.seconds for name, curve in curves.items()}}
    return figures, _table(figures)


def _table(f: dict[str, Any]) -> str:
    lines = [f"{f['score']:12}" + "".join(f"{name:>18}{'/ ours':>9}" for name in f["trained"])]
    for row in f["rows"]:
        cells = ""
        for name, seconds in row["seconds"].items():
            ratio = row["to_ours"][name]
            sign = "" if seconds is not None else "over "
            shown = f"{sign}{seconds if seconds is not None else f['trained'][name]:.0f} s"
            cells += f"{shown:>18}" + (
                f"{'' if ratio is None else sign.replace('over ', '>') + format(ratio, '.2f'):>9}"
            )
        lines.append(f"{row['goal']:<12.3g}{cells}")
    best = "".join(
        "" if v is None else f"  {name} {v:.3f} in {f['trained'][name]:.0f} s" for name, v in f["best"].items()
    )
    return "\n".join([*lines, "", f"seconds of training on one thread; the best in all:{best}"])
