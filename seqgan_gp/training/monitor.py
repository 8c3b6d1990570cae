"""What one sees of a run: metrics.jsonl, trackers, samples of every evaluation, and curves.png."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from ..pretrained import Generator
from ..scoring import Real, score
from ..text.corpus import Corpus
from .folder import METRICS, MetricsFile, read_metrics


class Evaluator:
    """Scores samples of a generator against the held-out sentences, beside what as many real sentences score.

    Args:
        corpus: real sentences.
        unit: what n-grams are made of, "word" or "character".
        samples: sentences to draw each time.
    """

    SEED = 0  # the same noise at every evaluation: curves show the generator, not the draw

    def __init__(self, corpus: Corpus, unit: str, samples: int):
        self.samples = samples
        self.yardstick = Real(corpus.test, corpus.train, corpus.grammar, unit)
        rng = np.random.default_rng(self.SEED)
        drawn = rng.choice(len(corpus.train), min(samples, len(corpus.train)), replace=False)
        # Of training sentences novelty says nothing.
        self.real = score([corpus.train[i] for i in drawn], replace(self.yardstick, training=None))

    def __call__(self, generator: Generator) -> tuple[dict[str, Any], list[str]]:
        """Scores, and the sentences that they are of."""
        ids = np.concatenate(list(generator.sample_ids(self.samples, self.SEED)))
        sentences = generator.tokenizer.decode(ids)
        well_formed = float(generator.tokenizer.well_formed(ids).mean())
        return score(sentences, self.yardstick) | {"well_formed": well_formed}, sentences


class Monitor:
    """Where the main process writes what it measured."""

    def __init__(self, accelerator: Accelerator, run: Path, last_step: int):
        self.accelerator, self.run = accelerator, run
        self.file = MetricsFile(run / METRICS, last_step)

    def log(self, step: int, section: str, values: dict[str, Any]) -> None:
        """A line of metrics.jsonl, its keys prefixed by `section`, and the same to the trackers."""
        row = {f"{section}/{k}": v for k, v in values.items()}
        self.file.append({"step": step, **row})
        self.accelerator.log({k: v for k, v in row.items() if v is not None}, step=step)

    def samples(self, step: int, sentences: list[str]) -> None:
        path = self.run / "samples" / f"step-{step:07d}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{s}\n" for s in sentences), encoding="utf-8")

    def draw(self) -> None:
        draw_curves(read_metrics(self.run / METRICS), self.run / "curves.png")


PANELS = (
    ("Wasserstein estimate", ("train/wasserstein",)),
    ("critic's gradient norm at interpolates", ("train/gradient_norm",)),
    ("negative log-likelihood (nats per token)", ("train/loss", "validation/loss")),
    ("perplexity", ("validation/perplexity",)),
    ("n-gram JSD (bits)", ("eval/jsd_1", "eval/jsd_2", "eval/jsd_3", "eval/jsd_4")),
    ("self-BLEU", ("eval/self_bleu_2", "eval/self_bleu_3", "eval/self_bleu_4", "eval/self_bleu_5")),
    ("BLEU", ("eval/bleu_2", "eval/bleu_3", "eval/bleu_4", "eval/bleu_5")),
    ("fractions", ("eval/grammatical", "eval/unique", "eval/well_formed")),
)


def draw_curves(rows: list[dict[str, Any]], path: Path) -> None:
    """The metrics of a run as a picture; a dotted line is what real sentences score."""
    from matplotlib.figure import Figure  # a second of import that only the end of an evaluation needs

    real = {k.removeprefix("real/"): v for row in rows for k, v in row.items() if k.startswith("real/")}
    measured = {k for row in rows for k, v in row.items() if v is not None}
    panels = [panel for panel in PANELS if measured.intersection(panel[1])]  # each way to train has its own
    figure = Figure(figsize=(13, 6.5))
    # Margins by hand: a layout that measures the text draws everything a second time, for all of which training waits.
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.08, top=0.89, wspace=0.14, hspace=0.34)
    grid = figure.subplots(2, 3).flat
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, keys) in zip(grid, panels, strict=False):
        for key in keys:
            points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
            if points:
                section, _, name = key.partition("/")
                label = name if section == "eval" else f"{section} {name}"
                (line,) = axes.plot(*zip(*points, strict=True), label=label, marker="" if section == "train" else ".")
                if real.get(name) is not None and not math.isnan(real[name]):
                    axes.axhline(real[name], color=line.get_color(), linestyle=":")
        axes.set(title=title, xlabel="step")
        axes.legend(fontsize="small")
    figure.suptitle("dotted: real sentences of the same number")
    figure.savefig(path, dpi=110)
