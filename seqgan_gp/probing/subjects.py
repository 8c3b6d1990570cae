"""The networks of a run that can be probed, and the text to probe them with."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..artefacts import check_data, evaluating, locate, read_config, saved_networks
from ..config.text import TextConfig
from ..errors import UserError
from ..models.reviser import RevisingGenerator
from ..pretrained import Critic, Discriminator, Generator, LanguageModel
from ..pretrained.states import BATCH, Pool, in_batches, pooled
from ..text.corpus import GRAMMAR
from ..text.grammar import Grammar
from ..text.lines import Sentences

CRITIC, RERANKER, RANDOM, REVISER, MODEL = "critic", "reranker", "random critic", "reviser", "language model"
GENERATED = "generated"


class Scores(Protocol):
    """A subject that scores N sentences: (N,), higher for better ones."""

    def __call__(self, sentences: Sequence[str], given: Sequence[str] | None = None) -> Tensor | np.ndarray: ...


class States(Protocol):
    """A subject with hidden states of N sentences, by the name of the layer: (N, L, C), or pooled (N, C)."""

    def states(
        self, sequences: Sequence[str], given: Sequence[str] | None = None, pool: Pool | None = None
    ) -> Mapping[str, Tensor]: ...

    def mask(self, sequences: Sequence[str]) -> Tensor: ...


class LikelihoodSubject:
    """A language model. Its score is the log-probability of a sentence in nats, as usual for minimal pairs."""

    def __init__(self, model: LanguageModel):
        self.model = model
        self.states, self.mask = model.states, model.mask

    def __call__(self, sentences: Sequence[str], given: Sequence[str] | None = None) -> np.ndarray:
        """Log-probabilities (N,)."""
        return self.model.log_likelihood(sentences)[0]


class ReviserSubject:
    """The reviser of a generator, which reads sentences. Its noise is zero, the mean of all noise. It has no score."""

    def __init__(self, generator: Generator, critic: Critic):
        network = generator.network
        assert isinstance(network, RevisingGenerator)
        self.reviser, self._critic = network.reviser, critic
        self.mask = critic.mask

    def states(
        self, sequences: Sequence[str], given: Sequence[str] | None = None, pool: Pool | None = None
    ) -> dict[str, Tensor]:
        """Hidden states by the name of the layer: (N, L, C), or pooled (N, C)."""
        names = ["input", *(f"block {i}" for i in range(1, len(self.reviser.blocks) + 1))]

        def states(ids: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
            noise = torch.zeros(len(ids), self.reviser.noise_size, device=ids.device)
            found = self.reviser.hidden_states(ids, noise, condition)
            return dict(zip(names, found, strict=True))

        return {}
