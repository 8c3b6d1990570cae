"""Encodes labels and contexts from the user, one for each sentence or one for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ..errors import UserError
from ..text.conditions import Condition

Given: TypeAlias = str | Sequence[str] | None


def encode(condition: Condition | None, given: Given, num: int, device: torch.device) -> Tensor | None:
    """The condition of each of `num` sentences, (num, ...); None for a network without a condition.

    Raises:
        UserError: the condition is missing or unknown, the network takes none, or there is not one for each sentence.
    """
    if condition is None:
        if given is not None:
            raise UserError("this run has no labels and no contexts: leave out `given`")
        return None
    if given is None:
        raise UserError("this run is conditional: give a label or a context for each sentence")
    each = [given] * num if isinstance(given, str) else list(given)
    if len(each) != num:
        raise UserError(f"{len(each)} labels or contexts are given for {num} sentences: give one for each")
    return torch.from_numpy(condition.encode(each)).to(device)
