"""Sentences to scores. The evaluations of a run and the commands evaluate, compare and sweep share this module."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from .metrics import bleu, divergence, diversity
from .metrics.characters import Alphabet
from .metrics.metric import Metric, numbered
from .metrics.ngrams import Vocabulary, count_ngrams
from .text.grammar import Grammar
from .text.words import UNITS

Rows: TypeAlias = np.ndarray | None
Values: TypeAlias = dict[str, float | None]

TRAINING_PART = 100_000  # sentences that are looked at together; more where there are more samples


@dataclass(frozen=True, eq=False)
class Real:
    """The real text that samples are compared with.

    Args:
        reference: held-out sentences.
        training: the sentences that the generator was trained on, if they are known.
        grammar: the grammar that real text is drawn from, if there is one.
        unit: the tokens of n-grams, "word" or "character".
    """

    reference: Sequence[str]
    training: Sequence[str] | None = None
    grammar: Grammar | None = None
    unit: str = "word"


class Scores(Protocol):
    """Scores that are computed together, from samples and real text that were prepared once."""

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Mapping[str, float | None]:
        """Compute the scores of some samples against some reference sentences.

        Args:
            samples, reference: different row numbers (rows,); None takes all rows.

        Returns:
            A number for each key, None where the score is undefined.
        """


Builder: TypeAlias = Callable[[Sequence[str], Real], Scores]
"""Prepares samples and real text for their scores."""


AGAINST_TRAINING = ("novel", "longest_overlap", "new_words")  # mean nothing where samples are training sentences

NGRAM_METRICS: dict[str, Metric] = {
    "count": Metric("Sample", "sentences scored"),
    "mean_length": Metric("Sample", "tokens of a sentence"),
    **numbered("bleu", range(2, 6), "Quality", "samples against the reference, 0 to 1", "higher"),
    **numbered("backward_bleu", range(2, 6), "Recall", "reference against the samples, 0 to 1", "higher"),
    **numbered("f_bleu", range(2, 6), "Quality and recall", "harmonic mean of the two, 0 to 1", "higher"),
    **numbered("self_bleu", range(2, 6), "Diversity", "similarity among samples, 0 to 1"),
    **numbered("distinct", range(1, 5), "Diversity", "different {n}-grams over all, 0 to 1, high is diverse"),
    "unique": Metric("Diversity", "different sentences over all, 0 to 1", "real"),
    "novel": Metric("Diversity", "fraction not in the training file", "real"),
    "longest_overlap": Metric("Diversity", "tokens in a row copied from the training file, mean", "real"),
    "new_words": Metric("Diversity", "fraction of words that the training file lacks", "real"),
    **numbered("jsd", range(1, 5), "Distribution", "divergence of {n}-grams, 0 to 1 bits", "lower"),
    **numbered("jsd_char", range(1, 5), "Distribution", "divergence of {n}-grams of characters, 0 to 1 bits", "lower"),
    "length_distance": Metric("Distribution", "Wasserstein distance of lengths in tokens, from 0", "lower"),
}


class NGramScores:
    """The scores that count n-grams: BLEU in both directions, self-BLEU, distinct, JSD, novelty and lengths. The
    functions of `metrics.bleu`, `metrics.diversity` and `metrics.divergence` give their sources.

    All samples, reference sentences and training sentences count. Training text passes by in parts, so that memory
    does not grow with it.
    """

    def __init__(self, samples: Sequence[str], real: Real):
        split, vocabulary = UNITS[real.unit], Vocabulary()
        corpora = [vocabulary.number(map(split, corpus)) for corpus in (samples, real.reference)]
        self.ids = diversity.fingerprints(corpora[0])
        self.novel = self.overlap = self.new = None
        if real.training:
            self.novel, self.overlap = np.ones(len(samples), dtype=bool), np.zeros(len(samples), dtype=np.int64)
            known = np.zeros(len(vocabulary) + 1, dtype=bool)  # the last one stands for words of the training alone
            size = max(len(samples), TRAINING_PART)
            for start in range(0, len(real.training), size):
                part = vocabulary.number(map(split, real.training[start : start + size]), learn=False)
                self.novel &= ~np.isin(self.ids, diversity.fingerprints(part))
                self.overlap = np.maximum(self.overlap, diversity.longest_overlap(corpora[0], part))
                known[part.tokens] = True
            if real.unit == "word":
                self.new = diversity.new_tokens(corpora[0], known)
        self.samples, self.reference = count_ngrams(*corpora)
        self.texts = samples, real.reference
        self.alphabet = Alphabet(*self.texts) if real.unit != "character" else None

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        one, other = self.samples.take(samples), self.reference.take(reference)
        rows = slice(None) if samples is None else samples
        values: Values = {"count": len(one), "mean_length": one.lengths.mean()}
        forward, backward = (b.mean(axis=0) for b in (bleu.bleu(one, other), bleu.bleu(other, one)))
        f = 2 * forward * backward / np.maximum(forward + backward, 1e-300)
        itself = bleu.self_bleu(one).mean(axis=0)
        # As of a divergence, nothing can be said of n-grams that a side does not have, however smoothing fills the gap.
        both = one.present & other.present
        for key, scores, has in (
            *((name, scores, both) for name, scores in (("bleu", forward), ("backward_bleu", backward), ("f_bleu", f))),
            ("self_bleu", itself, one.present),
        ):
            values |= {f"{key}_{n}": v for n, v in enumerate(np.where(has, scores, np.nan), 1) if n > 1}
        values |= {f"distinct_{n}": v for n, v in enumerate(diversity.distinct(one)[:4], 1)}
        values["unique"] = diversity.unique(self.ids[rows])
        values["novel"] = None if self.novel is None else self.novel[rows].mean()
        values["longest_overlap"] = None if self.overlap is None else self.overlap[rows].mean()
        length = one.lengths.sum()
        values["new_words"] = None if self.new is None or not length else self.new[rows].sum() / length
        values |= {f"jsd_{n}": v for n, v in enumerate(divergence.ngram_jsd(one, other)[:4], 1)}
        if self.alphabet:
            texts = (
                text if part is None else [text[i] for i in part]
                for text, part in zip(self.texts, (samples, reference), strict=True)
            )
            values |= {f"jsd_char_{n}": v for n, v in enumerate(self.alphabet.jsd(*texts), 1)}
        values["length_distance"] = divergence.length_distance(one.lengths, other.lengths)
        return defined(values)


ORACLE_METRICS: dict[str, Metric] = {
    "grammatical": Metric("Oracle", "fraction in the grammar's language", "higher"),
    "oracle_nll": Metric("Oracle", "exact nats per word of the grammatical ones", "real"),
    "production_coverage": Metric("Oracle", "fraction of the grammar's productions used", "higher"),
    "production_jsd": Metric(
        "Oracle", "divergence of the productions' frequencies from the grammar's, 0 to 1 bits", "lower"
    ),
}


class OracleScores:
    """The scores that the grammar of real text gives exactly. They do not use the reference."""

    def __init__(self, samples: Iterable[str], real: Real):
        assert real.grammar
        samples = list(samples)
        self.lengths = np.array([len(real.grammar.split(s)) for s in samples])
        self.parses = real.grammar.parses(samples)
        self.expected = real.grammar.expected_usage

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = slice(None) if samples is None else samples
        log_probability, usage = self.parses.log_probability[rows], self.parses.total(samples)
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


def defined(values: Mapping[str, float | None]) -> Values:
    """Plain numbers for JSON, rounded to six digits, with None for NaN."""
    return {
        k: None if v is None or math.isnan(v) else v if isinstance(v, int) else round(float(v), 6)
        for k, v in values.items()
    }


def score(samples: Sequence[str], real: Real) -> Values:
    """The scores that only count and parse. The evaluations of a run use them."""
    builders: list[Builder] = [NGramScores, *([OracleScores] if real.grammar else [])]
    return {k: v for build in builders for k, v in build(samples, real)().items()}
