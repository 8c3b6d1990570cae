"""What generator and critic make of a condition: a class label, or a sequence to answer.

An encoder turns the condition into features (B, P, F), unit vectors of which there is one for the whole sample (P = 1)
or one for each of its L positions (P = L). The generator takes them in at every block, the critic at its end; neither
knows what the condition is.
"""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import backbones
from .attention import attend
from .convolution import Conv1d


class Encoder(nn.Module, ABC):
    """A condition (B, ...) to features (B, P, F).

    Args:
        features: F.
    """

    def __init__(self, features: int):
        super().__init__()
        self.features = features

    @abstractmethod
    def forward(self, condition: Tensor) -> Tensor:
        """Unit vectors of what each sample is given."""


def encode(encoder: Encoder | None, condition: Tensor | None) -> Tensor | None:
    """The features of a condition, None of none.

    Raises:
        ValueError: a conditional network without a condition, or the reverse.
    """
    if (encoder is None) != (condition is None):
        have, given = ("conditional", "none is given") if encoder else ("not conditional", "a condition is given")
        raise ValueError(f"this network is {have}, and {given}")
    return encoder(condition) if encoder else None


class LabelEncoder(Encoder):
    """Labels (B,) int64 to features (B, 1, F), a learned unit vector for each class.

    Args:
        classes: number of labels.
        features: F.
    """

    def __init__(self, classes: int, features: int = 64):
        super().__init__(features)
        self.embedding = nn.Parameter(torch.randn(classes, features))

    def forward(self, condition: Tensor) -> Tensor:
        return F.embedding(condition, F.normalize(self.embedding, dim=1))[:, None]


class ContextEncoder(Encoder):
    """A context, ids (B, M) int64, to features (B, L, F), unit vectors: what each position of the answer reads of it.

    Convolutional blocks read the context; then every position of the answer looks at all of it by attention, with a
    query of its own that is learned (Vaswani et al. 2017), so that it can take a word from wherever it stands. Padding
    is not looked at.

    Args:
        vocabulary: V.
        pad: id of the padding.
        positions: M, of the context.
        length: L, of the answer.
        features: F, shared out over the heads.
        blocks, kernel: of the blocks that read the context.
        heads: places that one position can look at.
    """

    def __init__(
        self,
        vocabulary: int,
        pad: int,
        positions: int,
        length: int,
        features: int = 64,
        blocks: int = 1,
        kernel: int = 3,
        heads: int = 4,
    ):
        if features % heads:
            raise ValueError(f"{features} features cannot be shared out over {heads} heads: give a multiple of them")
        super().__init__(features)
        self.heads, self.pad = heads, pad
        self.embedding = nn.Parameter(torch.randn(vocabulary, features))
        self.positions = nn.Parameter(torch.randn(positions, features) * 0.1)
        self.blocks = backbones.build("convolutional", positions, features, blocks, kernel=kernel)
        self.keys = nn.Linear(features, 2 * features, bias=False)
        self.queries = nn.Parameter(torch.randn(heads, length, features // heads))
        self.output = nn.Linear(features, features, bias=False)  # which would make all contexts alike

    def forward(self, condition: Tensor) -> Tensor:
        state = self.blocks(F.embedding(condition, self.embedding) + self.positions)[-1]
        key, value = self.keys(state).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # A row that is all padding, which no sentence is, has all of it to look at.
        hidden = (condition == self.pad) & (condition != self.pad).any(dim=1, keepdim=True)
        bias = torch.zeros_like(state[..., 0]).masked_fill(hidden, -math.inf)[:, None, None]
        read = attend(self.queries, key, value, bias).transpose(1, 2).flatten(2)
        return F.normalize(self.output(read), dim=2)


class Modulation(nn.Module):
    """(1 + scale) * hidden + shift, both linear in the features of the condition: hidden (B, L, C) -> (B, L, C).

    The conditional batch norm of class-conditional generators without the norm (FiLM, Perez et al. 2018, equation 2),
    by position where the features are (Park et al. 2019, equation 1). It starts as the identity.

    Args:
        features: F.
        width: C.
    """

    def __init__(self, features: int, width: int):
        super().__init__()
        self.linear = nn.Linear(features, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden: Tensor, features: Tensor) -> Tensor:
        scale, shift = self.linear(features).chunk(2, dim=2)
        return (1 + scale) * hidden + shift


class Projection(nn.Module):
    """sum_t <f_t, P h_t> / sqrt(L) of features f (B, P, F) and hidden states h (B, L, C): scores (B,).

    With one f for all positions it is <f, P sum_t h_t>, the projection of Miyato and Koyama 2018 (equation 3), pooled
    over positions; 1 / sqrt(L) makes it start at the size of a linear score of all h. Since the features are of
    unit length, the slope in h is at most the norm of P / sqrt(L), whatever the condition: no label and no context can
    buy itself a steeper critic than another, and what bounds the weights bounds this score.

    Args:
        width: C.
        features: F.
    """

    def __init__(self, width: int, features: int):
        super().__init__()
        self.linear = Conv1d(width, features, 1)

    def forward(self, hidden: Tensor, features: Tensor) -> Tensor:
        return (self.linear(hidden) * features).sum(dim=(1, 2)) / math.sqrt(hidden.shape[1])
