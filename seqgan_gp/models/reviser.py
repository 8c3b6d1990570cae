"""Draft and revise: a second network reads a sequence and writes it anew, in one pass or several."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .generator import GeneratorNetwork, NoiseModel
from .relaxations import most_probable, sample_ids

SMALL = 0.1  # factor of the first weights of the last layer, so that a new reviser copies nearly everything


class ReviserNetwork(GeneratorNetwork):
    """From noise (B, noise_size) and the ids of a sequence (B, L) to the logits (B, L, V) of its revision.

    It is a generator that also reads: `logits = copy * one_hot(ids) + network(noise, embedding of ids)`.

    Args:
        copy: the logits that the tokens of the sequence have ahead of others.
        others: arguments of GeneratorNetwork.
    """

    def __init__(self, *args: Any, copy: float = 4.0, **others: Any):
        super().__init__(*args, **others)
        self.copy = copy
        self.embedding = torch.nn.Parameter(torch.randn(self.vocabulary, self.logits.in_features))
        with torch.no_grad():
            for parameter in self.logits.parameters():
                parameter.mul_(SMALL)

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        raise TypeError("a reviser reads ids beside its noise: call revise")

    def revise(self, ids: Tensor, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits (B, L, V) of the revision of ids (B, L), given noise (B, noise_size) and a condition (B, ...)."""
        logits = self._logits(self._read(ids, noise), condition)
        ahead = logits.new_full((*ids.shape, 1), self.copy)
        return logits.scatter_add_(2, ids.unsqueeze(-1), ahead)  # in place, since logits are the largest tensor

    def hidden_states(self, ids: Tensor, noise: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """Hidden states (B, L, C) of a revision: the input of the first block, then the output of every block."""
        return self._states(self._read(ids, noise), condition)

    def _read(self, ids: Tensor, noise: Tensor) -> Tensor:
        return self._hidden(noise) + torch.nn.functional.embedding(ids, self.embedding)


class RevisingGenerator(NoiseModel):
    """A generator that drafts a sequence, and a reviser that revises it, pass after pass.

    The tokens of the draft are drawn. Each pass but the last takes the most probable tokens. Every pass reads the same
    noise. So chance lies in the draft, and decisions in the revisions.

    Its noise (B, noise_size) holds that of the draft and of the reviser, then a number for each token of the draft,
    which says what is drawn, and last a number that chooses the pass in training.

    Args:
        draft: the network that drafts.
        reviser: the network that revises.
        passes: revisions of each sample; 0 samples drafts.
        drafting: the temperature of the draft's tokens.
    """

    draft: GeneratorNetwork
    reviser: ReviserNetwork

    def __init__(self, draft: GeneratorNetwork, reviser: ReviserNetwork, passes: int, drafting: float = 1.0):
        super().__init__()
        self.draft, self.reviser, self.passes, self.drafting = draft, reviser, passes, drafting
        self.vocabulary, self.length, self.temperature = draft.vocabulary, draft.length, draft.temperature
        self.noise_size = draft.noise_size + self.length + 1

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits (B, L, V) of the last pass, given noise (B, noise_size) and a condition (B, ...).

        Raises:
            ValueError: there is no pass, a conditional generator gets no condition, or an unconditional one gets one.
        """
        if not self.passes:
            raise ValueError("a draft without a revision has no last pass: call `draft` for its logits")
        passes = torch.full((len(noise),), self.passes - 1, device=noise.device)
        return self._last(noise, passes, condition)

    def any_pass(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits (B, L, V) of one of the passes, which the noise of each sample chooses. Training plays with these, so
        that the critic sees every pass.
        """
        passes = (_uniform(noise[:, -1]) * self.passes).long().clamp(max=self.passes - 1)
        return self._last(noise, passes, condition)

    def _last(self, noise: Tensor, passes: Tensor, condition: Tensor | None) -> Tensor:
        """The logits of one more revision after so many passes (B,). Only this revision has a gradient."""
        latent = noise[:, : self.draft.noise_size]
        with torch.no_grad():
            ids = self._draft(noise, self.drafting, condition)
            for number in range(self.passes - 1):
                ids = self._revise_where(passes > number, ids, latent, condition)
        return self.reviser.revise(ids, latent, condition)

    def _revise_where(self, some: Tensor, ids: Tensor, latent: Tensor, condition: Tensor | None) -> Tensor:
        """The most probable tokens (B, L) of a revision, for some (B,) of the sequences; the others as they are."""
        if ids.device.type != "cpu":  # the host would wait for the number of rows, and all rows take no longer
            return torch.where(some[:, None], most_probable(self.reviser.revise(ids, latent, condition)), ids)
        rows = some.nonzero().squeeze(1)
        if not len(rows):
            return ids
        given = None if condition is None else condition[rows]
        return ids.index_copy(0, rows, most_probable(self.reviser.revise(ids[rows], latent[rows], given)))

    def _draft(self, noise: Tensor, temperature: float, condition: Tensor | None) -> Tensor:
        """Ids (B, L) of a draft."""
        latent, own = noise[:, : self.draft.noise_size], noise[:, self.draft.noise_size : -1]
        return sample_ids(self.draft(latent, condition), temperature, _uniform(own))

    def write(self, noise: Tensor, temperature: float, chance: Tensor, condition: Tensor | None) -> Tensor:
        if not self.passes:
            return self._draft(noise, temperature, condition)
        return super().write(noise, temperature, chance, condition)

    def with_passes(self, passes: int) -> RevisingGenerator:
        """The same networks with another number of passes. The same noise gives the same drafts."""
        return RevisingGenerator(self.draft, self.reviser, passes, self.drafting)


def _uniform(normal: Tensor) -> Tensor:
    """Uniform numbers between 0 and 1 of standard normal ones, by their distribution function."""
    return (1 + torch.erf(normal / 2**0.5)) / 2
