"""Distances between the sentence embeddings of samples and of the reference."""

from __future__ import annotations

from collections.abc import Sequence

from ..metrics.embedding import buckets, frechet_distance, mauve
from ..metrics.metric import Metric
from ..scoring import Rows, Values, defined
from .real import FittedReal

EMBEDDING_METRICS = {
    "fed": Metric("Embedding", "Frechet distance of sentence embeddings, from 0", "lower"),
    "mauve": Metric("Embedding", "divergence frontier of sentence embeddings, 0 to 1", "higher"),
}


class EmbeddingScores:
    """The Frechet distance (`metrics.embedding.frechet_distance`) and MAUVE (`metrics.embedding.mauve`)."""

    def __init__(self, samples: Sequence[str], real: FittedReal):
        self.reference, self.samples = real.vectors, real.encode(samples)
        self.buckets = buckets(self.samples, self.reference)

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = [slice(None) if r is None else r for r in (samples, reference)]
        vectors = self.samples[rows[0]], self.reference[rows[1]]
        if min(map(len, vectors)) < 2:
            return {"fed": None, "mauve": None}
        fed = frechet_distance(*vectors)
        return defined({"fed": fed, "mauve": mauve(self.buckets[0][rows[0]], self.buckets[1][rows[1]])})
