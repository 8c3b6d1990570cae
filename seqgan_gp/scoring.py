"""Scores of sentences beside real ones: what `seqgan-gp evaluate` and the evaluations of a run have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .metrics import report
from .text.grammar import Grammar
from .text.words import UNITS, words


class Scorer:
    """Scores sentences against a reference.

    Args:
        reference: real sentences.
        unit: what n-grams are made of, "word" or "character".
        training: the sentences that a novel one is not among.
        grammar: adds `grammatical` and `oracle_nll`.
    """

    def __init__(
        self,
        reference: Sequence[str],
        unit: str = "word",
        training: Iterable[str] | None = None,
        grammar: Grammar | None = None,
    ):
        self.split, self.grammar = UNITS[unit], grammar
        self.reference = [self.split(s) for s in reference]
        self.training = None if training is None else frozenset(map(self.split, training))

    def __call__(self, sentences: Sequence[str], progress: bool = False) -> dict[str, Any]:
        """A number under every key of `metrics.report.MEANING`; with `progress`, a bar while the grammar parses."""
        from tqdm import tqdm

        tokens = [self.split(s) for s in sentences]
        values = report.score(tokens, self.reference, self.training)
        if self.grammar:
            bar = tqdm(sentences, desc="parsing", unit="sentence", leave=False, disable=None if progress else True)
            values |= report.oracle(self.grammar.log_probability(bar), report.lengths([words(s) for s in sentences]))
        return values
