"""The numbers of the steps since the last look, and whether all of them are finite."""

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
    """What each step reported, on the device until it is asked for.

    On a CPU reading a number is free, so that every step can be looked at; elsewhere the host would wait for the device
    at every step, and with several processes all have to agree on what they see.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self.free_to_read = accelerator.device.type == "cpu" and accelerator.num_processes == 1
        self.rows: list[tuple[int, dict[str, Tensor]]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, step: int, parts: dict[str, Tensor]) -> Diverged | None:
        """Keep the numbers of a step; what is not finite among them, where reading is free."""
        self.rows.append((step, parts))
        return first_diverged([(step, {k: v.item() for k, v in parts.items()})]) if self.free_to_read else None

    def read(self) -> tuple[dict[str, float], Diverged | None]:
        """Means over the steps that have a number and over processes, and the first that is not finite."""
        flat = torch.stack([value.float() for _, parts in self.rows for value in parts.values()])
        values = iter(self.accelerator.reduce(flat, reduction="mean").tolist())
        rows = [(step, {key: next(values) for key in parts}) for step, parts in self.rows]
        keys = dict.fromkeys(key for _, parts in rows for key in parts)
        columns = {key: [parts[key] for _, parts in rows if key in parts] for key in keys}
        return {key: sum(column) / len(column) for key, column in columns.items()}, first_diverged(rows)

    def clear(self) -> None:
        self.rows.clear()


def first_diverged(rows: list[tuple[int, dict[str, float]]]) -> Diverged | None:
    """The first number of rows (step, numbers) that is not finite."""
    found = (Diverged(step, k, v) for step, parts in rows for k, v in parts.items() if not math.isfinite(v))
    return next(found, None)
