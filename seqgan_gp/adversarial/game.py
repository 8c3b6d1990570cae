"""The game of a generator and a critic: both losses, both updates, and their alternation (Gulrajani et al. 2017,
algorithm 1).

A critic is a module with `embed`, samples to points (B, ...), and `score`, points to scores (B,). Its own forward is
the one after the other. A conditional one takes the condition (B, ...) as a second argument of `score` and of its
forward. A critic of tokens has `vocabulary` and `embedding`, too, which a penalty in one-hot space asks for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .constraints import clip_weights
from .objectives import Objective
from .penalty import Penalty, gradient_penalty, interpolate


class Batch(NamedTuple):
    """What an update of the critic is given.

    Args:
        real: samples (B, ...), as the critic embeds them.
        noise: as the generator takes it, for as many generated samples.
        alpha: the place of each interpolate between generated (0) and real (1), (B,) or (B, L).
        condition: what the samples of both are given, (B, ...), if they are.
    """

    real: Tensor
    noise: Tensor
    alpha: Tensor | None = None
    condition: Tensor | None = None

    @property
    def given(self) -> tuple[Tensor, ...]:
        """The condition as further arguments of a network: none where there is no condition."""
        return () if self.condition is None else (self.condition,)


class CriticLoss(nn.Module):
    """The critic's loss on real and generated samples, with its gradient penalty.

    It is the forward of one module, so that one forward and one backward pass go through DDP.

    Interpolates are constants: in embedding space the penalty there moves the layers behind the embedding, and not the
    embedding matrix; in one-hot space it moves both. A penalty at real or generated samples differentiates the forward
    pass that scores them. It moves the embedding as well, where the critic is not piecewise linear.

    Args:
        critic: see the head of this file.
        objective: the losses.
        penalty: None for a critic without one.
    """

    critic: Any

    def __init__(self, critic: nn.Module, objective: Objective, penalty: Penalty | None = None):
        super().__init__()
        self.critic, self.objective = critic, objective
        self.penalty = penalty or Penalty(weight=0.0)

    def forward(
        self,
        real: Tensor,
        fake: Tensor,
        alpha: Tensor | None = None,
        penalised: bool = True,
        condition: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Means over the batch by name. `critic_loss` comes last, and is the one to differentiate.

        Args:
            real: ids (B, L) int64, or whatever the critic embeds.
            fake: soft tokens (B, L, V), or ids (B, L) of one-hot ones; a constant here.
            alpha: of interpolates; see Batch.
            penalised: whether this step has the penalty. Its weight makes up for the steps that do not.
            condition: of both. It is a constant to the penalty, which is about the slope in the samples.
        """
        penalty, given = self.penalty, () if condition is None else (condition,)
        at = penalty.at if penalty.weight and penalised else frozenset()
        found: list[tuple[Tensor, Tensor]] = []  # the penalty and the norms of each place
        # Weights that are functions of parameters are computed once, and power iteration takes one step.
        with parametrize.cached():
            embedded_real, embedded_fake = self.critic.embed(real), self.critic.embed(fake)
            if at <= {"interpolates"}:
                twice = [torch.cat([c, c]) for c in given]
                scores = wide(self.critic.score(torch.cat([embedded_real, embedded_fake]), *twice))
                real_score, fake_score = scores.chunk(2)
            else:  # a pass for each, so that the inner gradient walks no samples but its own
                sides = (("real", real, embedded_real), ("generated", fake, embedded_fake))
                scored = []
                for place, tokens, embedded in sides:
                    scores, points = self._score(tokens, embedded, place in at, given)
                    if points is not None:
                        found.append(gradient_penalty(scores, points, penalty.side))
                    scored.append(wide(scores))
                real_score, fake_score = scored
            if "interpolates" in at:
                assert alpha is not None
                # A pass of their own: in one with the others, the inner gradient would walk all three.
                if penalty.one_hot:
                    points = interpolate(one_hot(real, self.critic), one_hot(fake, self.critic), alpha)
                    found.append(gradient_penalty(self.critic(points, *given), points, penalty.side))
                else:
                    points = interpolate(embedded_real, embedded_fake, alpha)
                    found.append(gradient_penalty(self.critic.score(points, *given), points, penalty.side))
            loss = self.objective.critic(real_score, fake_score).mean()
        parts = {"wasserstein": (real_score - fake_score).mean().detach()}
        if found:
            total = torch.stack([value for value, _ in found]).sum()
            loss = loss + penalty.weight * penalty.every * total
            parts |= {"gradient_norm": torch.cat([norm for _, norm in found]).detach().mean()}
            parts |= {"penalty": total.detach()}
        return parts | {"critic_loss": loss}

    def _score(
        self, tokens: Tensor, embedded: Tensor, penalised: bool, given: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor | None]:
        """Scores (B,), and the points that they are of where these are penalised."""
        if penalised and self.penalty.one_hot:
            points = one_hot(tokens, self.critic).detach().requires_grad_()
            return self.critic(points, *given), points
        if penalised and not embedded.requires_grad:
            embedded = embedded.detach().requires_grad_()
        return self.critic.score(embedded, *given), embedded if penalised else None


