"""What each optimiser differentiates, as the forward of one module, so that DDP sees one forward and one backward."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..adversarial import lipschitz, objectives
from ..config import PenaltyConfig
from ..models.critic import Critic
from ..models.generator import Generator
from ..models.language_model import LanguageModel
from ..models.relaxations import Relaxation

SIDES = {"two": lipschitz.two_sided, "one": lipschitz.one_sided}


class CriticStep(nn.Module):
    """The critic's loss on real and generated sequences, the gradient penalty included.

    The interpolates of the penalty are constants: in embedding space the penalty moves the layers behind the embedding,
    not the embedding matrix; in one-hot space it moves both.
    """

    def __init__(self, critic: Critic, penalty: PenaltyConfig):
        super().__init__()
        self.critic = critic
        self.weight = penalty.weight
        self.penalise = SIDES[penalty.sided]
        self.one_hot = penalty.space == "one-hot"

    def forward(self, real: Tensor, fake: Tensor, alpha: Tensor) -> dict[str, Tensor]:
        """Means over the batch.

        Args:
            real: ids (B, L) int64.
            fake: soft tokens (B, L, V), or ids (B, L) of one-hot ones; a constant here.
            alpha: place of each interpolate between fake (0) and real (1), (B,).
        """
        critic = self.critic
        embedded_real, embedded_fake = critic.embed(real), critic.embed(fake)
        scores = critic.score(torch.cat([embedded_real, embedded_fake]))
        # Under mixed precision the losses are still taken in float32.
        real_score, fake_score = scores.to(torch.promote_types(scores.dtype, torch.float32)).chunk(2)
        loss = objectives.wasserstein_critic_loss(real_score, fake_score).mean()
        parts = {"critic_loss": loss, "wasserstein": -loss.detach()}
        if self.weight:
            # The interpolates have a forward pass of their own: in one pass with the others, the inner gradient would
            # walk all three.
            if self.one_hot:
                points = lipschitz.interpolate(_one_hot(real, critic), _one_hot(fake, critic), alpha)
                norm = lipschitz.gradient_norm(critic, points)
            else:
                points = lipschitz.interpolate(embedded_real, embedded_fake, alpha)
                norm = lipschitz.gradient_norm(critic.score, points)
            penalty = self.penalise(norm).mean()
            parts["critic_loss"] = loss + self.weight * penalty
            parts |= {"penalty": penalty.detach(), "gradient_norm": norm.detach().mean()}
        return parts


def _one_hot(tokens: Tensor, critic: Critic) -> Tensor:
    """Ids (B, L) as one-hot tokens (B, L, V); tokens that are such already, as they are."""
    if tokens.is_floating_point():
        return tokens
    return F.one_hot(tokens, critic.vocabulary).to(critic.embedding.dtype)


class RelaxedGenerator(nn.Module):
    """Noise (B, noise_size) to the one-hot or soft tokens (B, L, V) that the critic scores, with a gradient."""

    def __init__(self, generator: Generator, relaxation: Relaxation):
        super().__init__()
        self.generator, self.relaxation = generator, relaxation

    def forward(self, noise: Tensor) -> Tensor:
        return self.relaxation(self.generator(noise))


class LikelihoodStep(nn.Module):
    """Ids (B, L) to the negative log-likelihood of the batch in nats, a sum over its tokens."""

    def __init__(self, model: LanguageModel):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return -self.model.log_probability(ids).sum()
