"""The residual blocks between the first and the last layer of the generator and of the critic."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from ..fields import OneOf, PositiveInt
from .attention import AttentionBlock
from .layers import NO_BATCH_NORM, NORMS, ResidualBlock, relu
from .recurrent import CELLS, RecurrentBlock


@dataclass(frozen=True)
class Options:
    """The options of a backbone, which become keys of `generator` and `critic`. A subclass adds fields."""

    def check(self, width: int) -> None:
        """Raise a ValueError if options do not fit together or do not fit the width. Its message begins with a key."""


def unchanged(block: int, state: Tensor) -> Tensor:
    """The identity on the state (B, L, C) in front of a block, for unconditional networks."""
    return state


class Backbone(nn.ModuleList):
    """Residual blocks, (B, L, C) -> hidden states (B, L, C): the input of the first block, then the output of each.

    To add a backbone, write a subclass, name its `Options`, and register it: BACKBONES["mine"] = Mine. It must allow a
    second derivative, since the gradient penalty differentiates it twice, and must not mix samples.

    Its constructor takes `length` (L, positions), `width` (C, channels of every hidden layer), `blocks` (their number)
    and `options`, an instance of its `Options`.
    """

    Options: ClassVar[type[Options]] = Options

    def forward(self, x: Tensor, change: Callable[[int, Tensor], Tensor] = unchanged) -> list[Tensor]:
        """The hidden states of x. `change` maps the number of a block and the state in front of it to its input."""
        states = [x]
        for number, block in enumerate(self):
            states.append(block(change(number, states[-1])))
        return states

    def readout(self, state: Tensor) -> Tensor:
        """The input of the output layer, (B, L, C), from the last hidden state."""
        return state


def hidden_matrices(network: nn.Module) -> list[nn.Parameter]:
    """The weight matrices of the residual blocks of a network: neither embeddings nor what reads noise or writes logits
    and scores.
    """
    blocks = [module for module in network.modules() if isinstance(module, Backbone)]
    layers = [layer for block in blocks for layer in block.modules() if isinstance(layer, nn.Linear)]
    return [weight for layer in layers for weight in layer.parameters() if weight.dim() == 2]


@dataclass(frozen=True)
class ConvolutionalOptions(Options):
    """Options of the convolutional backbone.

    Args:
        kernel: Positions that one convolution sees (odd).
        dilation: Distance of these positions from one another in the second block, its square in the third, and so on,
            up to a quarter of the sequence. They are neighbours in the first block; with 1, in all. null is 3 in the
            critic, or 1 for pieces of words.
        norm: Norm in front of the activations: none, layer (over the channels of a position) or instance (over the
            positions of a channel). Norms never mix samples, so there is no batch norm.
    """

    kernel: PositiveInt = 3
    dilation: PositiveInt | None = 1
    norm: Annotated[str, OneOf(NORMS, NO_BATCH_NORM)] = "none"

    def check(self, width: int) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel is {self.kernel}: it must be odd, to see as far left as right")


class Convolutional(Backbone):
    """The 1D-convolutional ResNet of Gulrajani et al. 2017 (section 5.3): a block sees 2 (kernel - 1) neighbours.

    With a dilation d, the neighbours of block i are d^i positions apart (Yu and Koltun 2016), i from 0. So two blocks
    of kernel 3 see 4 positions to each side, and 8 with a dilation of 3, for as many products. Neighbours are at most
    L / 4 apart: further ones would mostly lie beyond the ends.
    """

    Options = ConvolutionalOptions

    def __init__(self, length: int, width: int, blocks: int, options: ConvolutionalOptions):
        kernel, norm, dilation = options.kernel, options.norm, options.dilation or 1
        apart = [min(dilation**i, max(1, length // 4)) for i in range(blocks)]
        super().__init__(ResidualBlock(width, kernel, norm, distance) for distance in apart)

    def readout(self, state: Tensor) -> Tensor:
        return relu(state)


@dataclass(frozen=True)
class RecurrentOptions(Options):
    """Options of the recurrent backbone.

    Args:
        cell: Recurrent cell: gru or lstm.
    """

    cell: Annotated[str, OneOf(CELLS)] = "gru"


class Recurrent(Backbone):
    """Recurrent layers that read alternately from the left and from the right: after two, every position sees all."""

    Options = RecurrentOptions

    def __init__(self, length: int, width: int, blocks: int, options: RecurrentOptions):
        super().__init__(RecurrentBlock(width, options.cell, reverse=i % 2 == 1) for i in range(blocks))


@dataclass(frozen=True)
class AttentionOptions(Options):
    """Options of the attention backbone.

    Args:
        heads: Number of attention heads. They share the width.
    """

    heads: PositiveInt = 4

    def check(self, width: int) -> None:
        if width % self.heads:
            raise ValueError(
                f"width is {width} and heads {self.heads}: the heads share the width, so it must be a multiple of them"
            )


class Attention(Backbone):
    """Pre-norm self-attention. Learned position embeddings are added to the first hidden state.

    There is no norm at the end: the critic's path along the residuals then stays linear.
    """

    Options = AttentionOptions

    def __init__(self, length: int, width: int, blocks: int, options: AttentionOptions):
        super().__init__(AttentionBlock(width, options.heads) for _ in range(blocks))
        self.positions = nn.Parameter(torch.randn(length, width) * 0.1)  # about the size of the state

    def forward(self, x: Tensor, change: Callable[[int, Tensor], Tensor] = unchanged) -> list[Tensor]:
        return super().forward(x + self.positions, change)


BACKBONES: dict[str, type[Backbone]] = {
    "convolutional": Convolutional,
    "recurrent": Recurrent,
    "attention": Attention,
}


def options_of(backbone: str) -> type[Options]:
    """The dataclass of a backbone's options, by the name of the backbone."""
    return BACKBONES[backbone].Options


def build(backbone: str, length: int, width: int, blocks: int, **options: Any) -> Backbone:
    """Build a backbone by name. Options that are left out have their defaults.

    Raises:
        TypeError: the backbone has no such option.
        ValueError: options do not fit together.
    """
    made = options_of(backbone)(**options)
    made.check(width)
    kind: Any = BACKBONES[backbone]
    return kind(length, width, blocks, made)


def only_known(backbone: str, options: dict[str, Any]) -> dict[str, Any]:
    """The subset of `options` that a backbone has."""
    return {f.name: options[f.name] for f in fields(options_of(backbone)) if f.name in options}
