"""The critic: from a sequence of tokens to one score."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import backbones
from .conditions import Encoder, Projection, encode
from .convolution import Conv1d
from .layers import relu
from .relaxations import HardTokens


class WindowScore(nn.Module):
    """The mean score of all windows of n adjacent positions, (B, L, E) -> (B,): a critic of n-grams.

    The same two layers score every window, like the patches of Isola et al. 2017 (section 3.2.2). So a wrong n-gram
    lowers the score wherever it stands and whatever else is in the sequence.

    Args:
        channels: E, channels of one position.
        windows: n.
        width: units of the hidden layer.
    """

    def __init__(self, channels: int, windows: int, width: int):
        super().__init__()
        self.windows = windows
        self.hidden = nn.Linear(windows * channels, width)
        self.output = nn.Linear(width, 1, bias=False)  # the critic's score already has a bias

    def units(self, embedded: Tensor) -> Tensor:
        """The hidden units of each window, (B, L - n + 1, width), the first window first."""
        return relu(self.hidden(embedded.unfold(1, self.windows, 1).flatten(2)))

    def forward(self, embedded: Tensor) -> Tensor:
        return self.output(self.units(embedded)).flatten(1).mean(dim=1)


class Lookup(torch.autograd.Function):
    """Rows of a matrix (V, E) by ids (B, L). The gradients with respect to soft tokens (B, L, V) and to the matrix are
    those of one-hot tokens times the matrix.

    Limitation: the gradient with respect to the matrix is not differentiable with respect to `soft`.
    """

    @staticmethod
    def forward(ctx: Any, soft: Tensor, ids: Tensor, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(ids, matrix)
        return F.embedding(ids, matrix)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        (gradient,), (ids, matrix) = gradients, ctx.saved_tensors
        to_soft = gradient @ matrix.t() if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[2]:
            return to_soft, None, None
        return to_soft, None, torch.zeros_like(matrix).index_add(0, ids.flatten(), gradient.flatten(0, 1))


class CriticNetwork(nn.Module):
    """An embedding, a backbone, and one linear score of all positions (Gulrajani et al. 2017, section 5.3).

    The score of local windows may be added. A conditional critic adds the projection on the condition.

    The rows of the embedding matrix are normalised to unit length. Otherwise the critic could increase the distance
    between real and generated sequences by growing them. A penalty in embedding space pulls the slope of `score` to 1
    with respect to the Euclidean norm over all L * E numbers, where two different tokens are at most 2 apart. A penalty
    in one-hot space does so for the whole critic over L * V numbers, where they are sqrt(2) apart.

    Args:
        vocabulary: V.
        length: L, positions.
        embedding: E, dimensions of a token's embedding.
        embedding_std: standard deviation of the raw embeddings at the start. The smaller it is, the faster an optimiser
            rotates the unit vectors.
        backbone: one of BACKBONES.
        width: C, channels of every hidden layer.
        blocks: number of residual blocks.
        windows: positions of a window, see WindowScore; 0 for none.
        encoder: encoder of the condition; None for an unconditional critic.
        options: options of the backbone; DEFAULTS, then the backbone's defaults, replace those left out or None.

    Raises:
        ValueError: windows are longer than a sequence.
    """

    # With two blocks of kernel 3, a unit sees 17 positions. With neighbours alone it sees 9, and then the critic hardly
    # minds whether words that are further apart fit together (docs/experiments.md).
    DEFAULTS: ClassVar[dict[str, Any]] = {"dilation": 3}

    def __init__(
        self,
        vocabulary: int,
        length: int,
        embedding: int = 32,
        embedding_std: float = 0.2,
        backbone: str = "convolutional",
        width: int = 64,
        blocks: int = 2,
        windows: int = 0,
        encoder: Encoder | None = None,
        **options: Any,
    ):
        super().__init__()
        if min(vocabulary, length) < 1:
            raise ValueError(f"a vocabulary and a length of at least 1 are needed, not {vocabulary} and {length}")
        if windows > length:
            raise ValueError(f"windows of {windows} positions are longer than a sequence of {length}")
        self.vocabulary, self.length = vocabulary, length
        self.embedding = nn.Parameter(torch.randn(vocabulary, embedding) * embedding_std)
        self.input_projection = Conv1d(embedding, width, 1)
        given = {name: value for name, value in options.items() if value is not None}
        options = backbones.only_known(backbone, self.DEFAULTS) | given
        self.blocks = backbones.build(backbone, length, width, blocks, **options)
        self.output = nn.Linear(length * width, 1)
        self.window_score = WindowScore(embedding, windows, width) if windows else None
        self.encoder = encoder
        self.projection = Projection(width, encoder.features) if encoder else None

    def embed(self, tokens: Tensor | HardTokens) -> Tensor:
        """Embeddings (B, L, E) of ids (B, L) int64, or of one-hot or soft tokens (B, L, V) float.

        Raises:
            ValueError: the shape or the type is another one.
        """
        if isinstance(tokens, HardTokens):
            return Lookup.apply(tokens.soft, tokens.ids, F.normalize(self.embedding, dim=1))
        if tokens.dim() == 2 and not tokens.is_floating_point() and tokens.shape[1] == self.length:
            return F.normalize(F.embedding(tokens, self.embedding), dim=-1)  # normalises only the rows in use
        if tokens.dim() == 3 and tokens.is_floating_point() and tokens.shape[1:] == (self.length, self.vocabulary):
            return tokens @ F.normalize(self.embedding, dim=1)
        kind = f"{str(tokens.dtype).removeprefix('torch.')} of shape {tuple(tokens.shape)}"
        raise ValueError(
            f"the critic takes ids (B, {self.length}) of an integer type or floating tokens "
            f"(B, {self.length}, {self.vocabulary}), not {kind}"
        )

    def hidden_states(self, embedded: Tensor) -> list[Tensor]:
        """Hidden states (B, L, C): the input of the first block, then the output of every block."""
        return self.blocks(self.input_projection(embedded))

    def score(self, embedded: Tensor, condition: Tensor | None = None) -> Tensor:
        """Scores (B,) of embedded sequences (B, L, E), given their conditions (B, ...). Higher is more like real ones.

        Raises:
            ValueError: a conditional critic gets no condition, or an unconditional one gets one.
        """
        hidden = self.blocks.readout(self.hidden_states(embedded)[-1])
        score = self.output(hidden.flatten(1)).squeeze(1)
        if self.window_score is not None:
            score = score + self.window_score(embedded)
        features = encode(self.encoder, condition)
        return score if self.projection is None or features is None else score + self.projection(hidden, features)

    def forward(self, tokens: Tensor | HardTokens, condition: Tensor | None = None) -> Tensor:
        return self.score(self.embed(tokens), condition)

    def features(self, tokens: Tensor, layer: int = -1) -> Tensor:
        """Hidden states (B, L, C) of a layer: 0 is the input of the first block, i the output of block i, -1 the last.

        Raises:
            IndexError: there is no such layer.
        """
        states = self.hidden_states(self.embed(tokens))
        if not -len(states) <= layer < len(states):
            raise IndexError(f"layer {layer}: this critic has layers 0 to {len(states) - 1}")
        return states[layer]
