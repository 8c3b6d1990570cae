"""Ids and tokens as users give them, checked against a network and put on its device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, as_tensor, is_array, show
from ..errors import UserError


def holds_text(sequences: object) -> bool:
    """Whether a user gives sentences, however wrong some of them may be, and not numbers."""
    if isinstance(sequences, str):
        return True
    if is_array(sequences) or not isinstance(sequences, list | tuple | np.ndarray):
        return False
    return any(isinstance(_first(item), str) for item in sequences)


def in_a_list(sequences: Any) -> Any:
    """The items of an iterable as a list; sentences, arrays and whatever is none of them as they are."""
    kept = str | bytes | list | tuple | Mapping | np.ndarray | Tensor
    return list(sequences) if isinstance(sequences, Iterable) and not isinstance(sequences, kept) else sequences


def _first(item: object) -> object:
    while isinstance(item, list | tuple) and item:
        item = item[0]
    return item


def tokens(sequences: Array, vocabulary: int, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Ids (B, L) int64, or one-hot or soft tokens (B, L, V) of a network's type of floats, which gradients pass.

    A single sequence becomes a batch of one. One-hot tokens may be whole numbers.

    Raises:
        UserError: the shape is another one, or an id is not in the vocabulary.
    """
    given = as_tensor(sequences, "sentences, ids or tokens")
    if given.is_complex():
        raise UserError(f"{show(given)}: real numbers are needed")
    whole = not given.is_floating_point()
    if whole and (given.shape == (length,) or (given.dim() == 2 and given.shape[1] == length)):
        return ids(given, vocabulary, device)
    if given.shape == (length, vocabulary) or (given.dim() == 3 and given.shape[1:] == (length, vocabulary)):
        return given.to(dtype).reshape(-1, length, vocabulary).to(device)
    raise UserError(
        f"{show(given)}: this critic takes ids (B, {length}) of a whole-number type, or one-hot or soft tokens "
        f"(B, {length}, {vocabulary})"
    )


def ids(sequences: Array, vocabulary: int, device: torch.device) -> Tensor:
    """Ids (B, L) int64; a single row becomes a batch of one.

    Raises:
        UserError: they are no rows of whole numbers, or one of them is not in the vocabulary.
    """
    given = as_tensor(sequences, "ids")
    whole = not (given.dtype == torch.bool or given.is_floating_point() or given.is_complex())
    if not whole or given.dim() not in (1, 2) or not given.shape[-1]:
        raise UserError(f"{show(given)}: ids (B, L) of a whole-number type are needed")
    rows = given.long().reshape(-1, given.shape[-1])
    if rows.device.type != "meta":  # it has shapes alone
        wrong = ((rows < 0) | (rows >= vocabulary)).nonzero()
        if len(wrong):
            row, position = wrong[0].tolist()
            raise UserError(
                f"item {row}, position {position}: the id {rows[row, position].item()} is not in the vocabulary, whose "
                f"{vocabulary:,} tokens have the ids 0 to {vocabulary - 1}"
            )
    return rows.to(device)
