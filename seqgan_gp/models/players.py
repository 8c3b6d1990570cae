"""The players of the game on text: generators whose tokens the critic scores, and which learn from its gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .relaxations import HardTokens, Relaxation
from .reviser import RevisingGenerator


class RelaxedGenerator(nn.Module):
    """From noise (B, noise_size), and perhaps a condition (B, ...), to the tokens of a sample with a gradient.

    Where gradients are on, these are soft tokens (B, L, V), or `HardTokens`. Where they are off, these are soft tokens,
    or the ids (B, L) of one-hot tokens.

    Args:
        generator: from noise and condition to logits (B, L, V).
        relaxation: from logits to tokens.
    """

    def __init__(self, generator: nn.Module, relaxation: Relaxation):
        super().__init__()
        self.generator, self.relaxation = generator, relaxation

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor | HardTokens:
        relax = self.relaxation.parts if torch.is_grad_enabled() else self.relaxation.detached
        return relax(self.logits(noise, condition))

    def logits(self, noise: Tensor, condition: Tensor | None) -> Tensor:
        """Logits (B, L, V) of noise (B, noise_size), and a condition if there is one."""
        return self.generator(noise, condition)


class RelaxedReviser(RelaxedGenerator):
    """A `RelaxedGenerator` whose logits are those of one of the revisions. The noise of each sample chooses which."""

    generator: RevisingGenerator

    def logits(self, noise: Tensor, condition: Tensor | None) -> Tensor:
        return self.generator.any_pass(noise, condition)
