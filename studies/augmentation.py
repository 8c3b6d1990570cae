"""Generated labelled sentences as training data: a classifier learns from them, alone and with real ones.

The classifier is a logistic regression on the words and pairs of words of a sentence. It is trained on generated
sentences and tested on real ones, and the reverse. The first tests whether generated sentences have all that tells the
labels apart, the second whether they have their labels. Then generated sentences are added to a few real ones, drawn
anew each time. The gain is the difference to the same few real ones alone. The real test sentences are the run's
held-out ones.

The generator has seen all training sentences of its run with their labels, and the few real ones are drawn from these.
So a gain shows that generated sentences carry the corpus's information about labels, not that labels come for free.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from tqdm import tqdm

from seqgan_gp.artefacts import read_config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.pretrained import Generator
from seqgan_gp.text.conditions import Labels
from seqgan_gp.text.words import words
from seqgan_gp.training.text import TextTask

SIZES = (50, 200, 1000)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of a generator with labels")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        metavar="N",
        help="numbers of real sentences (default: those of 50, 200 and 1000 that there are, else half of all)",
    )
    parser.add_argument("--generated", type=int, default=5000, help="sentences to generate (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=5, help="draws of the real sentences (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all sentences (default: %(default)s)")


class Labelled:
    """Sentences with their labels."""

    def __init__(self, sentences: Sequence[str], labels: Sequence[str]):
        self.sentences, self.labels = sentences, labels

    def __len__(self) -> int:
        return len(self.sentences)

    def __add__(self, other: Labelled) -> Labelled:
        return Labelled([*self.sentences, *other.sentences], [*self.labels, *other.labels])

    def draw(self, size: int, rng: np.random.Generator) -> Labelled:
        rows = rng.choice(len(self), size, replace=False)
        return Labelled([self.sentences[i] for i in rows], [self.labels[i] for i in rows])


def classifier() -> Pipeline:
    """A classifier from the set of words and pairs of words to a label."""
    ngrams = CountVectorizer(tokenizer=words, token_pattern=None, ngram_range=(1, 2), binary=True)
    return make_pipeline(ngrams, LogisticRegression(max_iter=1000))


def accuracy(train: Labelled, test: Labelled) -> float:
    """The accuracy of a new classifier.

    Raises:
        UserError: the training sentences have only one label.
    """
    if len(set(train.labels)) < 2:
        raise UserError(f"{len(train)} sentences drawn have one label only: give larger --sizes")
    return float(classifier().fit(train.sentences, train.labels).score(test.sentences, test.labels))


def study(real: Labelled, generated: Labelled, test: Labelled, options: argparse.Namespace) -> dict[str, Any]:
    """Accuracies for pairs of training and test data, and for each size and draw alone and with generated sentences."""
    rng = np.random.default_rng(options.seed)
    as_many = real.draw(min(len(generated), len(real)), rng)
    exchange = {
        "real to real": accuracy(as_many, test),
        "generated to real": accuracy(generated, test),
        "real to generated": accuracy(as_many, generated),
    }
    sizes: dict[int, dict[str, list[float]]] = {}
    with tqdm(total=len(options.sizes) * options.draws, unit="draw") as bar:
        for size in options.sizes:
            sizes[size] = {"alone": [], "with generated": []}
            for _ in range(options.draws):
                few = real.draw(size, rng)
                sizes[size]["alone"].append(accuracy(few, test))
                sizes[size]["with generated"].append(accuracy(few + generated, test))
                bar.update()
    return {"exchange": exchange, "sizes": sizes}


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    generator = Generator.from_pretrained(options.run)
    if not isinstance(generator.condition, Labels):
        raise UserError(f"{options.run} has no labels: train one with corpus.label, such as configs/conditional.yaml")
    corpus = TextTask.read(read_config(options.run, TextConfig), options.run).corpus
    assert corpus.train.given and corpus.test.given
    real, test = Labelled(corpus.train.text, corpus.train.given), Labelled(corpus.test.text, corpus.test.given)
    options.sizes = options.sizes or [size for size in SIZES if size <= len(real)] or [len(real) // 2]
    if max(options.sizes) > len(real):
        raise UserError(f"--sizes: there are {len(real):,} real sentences, not {max(options.sizes):,}")
    labels = generator.condition.draw(options.generated, np.random.default_rng(options.seed))
    generated = Labelled(list(generator.sample(len(labels), options.seed, given=labels)), labels)
    results = study(real, generated, test, options)
    return {"generated": len(generated), "test": len(test), **results}, table(results, len(generated), len(test))


def table(results: dict[str, Any], generated: int, test: int) -> str:
    lines = [
        f"{generated:,} generated sentences; accuracy on {test:,} held-out real ones, or on the generated ones.",
        "",
        "| trained on | tested on | accuracy |",
        "|---|---|---|",
        *(f"| {k.replace(' to ', ' | ')} | {v:.3f} |" for k, v in results["exchange"].items()),
        "",
        "| real sentences | alone | with generated | gain |",
        "|---|---|---|---|",
    ]
    for size, values in results["sizes"].items():
        alone, both = np.array(values["alone"]), np.array(values["with generated"])
        cells = " | ".join(
            f"{v.mean():.3f} ± {v.std(ddof=1) if len(v) > 1 else 0:.3f}" for v in (alone, both, both - alone)
        )
        lines.append(f"| {size:,} | {cells} |")
    lines += ["", "Mean ± standard deviation over the draws of the real sentences. Each draw:", ""]
    lines += ["| real sentences | draw | alone | with generated | gain |", "|---|---|---|---|---|"]
    for size, values in results["sizes"].items():
        for draw, (alone, both) in enumerate(zip(values["alone"], values["with generated"], strict=True)):
            lines.append(f"| {size:,} | {draw} | {alone:.3f} | {both:.3f} | {both - alone:.3f} |")
    return "\n".join(lines)
