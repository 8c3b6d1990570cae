"""The random states of a process as plain values: of Gumbel noise, dropout, and anything that a user's part draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def state(device: torch.device) -> dict[str, Any]:
    """The random states of this process: Python's, numpy's, torch's and that of its device."""
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)
    words = numpy_state["state"]
    found = {
        "python": random.getstate(),
        "numpy": numpy_state | {"state": words | {"key": words["key"].tolist()}},
        "torch": _hex(torch.get_rng_state()),
    }
    if device.type != "cpu":
        found |= {"device": _hex(torch.get_device_module(device).get_rng_state()), "type": device.type}
    return found


def restore(device: torch.device, states: Sequence[dict[str, Any]], seed: tuple[int, int, int]) -> None:
    """Go on with the state of this process, or from a seed if there was no such process.

    Args:
        states: those of all processes that there were.
        seed: the seed of the run, its step, and the number of this process.
    """
    *_, index = seed
    if index >= len(states):
        first = int(np.random.SeedSequence(seed).generate_state(1)[0])
        random.seed(first)
        np.random.seed(first)
        torch.manual_seed(first)
        return
    saved = states[index]
    version, numbers, gauss = saved["python"]
    random.setstate((version, tuple(numbers), gauss))
    words = saved["numpy"]["state"]
    np.random.set_state(saved["numpy"] | {"state": words | {"key": np.array(words["key"], dtype=np.uint32)}})
    torch.set_rng_state(_from_hex(saved["torch"]))
    if device.type != "cpu" and saved.get("type") == device.type:
        torch.get_device_module(device).set_rng_state(_from_hex(saved["device"]))


def _hex(state: Tensor) -> str:
    return bytes(state.cpu().numpy()).hex()


def _from_hex(text: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)
