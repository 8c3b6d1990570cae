"""What each optimiser differentiates, as the forward of one module, so that DDP sees one forward and one backward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..adversarial import lipschitz
from ..adversarial.objectives import OBJECTIVES, Objective
from ..config import PenaltyConfig
from ..models.generator import Generator
from ..models.language_model import LanguageModel
from ..models.relaxations import Relaxation


class CriticStep(nn.Module):
    """The critic's loss on real and generated samples, the gradient penalty included.

    Interpolates are constants: in embedding space the penalty there moves the layers behind the embedding, not the
    embedding matrix; in one-hot space it moves both. A penalty at real or generated samples differentiates the very
    forward pass that scores them, and so moves the embedding as well, where the critic is not piecewise linear.

    Args:
        critic: a module with `embed`, samples to points (B, ...), and `score`, points to scores (B,); its own forward
            is the one after the other. One-hot space asks for its `vocabulary` and `embedding`, too. A conditional one
            takes a second argument in both, the condition.
        penalty: what to ask of its slope, and where.
        objective: the losses.
    """

    critic: Any

    def __init__(self, critic: nn.Module, penalty: PenaltyConfig, objective: Objective = OBJECTIVES["wasserstein"]):
        super().__init__()
        self.critic, self.objective = critic, objective
        self.weight = penalty.weight * penalty.every
        self.at = frozenset(penalty.at)
        self.penalise = lipschitz.SIDES[penalty.sided]
        self.one_hot = penalty.space == "one-hot"

    def forward(
        self, real: Tensor, fake: Tensor, alpha: Tensor, penalised: bool = True, condition: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Means over the batch, what depends on the others last.

        Args:
            real: ids (B, L) int64, or whatever the critic embeds.
            fake: soft tokens (B, L, V), or ids (B, L) of one-hot ones; a constant here.
            alpha: place of each interpolate between fake (0) and real (1), (B,) or (B, L).
            penalised: whether this step has the penalty; its weight makes up for the steps that have not.
            condition: what real and fake were both given, (B, ...), for a conditional critic. It is a constant to the
                penalty: the slope is that in the samples.
        """
        # Weights that are functions of parameters are computed once, and power iteration takes one step.
        with parametrize.cached():
            at = self.at if self.weight and penalised else frozenset()
            embedded_real, embedded_fake = self.critic.embed(real), self.critic.embed(fake)
            norms: list[Tensor] = []
            if at <= {"interpolates"}:
                twice = None if condition is None else torch.cat([condition, condition])
                scores = _wide(_given(self.critic.score, twice)(torch.cat([embedded_real, embedded_fake])))
                real_score, fake_score = scores.chunk(2)
            else:  # a pass for each, so that the inner gradient walks no samples but its own
                real_score, fake_score = (
                    self._scored(tokens, embedded, norms if place in at else None, condition)
                    for place, tokens, embedded in (
                        ("real", real, embedded_real),
                        ("generated", fake, embedded_fake),
                    )
                )
            if "interpolates" in at:
                # The interpolates have a forward pass of their own: in one pass with the others, the inner gradient
                # would walk all three.
                if self.one_hot:
                    points = lipschitz.interpolate(_one_hot(real, self.critic), _one_hot(fake, self.critic), alpha)
                    norms.append(lipschitz.gradient_norm(_given(self.critic, condition), points))
                else:
                    points = lipschitz.interpolate(embedded_real, embedded_fake, alpha)
                    norms.append(lipschitz.gradient_norm(_given(self.critic.score, condition), points))
            parts = {"wasserstein": (real_score - fake_score).mean().detach()}
            loss = self.objective.critic(real_score, fake_score).mean()
            if norms:
                penalty = torch.stack([self.penalise(norm).mean() for norm in norms]).sum()
                loss = loss + self.weight * penalty
                parts |= {"gradient_norm": torch.cat(norms).detach().mean(), "penalty": penalty.detach()}
            return parts | {"critic_loss": loss}

    def _scored(self, tokens: Tensor, embedded: Tensor, norms: list[Tensor] | None, condition: Tensor | None) -> Tensor:
        """Scores (B,), and into `norms`, if given, the gradient norm of the same pass at the same points."""
        score = _given(self.critic.score, condition)
        if norms is None:
            return _wide(score(embedded))
        if self.one_hot:
            points = _one_hot(tokens, self.critic).detach().requires_grad_()
            scores = _given(self.critic, condition)(points)
        else:
            points = embedded if embedded.requires_grad else embedded.detach().requires_grad_()
            scores = score(points)
        norms.append(lipschitz.norm_of_gradient(scores, points))
        return _wide(scores)


def _given(score: Callable[..., Tensor], condition: Tensor | None) -> Callable[[Tensor], Tensor]:
    """The score under a condition, as a function of the samples alone."""
    return score if condition is None else functools.partial(score, condition=condition)


def _wide(scores: Tensor) -> Tensor:
    """Under mixed precision the losses are still taken in float32."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _one_hot(tokens: Tensor, critic: Any) -> Tensor:
    """Ids (B, L) as one-hot tokens (B, L, V); tokens that are such already, as they are."""
    if tokens.is_floating_point():
        return tokens
    return F.one_hot(tokens, critic.vocabulary).to(critic.embedding.dtype)


class RelaxedGenerator(nn.Module):
    """Noise (B, noise_size), and a condition if there is one, to the one-hot or soft tokens (B, L, V) that the critic
    scores, with a gradient.
    """

    def __init__(self, generator: Generator, relaxation: Relaxation):
        super().__init__()
        self.generator, self.relaxation = generator, relaxation

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.relaxation(self.generator(noise, condition))


class LikelihoodStep(nn.Module):
    """Ids (B, L) to the negative log-likelihood of the batch in nats, a sum over its tokens."""

    def __init__(self, model: LanguageModel):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return -self.model.log_probability(ids).sum()
