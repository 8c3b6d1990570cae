"""What the generator and the critic are made of between their first and their last layer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .attention import AttentionBlock
from .layers import ResidualBlock, relu
from .recurrent import RecurrentBlock


@dataclass(frozen=True)
class Shape:
    """What a backbone is built from; each kind reads what concerns it.

    Args:
        length: L, positions.
        width: C, channels of every hidden layer.
        blocks: number of residual blocks.
        kernel: positions that one convolution sees (odd).
        norm: what normalises before the activations of the convolutional blocks: none, layer or instance.
        heads: heads of the attention, which share the channels out.
        cell: the recurrent cell: gru or lstm.
    """

    length: int
    width: int
    blocks: int
    kernel: int
    norm: str
    heads: int
    cell: str


def unchanged(block: int, state: Tensor) -> Tensor:
    """What enters a block of an unconditional network: the state before it, as it is."""
    return state


class Backbone(nn.ModuleList):
    """Residual blocks, (B, L, C) -> hidden states (B, L, C): what enters the first block, then the output of each.

    `change` of the number of a block and of a state (B, L, C) is what a condition does to it before it enters.
    """

    def __init__(self, blocks: Iterable[nn.Module]):
        super().__init__(blocks)

    def forward(self, x: Tensor, change: Callable[[int, Tensor], Tensor] = unchanged) -> list[Tensor]:
        states = [x]
        for number, block in enumerate(self):
            states.append(block(change(number, states[-1])))
        return states

    def readout(self, state: Tensor) -> Tensor:
        """What the output layer reads of the last hidden state, (B, L, C) -> (B, L, C)."""
        return state


class Convolutional(Backbone):
    """The 1D-convolutional ResNet of Gulrajani et al. 2017 (section 5.3): a block sees 2 (kernel - 1) neighbours."""

    def __init__(self, shape: Shape):
        super().__init__(ResidualBlock(shape.width, shape.kernel, shape.norm) for _ in range(shape.blocks))

    def readout(self, state: Tensor) -> Tensor:
        return relu(state)


class Recurrent(Backbone):
    """Recurrent layers that read in turn from the left and from the right: from two on, every position sees all."""

    def __init__(self, shape: Shape):
        super().__init__(RecurrentBlock(shape.width, shape.cell, reverse=i % 2 == 1) for i in range(shape.blocks))


class Attention(Backbone):
    """Pre-norm self-attention over learned position embeddings, which belong to the first hidden state.

    No norm stands at the end: it would bend the critic's path along the residuals, whose slope is the same everywhere.
    """

    def __init__(self, shape: Shape):
        super().__init__(AttentionBlock(shape.width, shape.heads) for _ in range(shape.blocks))
        self.positions = nn.Parameter(torch.randn(shape.length, shape.width) * 0.1)  # about the size of what they meet

    def forward(self, x: Tensor, change: Callable[[int, Tensor], Tensor] = unchanged) -> list[Tensor]:
        return super().forward(x + self.positions, change)


BACKBONES = {"convolutional": Convolutional, "recurrent": Recurrent, "attention": Attention}
