"""Collects the numbers of training steps between two log lines, and finds those that are not finite."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor


class Diverged(NamedTuple):
    """The first number that was not finite."""

    step: int
    key: str
    value: float


class Window:
    """The numbers of the latest steps. They stay on the device until `read`.

    On a CPU reading a number is free, so every step can be checked. On other devices the host would have to wait at
    every step. Several processes have to agree on the result, so they check in `read` only.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self.free_to_read = accelerator.device.type == "cpu" and accelerator.num_processes == 1
        self.rows: list[tuple[int, dict[str, Tensor]]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, step: int, parts: dict[str, Tensor]) -> Diverged | None:
        """Keep the numbers of a step. If reading is free, return the first that is not finite."""
        self.rows.append((step, parts))
        return first_diverged([(step, {k: v.item() for k, v in parts.items()})]) if self.free_to_read else None

    def read(self) -> tuple[dict[str, float], Diverged | None]:
        """The mean of each number over processes and the steps that have it, and the first that is not finite."""
        flat = torch.stack([value.float() for _, parts in self.rows for value in parts.values()])
        values = iter(self.accelerator.reduce(flat, reduction="mean").tolist())
        rows = [(step, {key: next(values) for key in parts}) for step, parts in self.rows]
        keys = dict.fromkeys(key for _, parts in rows for key in parts)
        columns = {key: [parts[key] for _, parts in rows if key in parts] for key in keys}
        return {key: sum(column) / len(column) for key, column in columns.items()}, first_diverged(rows)

    def clear(self) -> None:
        self.rows.clear()


def first_diverged(rows: list[tuple[int, dict[str, float]]]) -> Diverged | None:
    """The first number that is not finite in rows (step, numbers)."""
    found = (Diverged(step, k, v) for step, parts in rows for k, v in parts.items() if not math.isfinite(v))
    return next(found, None)
