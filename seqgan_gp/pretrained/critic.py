"""Trained critics with their tokenizer: scores, gradients and hidden states of sentences."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, show
from ..artefacts import locate
from ..errors import UserError
from ..models.critic import CriticNetwork
from ..networks import load_network
from ..text.conditions import Condition
from ..text.tokenizer import Tokenizer
from . import inputs
from .given import Given, encode


class Critic:
    """A trained critic with its tokenizer. Sequences are sentences, ids (B, L) int64, or one-hot or soft tokens (B,
    L, V) float. Ids and tokens may be arrays of numpy and nested lists, too.

    Sequences are sentences, ids (B, L) int64, or one-hot or soft tokens (B, L, V) float. Gradients flow to soft tokens
    and embeddings, so you can probe the critic with them. A conditional critic takes `given`: a label or a context for
    each sequence, or one for all.

    Args:
        network: the network, from tokens to scores.
        tokenizer: the tokenizer, from sentences to ids.
        condition: the kind of condition of a conditional network; None for others.
    """

    def __init__(self, network: CriticNetwork, tokenizer: Tokenizer, condition: Condition | None = None):
        self.network, self.tokenizer, self.condition = network, tokenizer, condition

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> Critic:
        """Load a critic from a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is no checkpoint, it is incomplete, its files do not belong together, or it needs a module
                that has not been imported.
        """
        network, tokenizer, condition, _ = load_network(locate(source), "critic", CriticNetwork, "critic")
        return cls(network.requires_grad_(False).to(device), tokenizer, condition)

    def tokens(self, sequences: str | Sequence[str] | Array) -> Tensor:
        """Ids (B, L) of sentences or ids, or tokens (B, L, V) of the critic's type of floats, on the critic's device.

        Raises:
            UserError: there are none, one is neither, an id is not in the vocabulary, or the shape is another one.
        """
        network, device = self.network, self.network.embedding.device
        if isinstance(sequences, Iterable) and not isinstance(sequences, Sequence | Mapping | np.ndarray | Tensor):
            sequences = list(sequences)
        if not inputs.holds_text(sequences):
            dtype = network.embedding.dtype
            return inputs.tokens(cast(Array, sequences), network.vocabulary, network.length, dtype, device)
        encoded = self.tokenizer.encode(cast(Sequence[str], sequences), network.length)
        if encoded.truncated:
            length = self.network.length
            warnings.warn(f"{encoded.truncated} sentences are longer than {length} tokens and were cut", stacklevel=3)
        return torch.from_numpy(encoded.ids).to(device)

    def __call__(self, sequences: str | Sequence[str] | Array, given: Given = None) -> Tensor:
        """Scores (B,): higher is more like real sentences. Only differences between scores mean anything; for a
        conditional critic, only those between sequences with the same condition.

        Raises:
            UserError: a condition is missing, unknown, or given to a critic without one; or as `tokens`.
        """
        return self.score(self.embed(sequences), given)

    def embed(self, sequences: str | Sequence[str] | Array) -> Tensor:
        """Embeddings (B, L, E)."""
        return self.network.embed(self.tokens(sequences))

    def score(self, embedded: Tensor, given: Given = None) -> Tensor:
        """Scores (B,) of embeddings (B, L, E).

        Raises:
            UserError: their shape is another one.
        """
        matrix = self.network.embedding
        shape = (self.network.length, matrix.shape[1])
        if not isinstance(embedded, Tensor) or embedded.shape[1:] != shape or not embedded.is_floating_point():
            raise UserError(f"{show(embedded)}: embeddings (B, {shape[0]}, {shape[1]}) are needed, as embed gives them")
        embedded = embedded.to(matrix.dtype).to(matrix.device)
        return self.network.score(embedded, encode(self.condition, given, len(embedded), embedded.device))

    def features(self, sequences: str | Sequence[str] | Array, layer: int = -1) -> Tensor:
        """Hidden states (B, L, C) of one layer: 0 is what enters the first block, i the output of block i, -1 the last.

        Raises:
            IndexError: there is no such layer.
        """
        return self.network.features(self.tokens(sequences), layer)
