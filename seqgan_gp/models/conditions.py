"""Networks that read a condition: a class label, or a sequence to answer.

An encoder turns the condition into features (B, P, F). They are unit vectors: one for the whole sample (P = 1) or one
for each of its L positions (P = L). The generator reads them at every block, the critic at its end. Neither knows the
kind of condition.
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
    """From a condition (B, ...) to features (B, P, F).

    Args:
        features: F.
    """

    def __init__(self, features: int):
        super().__init__()
        self.features = features

    @abstractmethod
    def forward(self, condition: Tensor) -> Tensor:
        """The features of each sample's condition: unit vectors (B, P, F)."""


def encode(encoder: Encoder | None, condition: Tensor | None) -> Tensor | None:
    """The features of a condition; None without one.

    Raises:
        ValueError: a conditional network gets no condition, or an unconditional one gets one.
    """
    if (encoder is None) != (condition is None):
        have, given = ("conditional", "none is given") if encoder else ("not conditional", "a condition is given")
        raise ValueError(f"this network is {have}, and {given}")
    return encoder(condition) if encoder else None


class LabelEncoder(Encoder):
    """From labels (B,) int64 to features (B, 1, F): a learned unit vector for each class.

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
    """From a context, ids (B, M) int64, to features (B, L, F): a unit vector for each position of the answer.

    Convolutional blocks read the context. Then every position of the answer attends to all of it with its own learned
    query (Vaswani et al. 2017), so it can copy a word from any place. Attention leaves out padding.

    Args:
        vocabulary: V.
        pad: id of the padding.
        positions: M, positions of the context.
        length: L, positions of the answer.
        features: F. The heads share them.
        blocks, kernel: options of the blocks that read the context.
        heads: places that one position can look at.

    Raises:
        ValueError: the features are no multiple of the number of heads.
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
        self.output = nn.Linear(features, features, bias=False)  # a bias would make all contexts alike

    def forward(self, condition: Tensor) -> Tensor:
        state = self.blocks(F.embedding(condition, self.embedding) + self.positions)[-1]
        key, value = self.keys(state).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # A row of nothing but padding attends to all of it: a softmax needs at least one key.
        hidden = (condition == self.pad) & (condition != self.pad).any(dim=1, keepdim=True)
        bias = torch.zeros_like(state[..., 0]).masked_fill(hidden, -math.inf)[:, None, None]
        read = attend(self.queries, key, value, bias).transpose(1, 2).flatten(2)
        return F.normalize(self.output(read), dim=2)


class Modulation(nn.Module):
    """(1 + scale) * hidden + shift, hidden (B, L, C) -> (B, L, C). Both are linear in the features of the condition.

    This is conditional batch norm without the norm (FiLM, Perez et al. 2018, equation 2). It works position by position
    where the features do (Park et al. 2019, equation 1). It starts as the identity.

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
    over positions. 1 / sqrt(L) makes it start at the size of a linear score of all h. Since the features are of unit
    length, the slope in h is at most the norm of P / sqrt(L), whatever the condition. So no label and no context gets a
    steeper critic than another, and a bound on the weights bounds this score.

    Args:
        width: C.
        features: F.
    """

    def __init__(self, width: int, features: int):
        super().__init__()
        self.linear = Conv1d(width, features, 1)

    def forward(self, hidden: Tensor, features: Tensor) -> Tensor:
        return (self.linear(hidden) * features).sum(dim=(1, 2)) / math.sqrt(hidden.shape[1])
