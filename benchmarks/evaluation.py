"""BLEU and self-BLEU against nltk and fast-bleu, the growth of the counting scores up to a million sentences, and the
command evaluate with its parser.

Times are from lists of tokens to scores, with the same input for all. Short runs are repeated, and their median counts.
nltk is timed on a few hypotheses with all references and extrapolated, since it loops over hypotheses. fast-bleu
(Alihosseini et al. 2019) is a C++ package with threads: pip install '.[bench]'.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqgan_gp.metrics import bleu, divergence, diversity
from seqgan_gp.metrics.ngrams import count_ngrams, number
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.words import read_lines, words

from . import evaluate_command
from .timing import exponent, peak_megabytes

CAPTIONS = [Path(p) for p in ("data/coco", "../shared/data/coco")]
SIZE, SLICE = 10_000, 20
PARSED = 100  # sentences, by nltk
WEIGHTS = {n: (1 / n,) * n for n in range(2, 6)}
Tokens = Sequence[tuple[str, ...]]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--captions", metavar="DIR", help="folder with train.txt and test.txt (default: data/coco)")
    parser.add_argument("--largest", type=int, default=1_000_000, help="sentences of the largest growth run")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    source, hypotheses, references = _corpus(options.captions)
    figures: dict[str, Any] = {"corpus": source, "sentences": SIZE, "references": SIZE}
    figures |= _compared("self_bleu", _ours_self(hypotheses), _fast_self(hypotheses), _nltk_self(hypotheses))
    figures |= _compared(
        "bleu", _ours(hypotheses, references), _fast(hypotheses, references), _nltk(hypotheses, references)
    )
    figures["all_scores_s"] = _median(lambda: all_scores(hypotheses, references))
    growth = [_in_its_own_process(size) for size in _sizes(options.largest)]
    figures["growth"] = growth
    figures["command"] = evaluate_command.measured(SIZE, PARSED)
    figures["growth_exponent"] = exponent([(g["sentences"], g["seconds"]) for g in growth])
    figures["memory_exponent"] = exponent([(g["sentences"], g["megabytes"]) for g in growth])
    return figures, _table(figures)


def all_scores(samples: Tokens, reference: Tokens) -> None:
    """Compute BLEU-2..5, self-BLEU-2..5, JSD, distinct, uniqueness, novelty and overlap.

    The reference is also the training text. The goal is a second on one core.
    """
    one, other = number(samples, reference)
    counted, reference_counted = count_ngrams(one, other)
    bleu.bleu(counted, reference_counted)
    bleu.self_bleu(counted)
    divergence.ngram_jsd(counted, reference_counted)
    diversity.distinct(counted)
    ids = diversity.fingerprints(one)
    diversity.unique(ids)
    np.isin(ids, diversity.fingerprints(other))
    diversity.longest_overlap(one, other)


def _corpus(folder: str | None) -> tuple[str, Tokens, Tokens]:
    for path in [Path(folder)] if folder else CAPTIONS:
        if (path / "train.txt").is_file() or folder:
            one, other = ([words(s) for s in read_lines(path / f"{n}.txt")][:SIZE] for n in ("train", "test"))
            return "image captions", one, other
    stream = Grammar.load("text").sentences(0)
    one, other = ([words(s) for s in itertools.islice(stream, SIZE)] for _ in range(2))
    return "sentences of the embedded grammar", one, other


Timed = tuple[float, np.ndarray] | None
"""Seconds for all hypotheses, and the scores BLEU-2..5, (hypotheses, 4), of all or of the first hypotheses."""


def _ours_self(hypotheses: Tokens) -> Timed:
    def compute() -> np.ndarray:
        return bleu.self_bleu(*count_ngrams(*number(hypotheses)))

    return _median(compute), compute()[:, 1:]


def _ours(hypotheses: Tokens, references: Tokens) -> Timed:
    def compute() -> np.ndarray:
        return bleu.bleu(*count_ngrams(*number(hypotheses, references)))

    return _median(compute), compute()[:, 1:]


def _fast_self(hypotheses: Tokens) -> Timed:
    try:
        from fast_bleu import SelfBLEU
    except ImportError:
        return None
    start = time.perf_counter()
    scores = SelfBLEU(list(map(list, hypotheses)), WEIGHTS).get_score()
    return time.perf_counter() - start, np.array([scores[n] for n in WEIGHTS]).T


def _fast(hypotheses: Tokens, references: Tokens) -> Timed:
    try:
        from fast_bleu import BLEU
    except ImportError:
        return None
    start = time.perf_counter()
    scores = BLEU(list(map(list, references)), WEIGHTS).get_score(list(map(list, hypotheses)))
    return time.perf_counter() - start, np.array([scores[n] for n in WEIGHTS]).T


def _nltk_self(hypotheses: Tokens) -> Timed:
    return _nltk_slice(hypotheses, lambda i: [*hypotheses[:i], *hypotheses[i + 1 :]])


def _nltk(hypotheses: Tokens, references: Tokens) -> Timed:
    return _nltk_slice(hypotheses, lambda i: references)


def _nltk_slice(hypotheses: Tokens, references: Callable[[int], Tokens]) -> Timed:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing = SmoothingFunction().method1
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk warns about hypotheses that it smooths
        scores = [
            sentence_bleu(references(i), h, list(WEIGHTS.values()), smoothing) for i, h in enumerate(hypotheses[:SLICE])
        ]
    return (time.perf_counter() - start) * len(hypotheses) / SLICE, np.array(scores)


def _compared(name: str, ours: Timed, fast: Timed, nltk: Timed) -> dict[str, Any]:
    assert ours and nltk
    prefix = "" if name == "self_bleu" else f"{name}_"
    figures: dict[str, Any] = {f"{name}_ours_s": ours[0]}
    for package, other in (("fast_bleu", fast), ("nltk", nltk)):
        if other is None:
            figures |= {f"{name}_{package}_s": None, f"{prefix}{package}_ratio": None}
            continue
        figures[f"{name}_{package}_s"] = other[0]
        figures[f"{prefix}{package}_ratio"] = other[0] / ours[0]
        figures[f"{name}_{package}_difference"] = float(np.abs(ours[1][: len(other[1])] - other[1]).max())
    return figures


def _sizes(largest: int) -> list[int]:
    return [s for s in (10_000, 30_000, 100_000, 300_000, 1_000_000) if s < largest] + [largest]


def _in_its_own_process(size: int) -> dict[str, float]:
    """Seconds and peak memory of `all_scores` for `size` sentences of the grammar against 10,000, in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_grow, (size,))


