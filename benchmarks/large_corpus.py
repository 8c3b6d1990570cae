"""Corpora larger than memory: time to the first step, steps per second, peak memory and disk, by the number of lines.

For each number of lines, a file of sentences of the grammar `text` is written, most of them made different by a word
of their own. `limit` is the time that `wc` and the tokenizer's own batch encoding of the same lines take: nobody can do
with less. `first` is a whole training command of one step on that file, without a reranker, with its imports, its
evaluation and its checkpoint; `again` is the same command after it, which finds a large corpus prepared. A third run
gives the steps per second and the peak memory. Seconds are those of the processor, since other programs may be running.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqgan_gp.text.grammar import Grammar

DIFFERENT = 20_000  # sentences of the grammar that all lines are made of
NEVER = 10**9
ENCODE = """
import itertools, sys
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    while batch := list(itertools.islice(file, 10_000)):
        tokenizer.encode_batch_fast(batch, add_special_tokens=False)
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lines", type=int, nargs="+", default=[10**5, 10**6], help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="steps of the third run (default: %(default)s)")
    parser.add_argument("--folder", metavar="DIR", help="folder for files of gigabytes (default: the system's)")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    rows = []
    for lines in options.lines:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rows.append(measure(lines, options.steps, Path(folder)))
    return {"rows": rows}, _table(rows)


def measure(lines: int, steps: int, folder: Path) -> dict[str, Any]:
    """The figures of a corpus of so many lines."""
    corpus = folder / "corpus.txt"
    with corpus.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in sentences(lines))
    first = _train(corpus, folder, "first", "--train.steps=1", "--reranking.candidates=1")
    again = _train(corpus, folder, "again", "--train.steps=1", "--reranking.candidates=1")
    third = _train(corpus, folder, "third", f"--train.steps={steps}", f"--train.log_every={steps}")
    logged = [json.loads(line) for line in (folder / "third" / "metrics.jsonl").read_text().splitlines()]
    limit = _command(["wc", str(corpus)], folder)["seconds"]
    limit += _command([sys.executable, "-c", ENCODE, str(folder / "first" / "tokenizer.json"), str(corpus)], folder)[
        "seconds"
    ]
    return {
        "lines": lines,
        "limit_s": limit,
        "first_s": first["seconds"],
        "again_s": again["seconds"],
        "steps_per_second": next(row["train/steps_per_second"] for row in logged if "train/steps_per_second" in row),
        "peak_mib": max(run["peak_mib"] for run in (first, again, third)),
        "corpus_mib": corpus.stat().st_size / 2**20,
        "disk_mib": _size(folder / "first" / "corpus"),
    }


def sentences(number: int) -> Iterator[str]:
    """Sentences of the grammar; two thirds of them end in a word that few others have."""
    some = list(itertools.islice(Grammar.load("text").sentences(0), DIFFERENT))
    for i in range(number):
        sentence = some[i % DIFFERENT]
        yield sentence if i % 3 == 0 else f"{sentence[:-1]} w{i // 7}."


def _train(corpus: Path, folder: Path, name: str, *options: str) -> dict[str, float]:
    command = [sys.executable, "-m", "seqgan_gp", "train", f"--corpus.train={corpus}", f"--output={folder / name}"]
    command += [f"--evaluation.every={NEVER}", f"--train.checkpoint_every={NEVER}", "--train.threads=1"]
    return _command([*command, *options], folder)


def _command(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command; its seconds of the processor and its peak memory.

    Raises:
        RuntimeError: it failed.
    """
    environment = os.environ | {"SEQGAN_GP_CACHE": str(folder / "cache")}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {(folder / 'log.txt').read_text()[-500:]}")
    return {"seconds": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}


def _size(folder: Path) -> float:
    """The disk that the files of a folder take, in MiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _table(rows: list[dict[str, Any]]) -> str:
    head = f"{'lines':>11} {'limit':>8} {'first':>8} {'again':>8} {'first/limit':>11} {'steps/s':>8} {'peak MiB':>9}"
    table = [f"{head} {'text MiB':>9} {'disk MiB':>9}"]
    for row in rows:
        ratio = row["first_s"] / row["limit_s"]
        times = f"{row['limit_s']:8.1f} {row['first_s']:8.1f} {row['again_s']:8.1f} {ratio:11.2f}"
        rest = f"{row['steps_per_second']:8.1f} {row['peak_mib']:9,.0f}"
        table.append(f"{row['lines']:11,} {times} {rest} {row['corpus_mib']:9,.0f} {row['disk_mib']:9,.0f}")
    return "\n".join(table)