class Game:
    """Two players in turn: `critic_steps` updates of the critic, then one of the generator.

    Args:
        generator: from noise, and a condition if there is one, to samples with a gradient that the critic embeds. Where
            no gradient is asked for, it may give them in a form that is cheaper to embed.
        critic: see the head of this file.
        critic_loss: a `CriticLoss` of that critic, or what DDP makes of it.
        generator_optimizer, critic_optimizer: of the parameters of each.
        objective: of both players.
        penalty: the one of `critic_loss`.
        critic_steps: updates of the critic for each of the generator.
        clipping: bound of the critic's weights after each of its updates (Arjovsky et al. 2017), or None.
        backward: differentiates a loss.
        autocast: gives the context for forward passes in mixed precision.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        critic_loss: nn.Module,
        generator_optimizer: torch.optim.Optimizer,
        critic_optimizer: torch.optim.Optimizer,
        objective: Objective,
        penalty: Penalty,
        critic_steps: int = 1,
        clipping: float | None = None,
        backward: Callable[[Tensor], object] = Tensor.backward,
        autocast: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
    ):
        self.generator, self.critic, self.critic_loss = generator, critic, critic_loss
        self.generator_optimizer, self.critic_optimizer = generator_optimizer, critic_optimizer
        self.objective, self.penalty, self.critic_steps, self.clipping = objective, penalty, critic_steps, clipping
        self.backward, self.autocast = backward, autocast

    def play(self, step: int, draw: Callable[[int], Batch], noise: Callable[[], Tensor]) -> dict[str, Tensor]:
        """One step of the game, whose last numbers it returns, detached.

        Args:
            step: its number, from 0.
            draw: the batch of a critic update by the number of that update, from 0.
            noise: for the generator's update, which has the condition of the critic's last batch, and its real samples
                where the objective is paired.
        """
        parts: dict[str, Tensor] = {}
        for number in range(step * self.critic_steps, (step + 1) * self.critic_steps):
            batch = draw(number)
            parts |= self.update_critic(batch, penalised=number % self.penalty.every == 0)
        return parts | self.update_generator(batch._replace(noise=noise()))

    def update_critic(self, batch: Batch, penalised: bool = True) -> dict[str, Tensor]:
        """The numbers of `CriticLoss`, detached."""
        generator = self.generator
        if isinstance(generator, nn.parallel.DistributedDataParallel):
            generator = generator.module  # there is no gradient to share
        with torch.no_grad(), self.autocast():
            fake = generator(batch.noise, *batch.given)
        parts = self.critic_loss(batch.real, fake, batch.alpha, penalised, batch.condition)
        self.critic_optimizer.zero_grad()
        self.backward(parts["critic_loss"])
        self.critic_optimizer.step()
        if self.clipping:
            clip_weights(self.critic, self.clipping)
        return {k: v.detach() for k, v in parts.items()}

    def update_generator(self, batch: Batch) -> dict[str, Tensor]:
        """`generator_loss`, detached. The real samples of the batch matter where the objective is paired."""
        self.critic.requires_grad_(False)
        fake = self.generator(batch.noise, *batch.given)
        with self.autocast(), parametrize.cached():  # both scores by the same weights
            scores = wide(self.critic(fake, *batch.given))
            real_scores = wide(self.critic(batch.real, *batch.given)) if self.objective.paired else None
        loss = self.objective.generator(real_scores, scores).mean()
        self.generator_optimizer.zero_grad()
        self.backward(loss)
        self.generator_optimizer.step()
        self.critic.requires_grad_(True)
        return {"generator_loss": loss.detach()}


def wide(scores: Tensor) -> Tensor:
    """Scores in float32 or wider: losses are taken so under mixed precision, too."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def one_hot(tokens: Tensor, critic: Any) -> Tensor:
    """Ids (B, L) as one-hot tokens (B, L, V); tokens (B, L, V) unchanged."""
    if tokens.is_floating_point():
        return tokens
    return F.one_hot(tokens, critic.vocabulary).to(critic.embedding.dtype)