def _grow(size: int) -> dict[str, float]:
    stream = Grammar.load("text").sentences(0)
    reference, samples = ([words(s) for s in itertools.islice(stream, n)] for n in (SIZE, size))
    text = peak_megabytes()
    start = time.perf_counter()
    all_scores(samples, reference)
    seconds = time.perf_counter() - start
    return {"sentences": size, "seconds": seconds, "megabytes": peak_megabytes(), "megabytes_of_text": text}


def _median(function: Callable[[], object], runs: int = 5) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _table(figures: dict[str, Any]) -> str:
    def show(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [
        f"{figures['sentences']:,} {figures['corpus']} against {figures['references']:,}, orders 2 to 5;",
        f"{cores} cores; ours and nltk use one; nltk is extrapolated from {SLICE} hypotheses",
        "",
        f"{'':10} {'ours s':>9} {'fast-bleu s':>12} {'ratio':>8} {'nltk s':>9} {'ratio':>8}  largest difference",
    ]
    for name, prefix in (("self_bleu", ""), ("bleu", "bleu_")):
        difference = [show(figures.get(f"{name}_{p}_difference"), ".0e") for p in ("fast_bleu", "nltk")]
        lines.append(
            f"{name:10} {figures[f'{name}_ours_s']:9.3f} {show(figures[f'{name}_fast_bleu_s'], '.2f'):>12} "
            f"{show(figures[f'{prefix}fast_bleu_ratio'], '.0f'):>8} {figures[f'{name}_nltk_s']:9.0f} "
            f"{figures[f'{prefix}nltk_ratio']:8.0f}  {', '.join(difference)}"
        )
    lines += [
        "",
        f"BLEU, self-BLEU, JSD, distinct, unique, novel and overlap together: {figures['all_scores_s']:.3f} s",
        "",
        f"against {SIZE:,} sentences of the embedded grammar:",
        f"{'sentences':>10} {'seconds':>9} {'MB peak':>9} {'text':>6}",
    ]
    lines += [
        f"{g['sentences']:10,} {g['seconds']:9.2f} {g['megabytes']:9.0f} {g['megabytes_of_text']:6.0f}"
        for g in figures["growth"]
    ]
    exponents = (show(figures[f"{name}_exponent"], ".2f") for name in ("growth", "memory"))
    lines.append("time grows as sentences to the power {}, memory to the power {}".format(*exponents))
    lines += ["", evaluate_command.table(figures["command"], PARSED)]
    return "\n".join(lines)
