"""How many held-out passwords a generator guesses, by the number of its guesses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics.guesses import first_guesses, matched
from ..metrics.metric import Metric, numbered
from ..scoring import Rows, Values, defined
from .real import FittedReal

GUESSES = [10**k for k in range(1, 7)]
GUESS_METRICS = {
    "guesses": Metric("Guesses", "different samples, in the order of the file"),
    **numbered("match", GUESSES, "Guesses", "fraction of held-out ones among the first {n:,} guesses", "higher"),
    "match": Metric("Guesses", "fraction of held-out ones among all guesses", "higher"),
}


class GuessScores:
    """The fraction of different held-out passwords that are among the first so many different samples (Weir et al.
    2009; for generators, Hitaj et al. 2019). Where training sentences are known, those of them do not count.
    """

    def __init__(self, samples: Sequence[str], real: FittedReal):
        self.samples, self.reference = (np.fromiter(map(hash, s), np.int64, len(s)) for s in (samples, real.reference))
        if real.training:
            training = np.fromiter(map(hash, real.training), np.int64, len(real.training))
            self.new = ~np.isin(self.reference, training)
        else:
            self.new = np.ones(len(self.reference), dtype=bool)

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        one = self.samples if samples is None else self.samples[samples]
        rows = slice(None) if reference is None else reference
        found, guesses = first_guesses(one, self.reference[rows][self.new[rows]])
        values: Values = {"guesses": guesses}
        values |= {f"match_{n}": matched(found, n) if n <= guesses else None for n in GUESSES}
        return defined(values | {"match": matched(found, guesses)})
