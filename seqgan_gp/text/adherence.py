"""Measure how far sentences keep to their condition, as the grammar of the corpus tells it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from .grammar import Grammar
from .pairs import Pairs


class Adherence(ABC):
    """A measure of how far sentences keep to their condition.

    Attributes:
        language: the grammar of the sentences by themselves, without their contexts.
    """

    language: Grammar

    @abstractmethod
    def __call__(self, given: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
        """Measure N sentences; the results are fractions of them, by name.

        Args:
            given: the label or the context of each sentence.
        """


class Obedience(Adherence):
    """Measures how many sentences have the label that they are given.

    `obedient` is the fraction among all sentences, and `obedience` that among the sentences in the
    language; `obedience_LABEL` is the latter for one label. A sentence outside the language has no
    label, and a sentence with several labels counts with the probability of the given one.

    Args:
        grammar: the grammar that tells the label of a sentence.
        labels: the labels of the training sentences.

    Raises:
        UserError: the grammar lacks one of these labels.
    """

    def __init__(self, grammar: Grammar, labels: Sequence[str]):
        if unknown := set(labels) - grammar.labels.keys():
            raise UserError(f"the grammar has no label '{sorted(unknown)[0]}', it has {', '.join(grammar.labels)}")
        self.language, self.labels = grammar, labels

    def __call__(self, given: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
        obeys = self.language.label_probability(given, sentences)
        known = np.isfinite(self.language.log_probability(sentences))
        groups = {"obedience": known} | {
            f"obedience_{label}": known & np.array([g == label for g in given]) for label in self.labels
        }
        return {"obedient": float(obeys.mean())} | {
            key: float(obeys[rows].mean()) for key, rows in groups.items() if rows.any()
        }


class Agreement(Adherence):
    """Measures how many sentences answer their context.

    `agreement` is the fraction of sentences that do, and `wrong_FEATURE` the fraction of sentences
    that disagree with their context in this feature of `Pairs.disagreements`.

    Args:
        grammar: the grammar of pairs.

    Raises:
        UserError: the grammar has no pairs.
    """

    def __init__(self, grammar: Grammar):
        self.pairs = Pairs(grammar)
        self.language = self.pairs.answers

    def __call__(self, given: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
        wrong = self.pairs.all_disagreements(given, sentences)
        features = sorted({name for names in wrong for name in names})
        fractions = {f"wrong_{name}": float(np.mean([name in names for names in wrong])) for name in features}
        return {"agreement": float(np.mean([not names for names in wrong]))} | fractions
