"""The edit distance of sequences to the nearest of others, by the library rapidfuzz."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 256, 1 << 16  # sequences of each side that are compared at once: 64 MiB of distances


class Neighbours(NamedTuple):
    """The nearest of M sequences to each of N.

    Args:
        rows: its number, int64 (N,); the first one where several are as near.
        distances: the edit distance to it, int64 (N,).
        identities: 100 * (1 - distance / length of the longer one), float64 (N,), in percent.
    """

    rows: np.ndarray
    distances: np.ndarray
    identities: np.ndarray


def nearest(sequences: Sequence[str], others: Sequence[str]) -> Neighbours:
    """Find the nearest of `others`, at least one, to each sequence. The edit distance is the least number of characters
    to insert, to delete or to substitute (Levenshtein 1966).

    It takes the time of all pairs: 500 million pairs of 30 characters take about a minute of one core.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    rows = np.zeros(len(sequences), dtype=np.int64)
    distances = np.full(len(sequences), np.iinfo(np.int64).max)
    for first in range(0, len(sequences), BLOCK[0]):
        part = slice(first, first + BLOCK[0])
        for start in range(0, len(others), BLOCK[1]):
            pairs = process.cdist(
                sequences[part],
                others[start : start + BLOCK[1]],
                scorer=Levenshtein.distance,
                dtype=np.int32,
                workers=-1,
            )
            best = pairs.argmin(axis=1)
            found = pairs[np.arange(len(best)), best]
            nearer = found < distances[part]
            rows[part][nearer], distances[part][nearer] = start + best[nearer], found[nearer]
    longer = np.array([max(len(one), len(others[int(row)]), 1) for one, row in zip(sequences, rows, strict=True)])
    return Neighbours(rows, distances, 100 * (1 - distances / longer))
