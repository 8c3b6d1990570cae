"""Trained critics with their tokenizer: scores, gradients and hidden states of sentences."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..artefacts import locate
from ..models.critic import CriticNetwork
from ..networks import load_network
from ..text.conditions import Condition
from ..text.tokenizer import Tokenizer
from .given import Given, encode


class Critic:
    """A trained critic with its tokenizer.

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

    def tokens(self, sequences: str | Sequence[str] | Tensor) -> Tensor:
        """Ids (B, L) of sentences. A tensor is moved to the critic's device and otherwise unchanged."""
        device = self.network.embedding.device
        if isinstance(sequences, Tensor):
            return sequences.to(device)
        sentences = [sequences] if isinstance(sequences, str) else list(sequences)
        encoded = self.tokenizer.encode(sentences, self.network.length)
        if encoded.truncated:
            length = self.network.length
            warnings.warn(f"{encoded.truncated} sentences are longer than {length} tokens and were cut", stacklevel=3)
        return torch.from_numpy(encoded.ids).to(device)

    def __call__(self, sequences: str | Sequence[str] | Tensor, given: Given = None) -> Tensor:
        """Scores (B,). Higher is more like real sentences.

        Only differences between scores have a meaning; for a conditional critic, only between sequences with the same
        condition.

        Raises:
            UserError: a condition is missing or unknown, or the critic is unconditional and gets one.
        """
        return self.score(self.embed(sequences), given)

    def embed(self, sequences: str | Sequence[str] | Tensor) -> Tensor:
        """Embeddings (B, L, E) of sequences."""
        return self.network.embed(self.tokens(sequences))

    def score(self, embedded: Tensor, given: Given = None) -> Tensor:
        """Scores (B,) of embeddings (B, L, E)."""
        return self.network.score(embedded, encode(self.condition, given, len(embedded), embedded.device))

    def features(self, sequences: str | Sequence[str] | Tensor, layer: int = -1) -> Tensor:
        """Hidden states (B, L, C) of a layer: 0 is the input of the first block, i the output of block i, -1 the last.

        Raises:
            IndexError: there is no such layer.
        """
        return self.network.features(self.tokens(sequences), layer)
