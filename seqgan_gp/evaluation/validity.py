"""How many samples a rule of the user's own accepts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..metrics.metric import Metric
from ..scoring import Rows, Values, defined
from .real import FittedReal

VALID_METRICS = {
    "valid": Metric("Validity", "fraction that the rule of --valid accepts", "higher"),
    "valid_unique": Metric("Validity", "different valid ones over all, 0 to 1", "higher"),
    "valid_novel": Metric("Validity", "different valid ones that the training file lacks, over all, 0 to 1", "higher"),
}


class ValidScores:
    """The fractions of valid samples, of those that are different, and of those that are new besides. They do not use
    the reference.
    """

    def __init__(self, samples: Sequence[str], real: FittedReal):
        assert real.rule
        self.valid, self.ids = real.rule(samples), _fingerprints(samples)
        self.novel = ~np.isin(self.ids, _fingerprints(real.training)) if real.training else None

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = slice(None) if samples is None else samples
        valid, ids = self.valid[rows], self.ids[rows]
        novel = None if self.novel is None else len(np.unique(ids[valid & self.novel[rows]])) / len(ids)
        unique = len(np.unique(ids[valid])) / len(ids)
        return defined({"valid": valid.mean(), "valid_unique": unique, "valid_novel": novel})


def _fingerprints(sentences: Iterable[str]) -> np.ndarray:
    """A number for each sequence, int64 (N,): eight bytes of each. Equal ones have equal numbers in a process."""
    return np.fromiter(map(hash, sentences), dtype=np.int64)
