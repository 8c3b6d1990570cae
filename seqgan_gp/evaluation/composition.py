"""How often each character occurs, as in the amino-acid composition of peptides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..metrics.metric import Metric
from ..scoring import Rows, Values, defined
from .real import FittedReal

MOST = 100  # characters that are told apart, the most frequent ones of real text
OTHER = "other"
COMPOSITION_METRICS = {"part_*": Metric("Composition", "fraction of all characters that are this one")}


class CompositionScores:
    """The fraction of characters that are each character of real text, and the fraction of all others, such as letters
    that are no amino acid. The divergence of two compositions is `jsd_1` with the unit character, else `jsd_char_1`.
    """

    def __init__(self, samples: Sequence[str], real: FittedReal):
        seen = Counter[str]()
        for sentence in real.reference:
            seen.update(sentence)
        self.letters = sorted(letter for letter, _ in seen.most_common(MOST))
        self.counts = np.array([[sentence.count(letter) for letter in self.letters] for sentence in samples])
        self.lengths = np.array([len(sentence) for sentence in samples])

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = slice(None) if samples is None else samples
        total = self.lengths[rows].sum()
        parts = self.counts[rows].sum(axis=0) / total if total else np.full(len(self.letters), np.nan)
        values: Values = {f"part_{_name(c)}": part for c, part in zip(self.letters, parts, strict=True)}
        return defined(values | {f"part_{OTHER}": 1 - parts.sum()})


def _name(character: str) -> str:
    """The character, or its number where it cannot be seen."""
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
