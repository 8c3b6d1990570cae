"""Changes of a sentence's tokens: each takes ids (n,) to other ids, or gives them back where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

APART = 3  # the least number of positions between two distant tokens

Rng = np.random.Generator


@dataclass(frozen=True)
class Known:
    """What a change may know of the text.

    Args:
        tokens: the ids that occur, the most frequent first (T,).
        shares: the fraction of all tokens that each makes up (T,).
        alike: for each id that belongs to a class, the other ids of its class.
        given: the conditions of all sentences.
    """

    tokens: np.ndarray
    shares: np.ndarray
    alike: dict[int, np.ndarray] = field(default_factory=dict)
    given: Sequence[str] = ()

    @property
    def frequent(self) -> np.ndarray:
        """The fewest ids that make up half of the text."""
        return self.tokens[: np.searchsorted(self.shares.cumsum(), 0.5) + 1]

    @property
    def rare(self) -> np.ndarray:
        """The rarest ids, as many as make up 5% of the text; one at least."""
        return self.tokens[::-1][: max(1, np.searchsorted(self.shares[::-1].cumsum(), 0.05, side="right"))]


def shuffle(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Put all tokens into a random order."""
    return rng.permutation(ids)


def swap_neighbours(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Let two neighbours change places."""
    return _swap(ids, rng, [(i, i + 1) for i in range(len(ids) - 1)])


def swap_distant(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Let two tokens change places that are at least `APART` positions apart."""
    return _swap(ids, rng, [(i, j) for i in range(len(ids)) for j in range(i + APART, len(ids))])


def drop(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Leave out one token."""
    return np.delete(ids, rng.integers(len(ids)))


def repeat(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Write one token twice."""
    place = rng.integers(len(ids))
    return np.insert(ids, place, ids[place])


def insert(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Put a token of the text in at a random place; it is drawn by its frequency."""
    return np.insert(ids, rng.integers(len(ids) + 1), rng.choice(known.tokens, p=known.shares))


def frequent_word(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Replace a token by one of the frequent tokens."""
    return _replace(ids, rng, lambda token: known.frequent)


def rare_word(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Replace a token by one of the rarest tokens."""
    return _replace(ids, rng, lambda token: known.rare)


def same_class(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Replace a token by another one of its class."""
    return _replace(ids, rng, lambda token: known.alike.get(token, np.array([], dtype=ids.dtype)))


def truncation(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Cut the sentence after a random token before its last one."""
    return ids[: rng.integers(1, max(2, len(ids)))]


def as_it_was(ids: np.ndarray, known: Known, rng: Rng) -> np.ndarray:
    """Change no token."""
    return ids


def other_condition(given: str | None, known: Known, rng: Rng) -> str | None:
    """Take the condition of another sentence."""
    return known.given[int(rng.integers(len(known.given)))]


def _swap(ids: np.ndarray, rng: Rng, places: list[tuple[int, int]]) -> np.ndarray:
    if different := [(i, j) for i, j in places if ids[i] != ids[j]]:
        i, j = different[rng.integers(len(different))]
        ids = ids.copy()
        ids[[i, j]] = ids[[j, i]]
    return ids


def _replace(ids: np.ndarray, rng: Rng, others: Callable[[int], np.ndarray]) -> np.ndarray:
    for place in rng.permutation(len(ids)):
        choice = others(int(ids[place]))
        choice = choice[choice != ids[place]]
        if len(choice):
            ids = ids.copy()
            ids[place] = rng.choice(choice)
            break
    return ids
