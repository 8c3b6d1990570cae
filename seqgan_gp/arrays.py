"""Arrays as users of the library give them, made into tensors."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import UserError

Array: TypeAlias = Tensor | np.ndarray | Sequence[Any]
"""Numbers: a tensor, an array of numpy, or nested lists."""


def show(value: object) -> str:
    """A value and its type, short enough for an error."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
    return f"{reprlib.repr(value)} ({type(value).__name__})"


def is_array(value: object) -> bool:
    """Whether it is a tensor, or an array of numpy that holds no texts and no objects."""
    return isinstance(value, Tensor) or (isinstance(value, np.ndarray) and value.dtype.kind not in "OSU")


def listed(values: object, needed: str) -> list[Any]:
    """The items of a list, an array or any other iterable, of which there must be one at least.

    Args:
        needed: the things that are asked for, for the error.

    Raises:
        UserError: it has no items.
    """
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        raise UserError(f"{needed} are needed, not {show(values)}")
    items = list(values)
    if not items:
        raise UserError(f"{needed} are needed, and the list is empty: give at least one item")
    return items


def as_tensor(values: object, needed: str) -> Tensor:
    """A tensor of an array, of nested lists of numbers, or of a list of either. A tensor stays as it is.

    Args:
        needed: the things that are asked for, for the error.

    Raises:
        UserError: an item holds no numbers, or has another shape than the first one.
    """
    if isinstance(values, Tensor):
        return values
    if isinstance(values, np.ndarray) and is_array(values):
        return _from_numpy(values)
    rows = []
    for number, item in enumerate(listed(values, needed)):
        try:
            row = item if isinstance(item, Tensor) else np.asarray(item)
        except (ValueError, TypeError):  # the lists in it differ in length
            row = np.asarray(None)
        if not is_array(row):
            raise UserError(f"item {number} is {show(item)}: {needed} are needed")
        rows.append(row if isinstance(row, Tensor) else _from_numpy(row))
        if rows[-1].shape != rows[0].shape:
            shapes = f"shape {tuple(rows[-1].shape)}, and item 0 has {tuple(rows[0].shape)}"
            raise UserError(f"item {number} has {shapes}: make all items alike")
    return torch.stack(rows)


def _from_numpy(array: np.ndarray) -> Tensor:
    """A copy, whatever the order of its bytes and axes is. Floats that torch lacks become float64."""
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    try:
        return torch.from_numpy(np.array(array, dtype=np.float64 if wide else array.dtype.newbyteorder("="), order="C"))
    except TypeError:  # dates and records
        raise UserError(f"{show(array)}: plain numbers are needed") from None


def as_noise(given: Array, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Noise (B, noise_size) of a network's type of floats, which gradients pass; a single row becomes a batch of one.

    Raises:
        UserError: it has another shape, or is not floating.
    """
    tensor = as_tensor(given, "rows of noise")
    if not tensor.is_floating_point() or tensor.dim() not in (1, 2) or tensor.shape[-1] != size:
        raise UserError(f"{show(tensor)}: noise (B, {size}) is needed, as network.sample_noise draws it")
    return tensor.to(dtype).reshape(-1, size).to(device)
