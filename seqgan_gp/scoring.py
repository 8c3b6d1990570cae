"""Sentences to scores: what the evaluations of a run and the commands have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from .metrics import bleu, divergence, diversity
from .metrics.ngrams import count_ngrams, list_ngrams, number
from .text.grammar import Grammar
from .text.words import UNITS, characters

Rows: TypeAlias = np.ndarray | None
Values: TypeAlias = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Real:
    """The real text that samples are measured with.

    Args:
        reference: held-out sentences.
        training: what the generator was trained on, if it is known.
        grammar: the grammar that real text is drawn from, if there is one.
        unit: what n-grams are made of, "word" or "character".
    """

    reference: Sequence[str]
    training: Sequence[str] | None = None
    grammar: Grammar | None = None
    unit: str = "word"


class Family(Protocol):
    """Scores that are computed together, of samples that were prepared once."""

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Mapping[str, float | None]:
        """Numbers under keys of `metrics.catalogue.METRICS`, None where undefined, of those samples and references
        alone, given by their different numbers (None: all)."""


Builder: TypeAlias = Callable[[Sequence[str], Real], Family]
"""Prepares samples for the scores of a family; raises a UserError where they need what is not there."""


class NGramScores:
    """All that comes from counting n-grams: BLEU in both directions, self-BLEU, distinct, JSD, novelty, lengths."""

    def __init__(self, samples: Sequence[str], real: Real):
        split = UNITS[real.unit]
        corpora = number(*(map(split, c) for c in (samples, real.reference, real.training or ())))
        self.samples, self.reference = count_ngrams(*corpora[:2])
        self.ids, training = diversity.sentence_ids(corpora[0], corpora[2])
        self.novel = self.overlap = None
        if real.training:
            self.novel = diversity.novel(self.ids, training)
            self.overlap = diversity.longest_overlap(corpora[0], corpora[2])
        self.characters = None
        if real.unit != "character":
            self.characters = list_ngrams(*number(*(map(characters, c) for c in (samples, real.reference))), max_n=4)

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        one, other = self.samples.take(samples), self.reference.take(reference)
        rows = slice(None) if samples is None else samples
        values: Values = {"count": len(one), "mean_length": one.lengths.mean()}
        forward, backward = (b.mean(axis=0) for b in (bleu.bleu(one, other), bleu.bleu(other, one)))
        f = 2 * forward * backward / np.maximum(forward + backward, 1e-300)
        itself = bleu.self_bleu(one).mean(axis=0)
        for key, scores in (("bleu", forward), ("backward_bleu", backward), ("f_bleu", f), ("self_bleu", itself)):
            values |= {f"{key}_{n}": v for n, v in enumerate(scores, 1) if n > 1}
        values |= {f"distinct_{n}": v for n, v in enumerate(diversity.distinct(one)[:4], 1)}
        values["unique"] = diversity.unique(self.ids[rows])
        values["novel"] = None if self.novel is None else self.novel[rows].mean()
        values["longest_overlap"] = None if self.overlap is None else self.overlap[rows].mean()
        values |= {f"jsd_{n}": v for n, v in enumerate(divergence.ngram_jsd(one, other)[:4], 1)}
        if self.characters:
            by_character = (c.take(part) for c, part in zip(self.characters, (samples, reference), strict=True))
            values |= {f"jsd_char_{n}": v for n, v in enumerate(divergence.ngram_jsd(*by_character), 1)}
        values["length_distance"] = divergence.length_distance(one.lengths, other.lengths)
        return defined(values)


class OracleScores:
    """What the grammar that real text is drawn from says, exactly; the reference has no part in it."""

    def __init__(self, samples: Iterable[str], real: Real):
        assert real.grammar
        samples = list(samples)
        self.lengths = np.array([len(real.grammar.split(s)) for s in samples])
        self.log_probability, self.usage = real.grammar.parse(samples)
        self.expected = real.grammar.expected_usage

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = slice(None) if samples is None else samples
        log_probability, usage = self.log_probability[rows], self.usage[rows].sum(axis=0, dtype=np.float64)
        known = np.isfinite(log_probability)
        tokens = self.lengths[rows][known].sum()
        return defined(
            {
                "grammatical": known.mean(),
                "oracle_nll": -log_probability[known].sum() / tokens if tokens else None,
                "production_coverage": (usage > 0).mean(),
                "production_jsd": divergence.jensen_shannon(usage, self.expected),
            }
        )


def defined(values: Values) -> Values:
    """Plain numbers for JSON, None for NaN."""
    return {
        k: None if v is None or math.isnan(v) else v if isinstance(v, int) else round(float(v), 6)
        for k, v in values.items()
    }


def score(samples: Sequence[str], real: Real) -> Values:
    """The scores that take no more than counting and parsing: what a run follows."""
    builders: list[Builder] = [NGramScores, *([OracleScores] if real.grammar else [])]
    return {k: v for build in builders for k, v in build(samples, real)().items()}
