"""The game of a generator and a critic: both losses, both updates, and their alternation (Gulrajani et al. 2017,
algorithm 1).

A critic is a module with `embed`, from samples to points (B, ...), and `score`, from points to scores (B,). Its forward
is `score(embed(samples))`. A conditional critic takes the condition (B, ...) as a second argument of `score` and of its
forward. A penalty in one-hot space also needs the attributes `vocabulary` and `embedding`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .constraints import clip_weights
from .gradients import Gradients
from .objectives import Objective
from .penalty import Penalty, gradient_penalty, interpolate
from .substitutions import substitution_loss


class Batch(NamedTuple):
    """The data of one update of the critic.

    Args:
        real: real samples (B, ...), in the form that the critic embeds.
        noise: noise (B, ...) for as many generated samples.
        alpha: the place of each interpolate between generated (0) and real (1), (B,) or (B, L).
        condition: the condition of real and generated samples, (B, ...); None without one.
    """

    real: Tensor
    noise: Tensor
    alpha: Tensor | None = None
    condition: Tensor | None = None

    @property
    def given(self) -> tuple[Tensor, ...]:
        """The condition as a tuple of further arguments of a network; empty without a condition."""
        return () if self.condition is None else (self.condition,)


class Sides(NamedTuple):
    """The same of real and of generated samples: their tokens, embeddings or scores."""

    real: Tensor
    fake: Tensor


class CriticLoss(nn.Module):
    """The critic's loss on real and generated samples, with its gradient penalty.

    It is the forward of one module, so that one forward and one backward pass go through DDP.

    Interpolates are constants. In embedding space a penalty at interpolates changes the layers behind the embedding,
    not the embedding matrix; in one-hot space it changes both. A penalty at real or generated samples differentiates
    the forward pass that scores them. If the critic is not piecewise linear, it also changes the embedding.

    Args:
        critic: a critic as described at the head of this file.
        objective: the losses.
        penalty: the gradient penalty; None for a critic without one.

    Raises:
        ValueError: the objective is none, such as the name of one.
    """

    critic: Any

    def __init__(self, critic: nn.Module, objective: Objective, penalty: Penalty | None = None):
        super().__init__()
        if not isinstance(objective, Objective):
            raise ValueError(f"objective is {objective!r}: an Objective is needed, such as OBJECTIVES['wasserstein']")
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
        """Means over the batch by name. `critic_loss` comes last; it is the loss to differentiate.

        Args:
            real: ids (B, L) int64, or other samples that the critic embeds.
            fake: soft tokens (B, L, V), or ids (B, L) of one-hot tokens, without a gradient.
            alpha: places of interpolates; see Batch.
            penalised: whether this step has the penalty. A higher weight makes up for the steps without it.
            condition: the condition of both, (B, ...). The penalty takes no gradient with respect to it.

        Raises:
            ValueError: there is a penalty at interpolates, and alpha is None.
        """
        penalty, given = self.penalty, () if condition is None else (condition,)
        at = penalty.at if penalty.weight and penalised else frozenset()
        found: list[tuple[Tensor, Tensor]] = []  # the penalty and the norms at each place
        # Parametrized weights are computed once, so power iteration takes one step.
        with parametrize.cached():
            embedded = Sides(self.critic.embed(real), self.critic.embed(fake))
            if at <= {"interpolates"}:
                twice = [torch.cat([c, c]) for c in given]
                scores = Sides(*wide(self.critic.score(torch.cat(embedded), *twice)).chunk(2))
            else:  # separate passes, so that each inner gradient goes through its own samples only
                real_score, at_real = self._score(real, embedded.real, "real" in at, given)
                fake_score, at_fake = self._score(fake, embedded.fake, "generated" in at, given)
                scores, found = Sides(real_score, fake_score), at_real + at_fake
            if "interpolates" in at:
                found.append(self._at_interpolates(Sides(real, fake), embedded, alpha, given))
            loss = self.objective.critic(scores.real, scores.fake).mean()
        parts = {"wasserstein": (scores.real - scores.fake).mean().detach()}
        if found:
            total = torch.stack([value for value, _ in found]).sum()
            loss = loss + penalty.weight * penalty.every * total
            parts |= {"gradient_norm": torch.cat([norm for _, norm in found]).detach().mean()}
            parts |= {"penalty": total.detach()}
        return parts | {"critic_loss": loss}

    def _score(
        self, tokens: Tensor, embedded: Tensor, penalised: bool, given: tuple[Tensor, ...]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The scores (B,) of one side, and its penalty and norms if it is penalised."""
        if not penalised:
            return wide(self.critic.score(embedded, *given)), []
        if self.penalty.one_hot:
            points = one_hot(tokens, self.critic).detach().requires_grad_()
            scores = self.critic(points, *given)
        else:
            points = embedded if embedded.requires_grad else embedded.detach().requires_grad_()
            scores = self.critic.score(points, *given)
        return wide(scores), [gradient_penalty(scores, points, self.penalty.side)]

    def _at_interpolates(
        self, tokens: Sides, embedded: Sides, alpha: Tensor | None, given: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """The penalty between real and generated samples, and the norms of the gradient.

        It has a pass of its own: in one shared with both sides, the inner gradient would go through all three.
        """
        if alpha is None:
            raise ValueError("a penalty at interpolates needs alpha, their places: pass it in the batch")
        if self.penalty.one_hot:
            real, fake = (one_hot(side, self.critic) for side in tokens)
            points = interpolate(real, fake, alpha)
            return gradient_penalty(self.critic(points, *given), points, self.penalty.side)
        points = interpolate(embedded.real, embedded.fake, alpha)
        return gradient_penalty(self.critic.score(points, *given), points, self.penalty.side)


class Game:
    """Two players in turn: `critic_steps` updates of the critic, then one of the generator.

    Args:
        generator: from noise, and a condition if there is one, to samples with a gradient, which the critic embeds.
            When gradients are off, it may return a form that is cheaper to embed.
        critic: a critic as described at the head of this file.
        critic_loss: a `CriticLoss` of that critic, possibly wrapped by DDP.
        generator_optimizer, critic_optimizer: the optimisers of the two players.
        objective: the losses of both players.
        penalty: the penalty of `critic_loss`.
        critic_steps: critic updates for each generator update.
        clipping: bound of the critic's weights after each of its updates (Arjovsky et al. 2017), or None.
        substitutions: the number of token substitutions of each generated sample that the critic scores exactly in
            the generator's update (see `substitutions`); 0 takes the straight-through gradient. Numbers over 0 need a
            generator that returns one-hot tokens with their probabilities, as `HardTokens` are.
        gradients: computes the losses of either player, and their gradients.
        autocast: function that returns the context for the critic's forward passes in mixed precision.

    Raises:
        ValueError: critic_steps is under 1, or substitutions is under 0.
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
        substitutions: int = 0,
        gradients: Gradients | None = None,
        autocast: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
    ):
        if critic_steps < 1:
            raise ValueError(f"critic_steps is {critic_steps}: the critic needs at least 1 update in each step")
        if substitutions < 0:
            raise ValueError(f"substitutions is {substitutions}: give 0 or more")
        self.generator, self.critic, self.critic_loss = generator, critic, critic_loss
        self.generator_optimizer, self.critic_optimizer = generator_optimizer, critic_optimizer
        self.objective, self.penalty, self.critic_steps, self.clipping = objective, penalty, critic_steps, clipping
        self.substitutions = substitutions
        self.gradients, self.autocast = gradients or Gradients(), autocast

    def play(self, step: int, draw: Callable[[int], Batch], noise: Callable[[], Tensor]) -> dict[str, Tensor]:
        """Play one step of the game, and return the last value of each number, detached.

        Args:
            step: the number of the step, from 0.
            draw: function from the number of a critic update, from 0, to its batch.
            noise: function that draws noise for the generator's update. The update takes its condition, and the real
                samples of a paired objective, from the critic's last batch.
        """
        parts: dict[str, Tensor] = {}
        for number in range(step * self.critic_steps, (step + 1) * self.critic_steps):
            batch = draw(number)
            parts |= self.update_critic(batch, penalised=number % self.penalty.every == 0)
        return parts | self.update_generator(batch._replace(noise=noise()))

    def update_critic(self, batch: Batch, penalised: bool = True) -> dict[str, Tensor]:
        """Update the critic once, and return the numbers of `CriticLoss`, detached."""
        parts = self.gradients(self._critic_losses, self.critic_optimizer, batch, penalised)
        self.critic_optimizer.step()
        if self.clipping:
            clip_weights(self.critic, self.clipping)
        return parts

    def _critic_losses(self, batch: Batch, penalised: bool) -> dict[str, Tensor]:
        generator = self.generator
        if isinstance(generator, nn.parallel.DistributedDataParallel):
            generator = generator.module  # no gradient to synchronise
        with torch.no_grad():
            fake = generator(batch.noise, *batch.given)
        return self.critic_loss(batch.real, fake, batch.alpha, penalised, batch.condition)

    def update_generator(self, batch: Batch) -> dict[str, Tensor]:
        """Update the generator once, and return `generator_loss`, detached. Paired objectives read the real samples."""
        with _frozen(self.critic):
            parts = self.gradients(self._generator_losses, self.generator_optimizer, batch)
        self.generator_optimizer.step()
        return parts

    def _generator_losses(self, batch: Batch) -> dict[str, Tensor]:
        fake = self.generator(batch.noise, *batch.given)
        with self.autocast(), parametrize.cached():  # all scores with the same weights
            real_scores = wide(self.critic(batch.real, *batch.given)) if self.objective.paired else None

            def losses(scores: Tensor) -> Tensor:
                times = len(scores) // len(batch.noise)
                repeated = None if real_scores is None else real_scores.repeat(times)
                return self.objective.generator(repeated, wide(scores))

            if self.substitutions and isinstance(fake, Tensor):
                raise ValueError("substitutions need a generator that returns ids and soft tokens (HardTokens)")
            if self.substitutions:
                loss = substitution_loss(self.critic, fake, losses, self.substitutions, batch.given).mean()
            else:
                loss = losses(self.critic(fake, *batch.given)).mean()
        return {"generator_loss": loss}


@contextlib.contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Give weights no gradient for as long as a `with` block runs; those that had none have none after it, too."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def wide(scores: Tensor) -> Tensor:
    """Scores in float32 or wider, so that mixed precision does not reach the losses."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def one_hot(tokens: Tensor, critic: Any) -> Tensor:
    """Ids (B, L) as one-hot tokens (B, L, V); tokens (B, L, V) unchanged."""
    if tokens.is_floating_point():
        return tokens
    return F.one_hot(tokens, critic.vocabulary).to(critic.embedding.dtype)
