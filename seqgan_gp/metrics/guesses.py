"""Guessing: which of the different items of one list are found by going through another list."""

import numpy as np


def first_guesses(guesses: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, int]:
    """The guess that finds each wanted item: repeated guesses do not count, and repeated items count once.

    Args:
        guesses, wanted: a number for each item, equal for equal items: int64 (guesses,) and (items,).

    Returns:
        For each different wanted item the number of the guess that finds it, counted from 1, and 0 for an item that no
        guess finds: int64 (different items,). And the number of different guesses.
    """
    different, first = np.unique(guesses, return_index=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(1, len(first) + 1)
    items = np.unique(wanted)
    if not len(different):
        return np.zeros(len(items), dtype=np.int64), 0
    places = np.searchsorted(different, items).clip(max=len(different) - 1)
    return np.where(different[places] == items, number[places], 0), len(different)


def matched(found: np.ndarray, guesses: int) -> float:
    """The fraction of items that the first so many guesses find; NaN where there is no item.

    Args:
        found: as `first_guesses` gives it.
    """
    return float(((found > 0) & (found <= guesses)).mean()) if len(found) else float("nan")
