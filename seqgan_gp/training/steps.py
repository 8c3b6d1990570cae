"""What each optimiser differentiates, as the forward of one module, so that DDP sees one forward and one backward."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..adversarial import lipschitz
from ..adversarial.objectives import OBJECTIVES, Objective
from ..config import PenaltyConfig


class CriticStep(nn.Module):
    """The critic's loss on real and generated samples, the gradient penalty included.

    Interpolates are constants: in embedding space the penalty there moves the layers behind the embedding, not the
    embedding matrix; in one-hot space it moves both. A penalty at real or generated samples differentiates the very
    forward pass that scores them, and so moves the embedding as well, where the critic is not piecewise linear.

    Args:
        critic: a module with `embed`, samples to points (B, ...), and `score`, points to scores (B,); its own forward
            is the one after the other. One-hot space asks for its `vocabulary` and `embedding`, too. A conditional one
            takes what it is given as a second argument of both.
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
        self, real: Tensor, fake: Tensor, alpha: Tensor, penalised: bool = True, *condition: Tensor
    ) -> dict[str, Tensor]:
        """Means over the batch, what depends on the others last.

        Args:
            real: ids (B, L) int64, or whatever the critic embeds.
            fake: soft tokens (B, L, V), or ids (B, L) of one-hot ones; a constant here.
            alpha: place of each interpolate between fake (0) and real (1), (B,) or (B, L); of
                any shape where nothing is penalised there.
            penalised: whether this step has the penalty; its weight makes up for the steps that have not.
            condition: what real and fake were both given, (B, ...), if they were given something. It is a constant to
                the penalty: the slope is that in the samples.
        """
        # Weights that are functions of parameters are computed once, and power iteration takes one step.
        with parametrize.cached():
            at = self.at if self.weight and penalised else frozenset()
            embedded_real, embedded_fake = self.critic.embed(real), self.critic.embed(fake)
            norms: list[Tensor] = []
            if at <= {"interpolates"}:
                twice = [torch.cat([c, c]) for c in condition]
                scores = _wide(self.critic.score(torch.cat([embedded_real, embedded_fake]), *twice))
                real_score, fake_score = scores.chunk(2)
            else:  # a pass for each, so that the inner gradient walks no samples but its own
                real_score, fake_score = (
                    self._scored(tokens, embedded, norms if place in at else None, *condition)
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
                    norms.append(lipschitz.gradient_norm(lambda x: self.critic(x, *condition), points))
                else:
                    points = lipschitz.interpolate(embedded_real, embedded_fake, alpha)
                    norms.append(lipschitz.gradient_norm(lambda x: self.critic.score(x, *condition), points))
            parts = {"wasserstein": (real_score - fake_score).mean().detach()}
            loss = self.objective.critic(real_score, fake_score).mean()
            if norms:
                penalty = torch.stack([self.penalise(norm).mean() for norm in norms]).sum()
                loss = loss + self.weight * penalty
                parts |= {"gradient_norm": torch.cat(norms).detach().mean(), "penalty": penalty.detach()}
            return parts | {"critic_loss": loss}

    def _scored(self, tokens: Tensor, embedded: Tensor, norms: list[Tensor] | None, *condition: Tensor) -> Tensor:
        """Scores (B,), and into `norms`, if given, the gradient norm of the same pass at the same points."""
        if norms is None:
            return _wide(self.critic.score(embedded, *condition))
        if self.one_hot:
            points = _one_hot(tokens, self.critic).detach().requires_grad_()
            scores = self.critic(points, *condition)
        else:
            points = embedded if embedded.requires_grad else embedded.detach().requires_grad_()
            scores = self.critic.score(points, *condition)
        norms.append(lipschitz.norm_of_gradient(scores, points))
        return _wide(scores)


def _wide(scores: Tensor) -> Tensor:
    """Under mixed precision the losses are still taken in float32."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def _one_hot(tokens: Tensor, critic: Any) -> Tensor:
    """Ids (B, L) as one-hot tokens (B, L, V); tokens that are such already, as they are."""
    if tokens.is_floating_point():
        return tokens
    return F.one_hot(tokens, critic.vocabulary).to(critic.embedding.dtype)
