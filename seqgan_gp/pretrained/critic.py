"""Trained critics with their tokenizer: scores, gradients and hidden states of sentences."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ..arrays import Array, show
from ..artefacts import locate, saved_networks
from ..errors import UserError
from ..fields import whole
from ..machine import device_of
from ..models.critic import CriticNetwork
from ..networks import Loaded, initial_network, load_network
from ..notices import silenced
from ..shareable import Shareable
from ..text.conditions import Condition
from ..text.lines import Sentences
from ..text.tokenizer import Tokenizer
from . import inputs
from .given import Given, encode
from .held_out import held_out
from .reader import WINDOWS, Reader, Sequences
from .rows import Rows


class Critic(Shareable, Reader):
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

    part: ClassVar[str] = "critic"  # of a checkpoint
    network: CriticNetwork

    def __init__(self, network: CriticNetwork, tokenizer: Tokenizer, condition: Condition | None = None):
        self.network, self.tokenizer, self.condition = network, tokenizer, condition

    @classmethod
    def _load(cls, folder: Path, device: torch.device) -> Self:
        return cls._of(load_network(folder, cls.part, CriticNetwork, cls.part), device)

    @classmethod
    def random_like(cls, source: str | Path, seed: int = 0, device: str | torch.device = "cpu") -> Self:
        """A critic with the shape, the tokenizer and the condition of a trained one, and with random weights.

        It is the baseline of a probe: all its weights are random, its embedding too. They are those that training
        starts with: the `seed` of the run's config gives the critic that the run began with. The random numbers of
        your process stay as they are.

        Args:
            source: a run folder (its last checkpoint), a checkpoint, such as that of a critic that you have loaded,
                or a hub id.
            seed: a whole number of at least 0; another one gives other weights.
            device: as of `from_pretrained`.

        Raises:
            UserError: as `from_pretrained`, or the seed is no such number.
        """
        seed, device = whole("seed", seed, 0), device_of(device)
        return cls._of(initial_network(locate(source), cls.part, CriticNetwork, cls.part, seed), device)

    @classmethod
    def _of(cls, loaded: Loaded[CriticNetwork], device: torch.device) -> Self:
        network, tokenizer, condition, _ = loaded
        return cls(network.requires_grad_(False).to(device), tokenizer, condition)

    def to(self, device: str | torch.device) -> Self:
        """Move the network to a device, and return this critic.

        Raises:
            UserError: there is no such device.
        """
        self.network.to(device_of(device))
        return self

    def eval(self) -> Self:
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
        found = None
        for tokens, condition, rows in self._encoded(sequences, given, batch_size, progress):
            found = found or Rows(rows)
            found.add(self.network(tokens, condition))
        assert found  # there is one batch at least
        return found.joined()

    def percentiles(
        self,
        sequences: Sequences,
        given: Given = None,
        real: Sequences | None = None,
        real_given: Given = None,
        batch_size: int = 256,
    ) -> Tensor:
        """The place of each score among those of real sentences, (N,) from 0 to 100: the percentage of real sentences
        that score lower. Equal scores count one half. A score itself has no scale that tells high from low.

        Args:
            real: real sentences, which training has not seen; default: the held-out sentences of the run, evenly
                spaced ones where there are more than 10,000.
            real_given: the label or the context of each of them, if you give them.

        Raises:
            UserError: the run folder is not there, so that `real` is needed; or as for scores.
        """
        with torch.no_grad():
            scores = self(sequences, given, batch_size)
        return self.places(scores, real, real_given, batch_size)

    def places(
        self, scores: Tensor, real: Sequences | None = None, real_given: Given = None, batch_size: int = 256
    ) -> Tensor:
        """The place of each score (N,) among those of real sentences, as `percentiles` gives it."""
        if real is None:
            if self.held_out is None:
                raise UserError("the held-out text of the run is not beside this critic: give real sentences as `real`")
            real, real_given = self.held_out.text, self.held_out.given
        with torch.no_grad(), silenced():  # of real text, whose words the user does not choose
            ordered = self(real, real_given, batch_size).sort().values
        below = torch.searchsorted(ordered, scores) + torch.searchsorted(ordered, scores, right=True)
        return 50 * below / len(ordered)

    @functools.cached_property
    def held_out(self) -> Sentences | None:
        """Held-out text of the run; None where it is not beside the checkpoint."""
        return held_out(self.checkpoint) if self.checkpoint else None

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

    def _states(self, tokens: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
        embedded = self.network.embed(tokens)
        hidden = zip(self.numbered, self.network.hidden_states(embedded), strict=True)
        windows = self.network.window_score
        return {"embedding": embedded, **dict(hidden), **({WINDOWS: windows.units(embedded)} if windows else {})}


class Discriminator(Critic):
    """The discriminator of a run with reranking, with its tokenizer: its score is log p(real) / p(generated).

    It starts as a copy of the critic and learns by cross-entropy to tell real sentences from candidates of the
    finished generator: those that it draws at `reranking.temperature` and does not choose among. So its score is the
    logarithm of the ratio of their probabilities, up to a constant (Goodfellow et al. 2014, proposition 1). It is the
    better score for keeping the best of many samples. A critic's score has no scale, and tells nothing about sentences
    that neither real text nor a generator has. Nor does this one: keep it to samples of the run's generator.
    `probing.calibration` says how far the ratio can be trusted.

    All else is as of a `Critic`.
    """

    part = "discriminator"

    @classmethod
    def _load(cls, folder: Path, device: torch.device) -> Self:
        if cls.part not in saved_networks(folder):
            raise UserError(
                f"{folder} has no discriminator: give a run that was trained to its end with reranking.candidates over "
                "1, or take its Critic"
            )
        return super()._load(folder, device)
