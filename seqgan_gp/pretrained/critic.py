"""Trained critics with their tokenizer: scores, gradients and hidden states of sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from ..arrays import Array, show
from ..artefacts import locate
from ..errors import UserError
from ..models.critic import CriticNetwork
from ..networks import load_network
from ..text.conditions import Condition
from ..text.tokenizer import Tokenizer
from . import inputs
from .given import Given, encode
from .reader import WINDOWS, Reader, Sequences


class Critic(Reader):
    """A trained critic with its tokenizer.

    Sequences are sentences, ids (N, L) int64, or one-hot or soft tokens (N, L, V) float. Ids and tokens may be arrays
    of numpy and nested lists, too. Gradients flow to soft tokens and embeddings, so you can probe the critic with them.
    A conditional critic takes `given`: a label or a context for each sequence, or one for all. The modes of the
    network, and which of its weights want gradients, are as you set them.

    Args:
        network: the network, from tokens to scores.
        tokenizer: the tokenizer, from sentences to ids.
        condition: the kind of condition of a conditional network; None for others.
    """

    network: CriticNetwork

    def __init__(self, network: CriticNetwork, tokenizer: Tokenizer, condition: Condition | None = None):
        self.network, self.tokenizer, self.condition = network, tokenizer, condition

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> Critic:
        """Load a critic from a run folder (its last checkpoint), a checkpoint, or a hub id. No weight wants a gradient.

        Raises:
            UserError: there is no checkpoint, it is incomplete, its files do not belong together, or it needs a module
                that has not been imported.
        """
        network, tokenizer, condition, _ = load_network(locate(source), "critic", CriticNetwork, "critic")
        return cls(network.requires_grad_(False).to(device), tokenizer, condition)

    def to(self, device: str | torch.device) -> Critic:
        """Move the network to a device, and return this critic."""
        self.network.to(device)
        return self

    def eval(self) -> Critic:
        """Put the network into evaluation mode, in which it is loaded, and return this critic."""
        self.network.eval()
        return self

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights of the network."""
        return self.network.parameters()

    def __call__(
        self, sequences: Sequences, given: Given = None, batch_size: int = 256, progress: bool = False
    ) -> Tensor:
        """Scores (N,): higher is more like real sentences. Only differences between scores mean anything; for a
        conditional critic, only those between sequences with the same condition.

        Args:
            given: the label or the context of each sequence, or one for all.
            batch_size: sequences to compute at once.
            progress: show a bar on stderr, if it takes some seconds.

        Raises:
            UserError: a condition is missing, unknown, or given to a critic without one; or as `tokens`.
        """
        batches = self._batches(sequences, given, batch_size, progress)
        return torch.cat([self.network(tokens, condition) for tokens, condition, _ in batches])

    def embed(self, sequences: Sequences, grad: bool = False) -> Tensor:
        """Embeddings (N, L, E).

        Args:
            grad: make them a leaf that wants a gradient, for the slope of `score`. Else a gradient flows to soft
                tokens, and embeddings of sentences have none.

        Raises:
            UserError: as `tokens`.
        """
        embedded = self.network.embed(self.tokens(sequences))
        return embedded.detach().requires_grad_() if grad else embedded

    def score(self, embedded: Tensor, given: Given = None) -> Tensor:
        """Scores (B,) of embeddings (B, L, E), all at once.

        Raises:
            UserError: their shape is another one.
        """
        matrix = self.network.embedding
        shape = (self.network.length, matrix.shape[1])
        if not isinstance(embedded, Tensor) or embedded.shape[1:] != shape or not embedded.is_floating_point():
            raise UserError(f"{show(embedded)}: embeddings (B, {shape[0]}, {shape[1]}) are needed, as embed gives them")
        embedded = embedded.to(matrix.dtype).to(matrix.device)
        return self.network.score(embedded, encode(self.condition, given, len(embedded), embedded.device))

    @property
    def layers(self) -> list[str]:
        """The names of the layers: "embedding", "input" of the first block, the outputs "block 1" to "block n", and
        "windows" if the critic has the score of windows.
        """
        return ["embedding", *self.numbered, *([WINDOWS] if self.network.window_score else [])]

    @property
    def numbered(self) -> list[str]:
        """The layers that `features` knows by number, too."""
        return ["input", *(f"block {i}" for i in range(1, 1 + len(self.network.blocks)))]

    def _checked(self, sequences: Array) -> Tensor:
        network, matrix = self.network, self.network.embedding
        return inputs.tokens(sequences, network.vocabulary, network.length, matrix.dtype, matrix.device)

    def _states(self, tokens: Tensor) -> dict[str, Tensor]:
        embedded = self.network.embed(tokens)
        hidden = zip(self.numbered, self.network.hidden_states(embedded), strict=True)
        windows = self.network.window_score
        return {"embedding": embedded, **dict(hidden), **({WINDOWS: windows.units(embedded)} if windows else {})}
