"""Sees which rectified units of a network are on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

OUTPUT = "output"  # a rectifier behind the blocks


class Rectified(TorchDispatchMode):
    """Sees which units of each rectifier are on, and its layer, whichever module or function the rectifier is.

    It sees what runs within a `with` block, and only where gradients are off.

    Attributes:
        found: the layer of each rectifier, in the order of their calls, and where its output is over zero: bool, in the
            shape of the output.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layer = OUTPUT
        self.found: list[tuple[str, Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.relu, torch.ops.aten.relu_):
            self.found.append((self.layer, output > 0))
        return output

    @contextlib.contextmanager
    def naming(self, layers: Mapping[str, nn.Module]) -> Iterator[None]:
        """Know the layer of each rectifier within a `with` block."""

        def enter(name: str) -> Any:
            return lambda *_: setattr(self, "layer", name)

        with contextlib.ExitStack() as stack:
            for name, module in layers.items():
                stack.enter_context(module.register_forward_pre_hook(enter(name)))
                stack.enter_context(module.register_forward_hook(enter(OUTPUT)))
            yield

    @property
    def dead(self) -> float | None:
        """The fraction of the units that were off on all samples and at all places; None without a rectifier.

        A unit is a channel, the second dimension of images (B, C, H, W) and the last one of all else.
        """
        last = [on.transpose(1, -1) if on.dim() == 4 else on for _, on in self.found]
        off = [~on.flatten(0, -2).any(0) for on in last]
        return torch.cat(off).double().mean().item() if off else None
