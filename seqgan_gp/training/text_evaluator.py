"""Draws sentences from a generator in training, and scores them beside real ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import pretrained
from ..files import atomic_write
from ..notices import silenced
from ..scoring import Real, Values, defined, score
from ..text.adherence import Adherence
from ..text.corpus import Corpus
from ..text.lines import Sentences
from . import task

COMPARED = 100_000  # sentences of the corpus that samples are compared with


class Evaluator(task.Evaluator):
    """Scores samples of a generator, and as many training sentences, against the held-out sentences.

    Args:
        corpus: the real sentences.
        unit: the unit of n-grams, "word" or "character".
        samples: the number of sentences to draw for an evaluation.
        adherence: the measure of how far sentences keep to their condition, if the corpus has
            conditions and a grammar.

    Attributes:
        yardstick: the real text that samples are compared with.
        drawn: training sentences that are scored like samples.
    """

    SEED = 0  # the same noise at every evaluation: curves show the generator, not the draw
    HEADLINE = ("jsd_4", "self_bleu_4", "unique", "grammatical", "obedience", "agreement")
    REAL = "real text"
    PANELS = (
        ("n-gram JSD (bits)", ("eval/jsd_1", "eval/jsd_2", "eval/jsd_3", "eval/jsd_4")),
        ("self-BLEU", ("eval/self_bleu_2", "eval/self_bleu_3", "eval/self_bleu_4", "eval/self_bleu_5")),
        ("BLEU", ("eval/bleu_2", "eval/bleu_3", "eval/bleu_4", "eval/bleu_5")),
        ("fractions", ("eval/grammatical", "eval/unique", "eval/well_formed", "eval/obedience", "eval/agreement")),
    )

    def __init__(self, corpus: Corpus, unit: str, samples: int, adherence: Adherence | None = None):
        self.samples, self.adherence = samples, adherence
        train, test = compared(corpus.train), compared(corpus.test)
        self.yardstick = Real(test.text, train.text, adherence.language if adherence else corpus.grammar, unit)
        rng = np.random.default_rng(self.SEED)
        self.drawn = train.take(rng.choice(len(train), min(samples, len(train)), replace=False))
        self.given = None
        if test.given:
            self.given = test.take(rng.choice(len(test), samples, replace=samples > len(test))).given

    @cached_property
    def real(self) -> Values:  # type: ignore[override]
        # Novelty says nothing about training sentences.
        return score(self.drawn.text, self.beside_training) | self._kept(self.drawn)

    @property
    def beside_training(self) -> Real:
        """The real text that training sentences are compared with."""
        return replace(self.yardstick, training=None)

    def __call__(self, sampler: pretrained.Generator, path: Path) -> tuple[dict[str, Any], list[str]]:
        with silenced():  # of contexts of the corpus, whose unknown tokens are told at the start
            batches = sampler.sample_ids(self.samples, self.SEED, given=self.given)
        ids = np.concatenate(list(batches))
        sentences = lines = sampler.tokenizer.decode(ids)
        scores = score(sentences, self.yardstick) | {"well_formed": float(sampler.tokenizer.well_formed(ids).mean())}
        _write(path.with_suffix(".txt"), sentences)
        if self.given:
            scores |= self._kept(Sentences(sentences, self.given))
            _write(path.with_suffix(".given.txt"), self.given)
            lines = [f"{given} -> {sentence}" for given, sentence in zip(self.given, sentences, strict=True)]
        return scores, lines[:3]

    def _kept(self, sentences: Sentences) -> Values:
        """Measure how far sentences keep to their condition; empty without a condition or a grammar."""
        if not (self.adherence and sentences.given):
            return {}
        return defined({**self.adherence(sentences.given, sentences.text)})


def _write(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as file:
        file.writelines(f"{line}\n" for line in lines)


def compared(sentences: Sentences) -> Sentences:
    """Sentences to compare samples with, in memory: all of them, or so many that it takes no longer than that."""
    step = -(-len(sentences) // COMPARED)
    some = sentences if step <= 1 else sentences.take(np.arange(0, len(sentences), step))
    return Sentences(list(some.text), None if some.given is None else list(some.given))
