"""Encodes labels and contexts from the user, one for each sentence or one for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ..errors import UserError
from ..machine import onto
from ..text.conditions import Condition, Contexts
from ..text.unknown import Unknowns

Given: TypeAlias = str | Sequence[str] | None


def encode(condition: Condition | None, given: Given, num: int, device: torch.device) -> Tensor | None:
    """The condition of each of `num` sentences, (num, ...); None for a network without a condition. A warning tells of
    unknown tokens in contexts.

    Raises:
        UserError: it is missing, too much, unknown, no text, or not one for each.
    """
    if condition is None:
        if given is not None:
            raise UserError("this run has no labels and no contexts: leave out `given`")
        return None
    if given is None:
        raise UserError("this run is conditional: give a label or a context for each sentence")
    if not isinstance(given, Iterable):
        raise UserError(f"given is {given!r}: give the text of a label or a context, or one for each sentence")
    each = [given] * num if isinstance(given, str) else list(given)
    for number, one in enumerate(each):
        if not isinstance(one, str):
            raise UserError(f"given: item {number} is {one!r}: give the text of a label or a context")
    if len(each) != num:
        raise UserError(f"{len(each)} labels or contexts are given for {num} sentences: give one for each")
    encoded = condition.encode(each)
    if isinstance(condition, Contexts):
        unknowns = Unknowns(condition.tokenizer, "your contexts")
        unknowns.add(each, encoded)
        unknowns.tell()
    return onto(encoded, device)
