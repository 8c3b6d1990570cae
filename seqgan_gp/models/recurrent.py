"""Recurrent layers that can be differentiated twice, on every device."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


class Recurrence(nn.Module, ABC):
    """A recurrent layer from zero states, (B, L, C) -> (B, L, H), position by position.

    Plain matrix products: cuDNN's fused recurrent kernels have no second derivative, which a gradient penalty takes.
    The products with the inputs do not wait for one another and are one product for all positions.

    Args:
        channels: C, of the input.
        width: H, units.
    """

    gates: ClassVar[int]
    states: ClassVar[int]  # tensors (B, H) that one position hands to the next, the output first

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.width = width
        self.input = nn.Linear(channels, self.gates * width)
        self.state = nn.Linear(width, self.gates * width)

    def forward(self, x: Tensor, reverse: bool = False) -> Tensor:
        """Outputs (B, L, H) of x (B, L, C), read from the first position to the last or in reverse."""
        inputs = self.input(x).unbind(1)  # whose derivative is one stack; that of a slice at each step is as long as x
        state = (x.new_zeros(len(x), self.width),) * self.states
        outputs = []
        for one in reversed(inputs) if reverse else inputs:
            state = self.step(one, *state)
            outputs.append(state[0])
        return torch.stack(outputs[::-1] if reverse else outputs, dim=1)

    @abstractmethod
    def step(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The next states (B, H) from the last ones and one position's inputs (B, gates * H)."""


class GRU(Recurrence):
    """The gated recurrent unit of Cho et al. 2014, as torch's nn.GRU has it, and its order of the gates."""

    gates, states = 3, 1

    def step(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        (hidden,) = state
        (reset, update, new), (of_reset, of_update, of_new) = inputs.chunk(3, 1), self.state(hidden).chunk(3, 1)
        new = torch.tanh(new + torch.sigmoid(reset + of_reset) * of_new)
        return (new + torch.sigmoid(update + of_update) * (hidden - new),)


class LSTM(Recurrence):
    """The long short-term memory of Gers et al. 2000, as torch's nn.LSTM has it, and its order of the gates."""

    gates, states = 4, 2

    def step(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        hidden, memory = state
        write, keep, new, read = (inputs + self.state(hidden)).chunk(4, 1)
        memory = torch.sigmoid(keep) * memory + torch.sigmoid(write) * torch.tanh(new)
        return torch.sigmoid(read) * torch.tanh(memory), memory


CELLS: dict[str, type[Recurrence]] = {"gru": GRU, "lstm": LSTM}


class RecurrentBlock(nn.Module):
    """x + rnn(x), (B, L, C) -> (B, L, C).

    Args:
        width: C.
        cell: one of CELLS.
        reverse: read from the last position to the first.
    """

    def __init__(self, width: int, cell: str, reverse: bool):
        super().__init__()
        self.branch, self.reverse = CELLS[cell](width, width), reverse

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x, self.reverse)
