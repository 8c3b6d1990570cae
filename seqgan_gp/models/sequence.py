"""What every model of sentences can do, whatever it is inside: draw some."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn


def within(ids: Tensor, end: int) -> Tensor:
    """Which tokens of ids (B, L) belong to a sentence: all up to and with its first end; bool (B, L)."""
    ends = ids == end
    return ends.cumsum(dim=1) - ends.long() == 0


def finish(ids: Tensor, end: int, pad: int) -> Tensor:
    """Ids (B, L) with padding after the first end, which is all that a sentence is."""
    return torch.where(within(ids, end), ids, pad)


class SequenceModel(nn.Module, ABC):
    """A distribution over sequences of L tokens."""

    vocabulary: int
    length: int

    @abstractmethod
    def draw(
        self,
        num: int,
        temperature: float,
        noise: np.random.Generator,
        tokens: np.random.Generator,
        condition: Tensor | None = None,
    ) -> Callable[[], Tensor]:
        """What computes ids (num, L) int64, on the model's device. All that is random is drawn at once, so that batches
        can be drawn one after another and computed side by side.

        Both streams are numpy's and are read row by row, so that rows do not depend on how they are cut into batches,
        nor on the device, but for rounding.

        Args:
            temperature: tokens come from softmax(logits / temperature); 0 takes the most probable.
            noise: where a latent comes from; a model without one leaves it alone.
            tokens: where the token at each position comes from.
            condition: of each row, for a conditional model.

        Raises:
            ValueError: a conditional model without a condition, or the reverse.
        """
