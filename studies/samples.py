"""Sentences of several runs beside real ones: the first sentences of a seed, without selection.

All runs draw with the same seed. Real sentences are drawn from the held-out ones of the first run's corpus, cut to the
length of the training. --no-real leaves out real text that you may not publish.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from seqgan_gp.artefacts import read_config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.pretrained import Generator
from seqgan_gp.training.text import TextTask


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders, a column for each")
    parser.add_argument("--num", type=int, default=30, help="sentences of each run (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sentences (default: %(default)s)")
    parser.add_argument("--no-real", dest="real", action="store_false", help="leave the real sentences out")


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    if options.num < 1:
        raise UserError(f"--num is {options.num}: at least 1 sentence is needed")
    if options.seed < 0:
        raise UserError(f"--seed is {options.seed}: a whole number of at least 0 is needed")
    columns: dict[str, list[str]] = {}
    for path in options.runs:
        if path.name in columns:
            raise UserError(f"two runs are named {path.name}: each column needs a name of its own; rename a folder")
        columns[path.name] = list(Generator.from_pretrained(path).sample(options.num, options.seed))
    if options.real:
        columns["real"] = real(options.runs[0], options.num, options.seed)
    return {"seed": options.seed, "sentences": columns}, table(columns)


def real(path: Path, num: int, seed: int) -> list[str]:
    """Held-out sentences of a run's corpus, drawn without replacement.

    Raises:
        UserError: there are too few held-out sentences.
    """
    held_out = TextTask.read(read_config(path, TextConfig), path).corpus.test.text
    if num > len(held_out):
        raise UserError(f"--num is {num}: {path} has {len(held_out)} held-out sentences")
    rows = np.random.default_rng(seed).choice(len(held_out), num, replace=False)
    return [held_out[row] for row in rows]


def table(columns: dict[str, list[str]]) -> str:
    """A Markdown table with a column for each system and a row for each sentence. Empty sentences are (empty)."""
    rows = [list(columns), ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    cells = [[sentence.replace("|", "\\|").strip() or "(empty)" for sentence in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
