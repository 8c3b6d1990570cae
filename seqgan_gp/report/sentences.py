"""Samples of text: through time, and beside the training sentences that they are nearest to."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..training.text_evaluator import compared
from .content import LeftOut, Spans, few, pieces, shared, spans
from .runs import Run

SHOWN = 12  # sentences
FRAMES = 60  # evaluations to choose among
CANDIDATES = 30  # training sentences whose words are compared one by one


@dataclass(frozen=True)
class Frame:
    """The samples of one evaluation.

    Args:
        scores: name, value, and value of real samples.
        rows: what each sentence is given, if anything, and the sentence, whose new words are marked.
        renewed: the phase that begins, in which the same random numbers make other sentences.
        printed: whether it is shown on paper.
    """

    step: int
    scores: list[tuple[str, Any, Any]]
    rows: list[tuple[str | None, Spans]]
    renewed: str | None
    printed: bool


def through_time(run: Run) -> list[Frame]:
    """The first sentences of every evaluation, which are drawn with the same random numbers each time."""
    frames: list[Frame] = []
    before: list[list[str]] = []
    chosen, phase = [run.evaluations[i] for i in few(len(run.evaluations), FRAMES)], None
    unit = run.unit
    for number, evaluation in enumerate(chosen):
        now = run.phase_at(evaluation.step)
        renewed, phase = (now if now != phase else None), now
        given = evaluation.given()
        texts = [pieces(sentence, unit) for sentence in evaluation.sentences()[:SHOWN]]
        rows = []
        for i, text in enumerate(texts):
            compare = number > 0 and not renewed and i < len(before)
            kept = shared(text, before[i]) if compare else [True] * len(text)
            rows.append((given[i] if given else None, spans(text, [not flag for flag in kept])))
        scores = run.shown(run.evaluator.HEADLINE, run.scores("eval", evaluation.step))[:4]
        printed = number in (0, len(chosen) // 2, len(chosen) - 1)
        frames.append(Frame(evaluation.step, scores, rows, renewed, printed))
        before = texts
    return frames


@dataclass(frozen=True)
class Neighbour:
    """A sample and the training sentence nearest to it.

    Args:
        sample, training: both with the words marked that they share.
        copied: the number of them, out of `total` words or characters of the sample.
        exact: whether the sample is a training sentence.
    """

    sample: Spans
    training: Spans
    copied: int
    total: int
    exact: bool


@dataclass(frozen=True)
class Neighbours:
    """Samples beside their neighbours: the unit, and the number of training sentences that were looked at."""

    unit: str
    looked_at: int
    rows: list[Neighbour]


def nearest(run: Run) -> Neighbours:
    """Find the nearest training sentence of each of the last samples: among those with the most n-grams in common, by
    tf-idf, the one with the largest part in common, word by word.
    """
    training = list(dict.fromkeys(compared(run.task.corpus.train).text))
    samples, unit = run.last.sentences()[:SHOWN], run.unit
    least = 1 if unit == "word" else 3  # a letter alone is in every sentence
    rows = []
    for sample, near in zip(samples, _candidates(samples, training, unit), strict=True):
        mine = pieces(sample, unit)
        others = [pieces(training[i], unit) for i in near]
        ratios = [difflib.SequenceMatcher(None, mine, other, autojunk=False).ratio() for other in others]
        other = others[int(np.argmax(ratios))]
        flags = shared(mine, other, least)
        exact = "".join(mine) == "".join(other)
        row = Neighbour(spans(mine, flags), spans(other, shared(other, mine, least)), sum(flags), len(mine), exact)
        rows.append(row)
    if not rows:
        raise LeftOut("there are no sentences")
    return Neighbours(unit, len(training), rows)


def _candidates(samples: Sequence[str], training: Sequence[str], unit: str) -> np.ndarray:
    """The numbers of the training sentences that are nearest by tf-idf, (samples, CANDIDATES)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    options = {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2)} if unit == "word" else {
        "analyzer": "char", "ngram_range": (1, 3)
    }  # fmt: skip
    vectors = TfidfVectorizer(lowercase=False, **options).fit([*samples, *training])
    similar = (vectors.transform(samples) @ vectors.transform(training).T).toarray()
    return np.argsort(-similar, axis=1, kind="stable")[:, :CANDIDATES]
