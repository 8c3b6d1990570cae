"""How a player's losses get their gradients: by one forward and one backward pass.

`training.recording` has a subclass that records both on a GPU, and replays them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Losses = Callable[..., dict[str, Tensor]]
"""From a named tuple of tensors, and flags, to means by name; the last one is the loss to differentiate."""


class Gradients:
    """Computes losses, and the gradients of the last of them.

    Args:
        backward: function that differentiates a loss.
    """

    def __init__(self, backward: Callable[[Tensor], object] = Tensor.backward):
        self.backward = backward

    def __call__(self, losses: Losses, optimizer: torch.optim.Optimizer, batch: Any, *flags: bool) -> dict[str, Tensor]:
        """The losses by name, detached. Their gradients replace those of the optimiser's weights.

        Args:
            losses: the function that computes them.
            optimizer: the optimiser of the weights that learn.
            batch: a named tuple of tensors or None.
            flags: further arguments of the function.
        """
        parts = losses(batch, *flags)
        optimizer.zero_grad()
        self.backward(parts[next(reversed(parts))])
        return {name: value.detach() for name, value in parts.items()}
