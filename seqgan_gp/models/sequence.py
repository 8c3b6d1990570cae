"""The interface of every model of sentences."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn


def within(ids: Tensor, end: int) -> Tensor:
    """True for tokens of ids (B, L) up to and including the first end token; bool (B, L)."""
    ends = ids == end
    return ends.cumsum(dim=1) - ends.long() == 0


def finish(ids: Tensor, end: int, pad: int) -> Tensor:
    """Ids (B, L) with padding in place of all tokens after the first end token."""
    return torch.where(within(ids, end), ids, pad)


class SequenceModel(nn.Module, ABC):
    """A distribution over sequences of L tokens."""

    vocabulary: int
    length: int
    temperature: float = 1.0
    """The temperature at which the model was trained: 1, or 0 for the most probable token at each position."""

    @abstractmethod
    def draw(
        self,
        num: int,
        temperature: float,
        noise: np.random.Generator,
        tokens: np.random.Generator,
        condition: Tensor | None = None,
    ) -> Callable[..., Tensor]:
        """Return a function that computes ids (num, L) int64 on the model's device. Called with row numbers (n,) int64,
        it computes the ids (n, L) of those rows alone.

        This call draws all random numbers, so that batches can be drawn in order and computed in parallel. Both streams
        are numpy's and are read row by row. So rows do not depend on their batches, and depend on the device only by
        rounding.

        Args:
            temperature: tokens come from softmax(logits / temperature); 0 takes the most probable.
            noise: the stream of latent noise; a model without latent noise does not read it.
            tokens: the stream for sampling tokens.
            condition: the condition of each row, (num, ...), for a conditional model.

        Raises:
            ValueError: a conditional model gets no condition, or an unconditional one gets one.
        """
