"""`seqgan-gp evaluate --grammar`, the whole command, and its parsing beside nltk's chart parser.

Seconds are those of one core, since a command waits where a machine is busy. nltk parses a few of the sentences, and we
extrapolate.
"""

from __future__ import annotations

import inspect
import itertools
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqgan_gp import shipped
from seqgan_gp.text.grammar import Grammar

GRAMMARS = ("text", "types", "dialogue", "dna", "passwords", "peptides")
ROOT = Path(__file__).parent.parent


def measured(sentences: int, parsed: int, grammars: Sequence[str] = GRAMMARS) -> list[dict[str, Any]]:
    """A row for each grammar.

    Args:
        sentences: in the file that the command scores. The command parses as many real ones besides.
        parsed: how many of all these nltk parses.
    """
    return [_row(name, sentences, parsed) for name in grammars]


def _row(name: str, sentences: int, parsed: int) -> dict[str, Any]:
    grammar = Grammar.load(name)
    samples = _samples(grammar, 2 * sentences)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "samples.txt"
        file.write_text("".join(f"{s}\n" for s in samples[:sentences]), encoding="utf-8")
        command = _of_command([sys.executable, "-m", "seqgan_gp", "evaluate", str(file), "--grammar", name])
    ours = _of_core(lambda: grammar.parses(samples))
    few = samples[:: len(samples) // parsed][:parsed]
    log_probability = _by_nltk(name, grammar)
    found: list[float] = []
    nltk = _of_core(lambda: found.extend(map(log_probability, few))) * len(samples) / len(few)
    differences = [0.0 if a == b else abs(a - b) for a, b in zip(grammar.log_probability(few), found, strict=True)]
    return {
        "grammar": name,
        "sentences": sentences,
        "command_s": command,
        "parsing_s": ours,
        "nltk_s": nltk,
        "ratio": nltk / ours,
        "difference": float(max(differences)),
    }


def _samples(grammar: Grammar, number: int) -> list[str]:
    """Sentences of a grammar. In each fourth one, two words change places, as a generator might have it."""
    rng = np.random.default_rng(0)
    samples = []
    for i, sentence in enumerate(itertools.islice(grammar.sentences(0), number)):
        words = list(grammar.split(sentence))
        if i % 4 == 0:
            one, other = rng.integers(len(words), size=2)
            words[one], words[other] = words[other], words[one]
        samples.append(grammar.join(words))
    return samples


def _by_nltk(name: str, grammar: Grammar) -> Callable[[str], float]:
    """A function that sums over the parses of a sentence by nltk's left-corner chart parser, its fastest one: the
    log-probability.
    """
    import nltk

    lines = (shipped.folder("data") / f"{name}.pcfg").read_text(encoding="utf-8").splitlines()
    rules = nltk.PCFG.fromstring([line for line in lines if not line.startswith("%")])
    # Newer versions give up after five seconds of wall-clock time.
    endless = {"max_time": None} if "max_time" in inspect.signature(nltk.ChartParser).parameters else {}
    parser = nltk.BottomUpLeftCornerChartParser(rules, **endless)
    probability = {(str(left), tuple(map(str, right))): p for (left, right), p in grammar.probability.items()}

    def log_probability(sentence: str) -> float:
        words = grammar.split(sentence)
        trees = parser.parse(words) if grammar.vocabulary.issuperset(words) else []
        total = sum(
            math.prod(probability[str(p.lhs()), tuple(map(str, p.rhs()))] for p in tree.productions()) for tree in trees
        )
        return math.log(total) if total else -math.inf

    return log_probability


def _of_core(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def _of_command(command: Sequence[str]) -> float:
    """Seconds of a command on one thread, those of the system among them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(rows: Sequence[dict[str, Any]], parsed: int) -> str:
    """The rows as a table in print."""
    lines = [
        f"seqgan-gp evaluate of {rows[0]['sentences']:,} sentences with --grammar, in seconds of one core;",
        f"nltk's chart parser is extrapolated from {parsed} sentences",
        "",
        f"{'grammar':10} {'command':>8} {'parsing':>8} {'nltk':>8} {'ratio':>6}  largest difference",
    ]
    lines += [
        f"{row['grammar']:10} {row['command_s']:8.1f} {row['parsing_s']:8.2f} {row['nltk_s']:8.0f} {row['ratio']:6.0f}"
        f"  {row['difference']:.0e}"
        for row in rows
    ]
    return "\n".join(lines)
