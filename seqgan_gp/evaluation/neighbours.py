"""How near samples are to the nearest real sentences, by edits of characters or words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..metrics.edits import nearest
from ..metrics.metric import Metric
from ..metrics.ngrams import Vocabulary
from ..scoring import Rows, Values, defined
from ..text.words import UNITS
from .real import FittedReal

NEIGHBOUR_METRICS = {
    "nearest_real": Metric("Neighbours", "edits from the nearest held-out sentence, mean"),
    "identity_real": Metric("Neighbours", "percent of it that is the same, mean"),
    "nearest_train": Metric("Neighbours", "edits from the nearest training sentence, mean; low is copied"),
    "identity_train": Metric("Neighbours", "percent of it that is the same, mean; high is copied"),
}
SURROGATES = 0xD800, 0x800  # the first, and how many: they are no characters


class NeighbourScores:
    """The edit distance of each sample to its nearest held-out and its nearest training sentence, and their identity
    (`metrics.edits.nearest`). An edit is of a token of the unit. The halves of the bootstrap are of the samples alone:
    real text stays whole.
    """

    def __init__(self, samples: Sequence[str], real: FittedReal):
        vocabulary, split = Vocabulary(), UNITS[real.unit]

        def letters(sentences: Sequence[str], learn: bool) -> list[str]:
            """Each token as one character, since the library is fast for texts. Those that no sample has are alike."""
            if real.unit == "character":
                return list(sentences)
            numbered = vocabulary.number(map(split, sentences), learn)
            points = numbered.tokens + (numbered.tokens >= SURROGATES[0]) * SURROGATES[1]
            text, bounds = "".join(map(chr, points)), numbered.bounds.tolist()
            return [text[start:stop] for start, stop in itertools.pairwise(bounds)]

        ours = letters(samples, learn=True)
        self.found = {"real": nearest(ours, letters(real.reference, learn=False))}
        if real.training:
            self.found["train"] = nearest(ours, letters(real.training, learn=False))

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = slice(None) if samples is None else samples
        values: Values = dict.fromkeys(NEIGHBOUR_METRICS)
        for name, found in self.found.items():
            values[f"nearest_{name}"] = found.distances[rows].mean()
            values[f"identity_{name}"] = found.identities[rows].mean()
        return defined(values)
