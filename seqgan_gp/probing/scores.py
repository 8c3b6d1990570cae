"""Scores of sentences by a critic, or by anything that is called like one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from ..errors import UserError
from ..terminal import progress as bar
from .passes import untouched

Scorer: TypeAlias = Callable[..., Any]
"""`critic(sentences, given=None)`: sentences to scores (N,), a tensor or an array; higher is more real."""

Item: TypeAlias = "tuple[str, str | None]"
"""A sentence with its condition."""


def fit(critic: Scorer, sentences: Sequence[str]) -> np.ndarray:
    """Whether each sentence fits a critic of this project; of any other critic nothing is known."""
    tokenizer, length = getattr(critic, "tokenizer", None), getattr(getattr(critic, "network", None), "length", None)
    if tokenizer is None or length is None:
        return np.ones(len(sentences), dtype=bool)
    return tokenizer.fits(sentences, length)


def score(critic: Scorer, lists: Iterable[Sequence[Item]], batch_size: int, progress: bool) -> list[np.ndarray]:
    """The scores of lists of sentences with their conditions, float64 (N,) each."""
    lists = list(lists)
    different = list(dict.fromkeys(itertools.chain.from_iterable(lists)))
    found: dict[Item, float] = {}
    batches = [different[start : start + batch_size] for start in range(0, len(different), batch_size)]
    for batch in bar(batches, "scoring") if progress else batches:
        sentences, conditions = map(list, zip(*batch, strict=True))
        with untouched(critic):
            scores = critic(sentences) if conditions[0] is None else critic(sentences, given=conditions)
        values = np.asarray(scores.cpu() if isinstance(scores, Tensor) else scores, dtype=np.float64)
        if values.shape != (len(batch),):
            raise UserError(
                f"the critic gives scores of shape {values.shape} for {len(batch)} sentences: give one for each"
            )
        found.update(zip(batch, values.tolist(), strict=True))
    spoilt = next((item for item, score in found.items() if not math.isfinite(score)), None)
    if spoilt:
        raise UserError(f"the critic's score of '{spoilt[0]}' is {found[spoilt]}: only finite scores can be compared")
    return [np.array([found[item] for item in items]) for items in lists]
