"""Reranking: a discriminator chooses each sample among several candidates of a generator."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..adversarial.reranker import resample
from ..config import RerankingConfig
from ..machine import onto
from ..models.critic import CriticNetwork
from ..models.sequence import finish
from ..text.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Reranking:
    """The parts of reranking.

    Args:
        discriminator: from ids to log p(real) / p(generated), up to a constant.
        tokenizer: knows the end token. The discriminator sees padding in place of all tokens after it.
        candidates: k, the default number of candidates for each sample.
        temperature: the default temperature of the candidates' tokens.
    """

    discriminator: CriticNetwork
    tokenizer: Tokenizer
    candidates: int
    temperature: float

    @classmethod
    def of(cls, config: RerankingConfig, discriminator: CriticNetwork, tokenizer: Tokenizer) -> Reranking:
        """Build the reranking of a config."""
        return cls(discriminator, tokenizer, config.candidates, config.temperature)

    def among(
        self, draw: Callable[[], Tensor], chance: np.ndarray, condition: Tensor | None = None
    ) -> Callable[[], Tensor]:
        """Return a function that computes ids (B, L), one of every k rows of `draw`, (B * k, L).

        Args:
            chance: standard exponential variables, (B, k). The choice takes them in float32, which every device has, so
                that devices differ from one another only where two candidates are equal but for rounding.
            condition: of each of the B samples, (B, ...), if there is one.
        """

        def reranked() -> Tensor:
            ids = finish(draw(), self.tokenizer.end, self.tokenizer.pad)
            repeated = [] if condition is None else [condition.repeat_interleave(chance.shape[1], 0)]
            scores = self.discriminator(ids, *repeated).view(chance.shape)
            kept = resample(scores, onto(chance, ids.device))
            return ids.unflatten(0, chance.shape)[torch.arange(len(kept), device=ids.device), kept]

        return reranked
