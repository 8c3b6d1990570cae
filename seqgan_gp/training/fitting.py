"""Refuses a run that surely does not fit into memory, and names the key to lower."""

from __future__ import annotations

import math
import os
from typing import Any

import torch

from .. import config as configs
from ..config.schema import changed
from ..memory import check, there_is
from .base import BaseTrainer
from .task import Task

# The sections and keys of sizes. Other whole numbers, such as seeds and steps, take no memory.
SIZES = ("generator", "critic", "language_model", "condition", "tokenizer", "images")
ALSO = ("train.batch_size", "evaluation.samples", "relaxation.substitutions", "revision.substitutions")


def check_fits(method: type[BaseTrainer], task: Task[Any], device: torch.device, processes: int) -> None:
    """Raise a UserError if training surely needs more memory than there is.

    The processes of a host share its memory, and each has a device of its own if it is no CPU.
    """
    sharers = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if device.type == "cpu" else 1
    needed = _needs(method, task, processes)
    if needed > there_is(device) / sharers:
        key, value = _largest(method, task, processes)
        check(needed, "this run", f"lower {key}, which is {value:,}", device, sharers)


def _needs(method: type[BaseTrainer], task: Task[Any], processes: int) -> float:
    try:
        return method.needs(task, processes)
    except OverflowError:  # of a float
        return math.inf


def _largest(method: type[BaseTrainer], task: Task[Any], processes: int) -> tuple[str, int]:
    """The key that saves most memory at its default, or at half its value if that is less, and its value."""
    defaults, found = configs.flat(type(task.config)()) | task.config.LARGEST, []
    for key, value in configs.flat(task.config).items():
        section, _, name = key.rpartition(".")
        if not (section in SIZES or key in ALSO) or type(value) is not int or value < 2:
            continue
        default = defaults.get(key)
        lower = min(default, value // 2) if type(default) is int else value // 2
        try:
            other = task.resized(changed(task.config, {section: {name: lower}}))
            found.append((_needs(method, other, processes), -value, key))
        except Exception:  # a value that does not fit to others, such as a width to its heads
            continue
    _, value, key = min(found)
    return key, -value
