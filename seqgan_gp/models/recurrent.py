"""Recurrent layers that can be differentiated twice, on every device."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


class Recurrence(nn.Module, ABC):
    """A recurrent layer, (B, L, C) -> (B, L, H). Its states start at zero.

    It uses plain matrix products, since cuDNN's fused recurrent kernels have no second derivative, which the gradient
    penalty needs. One matrix product multiplies the inputs of all positions.

    Args:
        channels: C, channels of the input.
        width: H, units.
    """

    gates: ClassVar[int]
    states: ClassVar[int]  # number of states (B, H) between positions; the first is the output

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.width = width
        self.input = nn.Linear(channels, self.gates * width)
        self.state = nn.Linear(width, self.gates * width)

    def forward(self, x: Tensor, reverse: bool = False) -> Tensor:
        """Outputs (B, L, H) of x (B, L, C), read from the first position to the last or in reverse."""
        inputs = self.input(x).unbind(1)  # its derivative is one stack; a slice at each step would fill a whole tensor
        state = (x.new_zeros(len(x), self.width),) * self.states
        outputs = []
        for one in reversed(inputs) if reverse else inputs:
            state = self.step(one, *state)
            outputs.append(state[0])
        return torch.stack(outputs[::-1] if reverse else outputs, dim=1)

    @abstractmethod
    def step(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The next states (B, H) from one position's inputs (B, gates * H) and the last states (B, H)."""


class GRU(Recurrence):
    """The gated recurrent unit of Cho et al. 2014, in the variant and the order of gates of torch's nn.GRU."""

    gates, states = 3, 1

    def step(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        (hidden,) = state
        (reset, update, new), (of_reset, of_update, of_new) = inputs.chunk(3, 1), self.state(hidden).chunk(3, 1)
        new = torch.tanh(new + torch.sigmoid(reset + of_reset) * of_new)
        return (new + torch.sigmoid(update + of_update) * (hidden - new),)


class LSTM(Recurrence):
    """The long short-term memory of Gers et al. 2000, in the variant and the order of gates of torch's nn.LSTM."""

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
