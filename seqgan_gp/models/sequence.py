"""The interface of every model of sentences: it draws some."""

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
    temperature: float = 1.0
    """The temperature that samples as the training did: 1, or 0 for the most probable token at each position."""

    @abstractmethod
    def draw(
        self,
        num: int,
        temperature: float,
        noise: np.random.Generator,
        tokens: np.random.Generator,
        condition: Tensor | None = None,
    ) -> Callable[[], Tensor]:
        """A function that computes ids (num, L) int64 on the model's device. This call draws all random numbers, so
        batches can be drawn one after another and computed side by side.

        Both streams are numpy's and are read row by row. So rows do not depend on the batches that they are drawn in,
        and on the device only by rounding.

        Args:
            temperature: tokens come from softmax(logits / temperature); 0 takes the most probable.
            noise: the stream of latent noise; a model without a latent leaves it alone.
            tokens: the stream that tokens are drawn with.
            condition: of each row, for a conditional model.

        Raises:
            ValueError: a conditional model without a condition, or the reverse.
        """
