"""The reranker: a discriminator that learns once the generator stands still, and chooses each sample among several.

The discriminator whose cross-entropy between real and generated samples is least has the logit log p(x) / q(x), up to a
constant, of the real distribution p and the generator's q (Goodfellow et al. 2014, proposition 1). A sample that is
drawn among candidates from q in proportion to p(x) / q(x) comes closer to p (Azadi et al. 2019; Grover et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def resample(log_ratios: Tensor, chance: Tensor) -> Tensor:
    """Which of k candidates to keep, (B,) int64: one drawn in proportion to p(x) / q(x), by the Gumbel-max trick.

    With candidates from q, the result is a draw from p in the limit of many candidates, and from something between the
    two before (Rubin 1988; of generators, Grover et al. 2019).

    Args:
        log_ratios: log p(x) / q(x) of the candidates up to a constant, which cancels, (B, k).
        chance: independent standard exponential variables, (B, k).
    """
    # Minus the logarithm of an exponential variable is a Gumbel variable.
    return (log_ratios - chance.log()).argmax(dim=1)


class Forgetful(nn.Module):
    """A critic that, while it trains, does not see some of the positions: their embeddings are zero, drawn anew for
    every sample, and the others larger in proportion (dropout of whole words; Gal and Ghahramani 2016, section 4.2).

    Args:
        critic: a module with `embed` to (B, L, E), and `score`.
        dropout: fraction of the positions that is hidden, below 1.
    """

    critic: Any

    def __init__(self, critic: nn.Module, dropout: float):
        super().__init__()
        self.critic, self.dropout = critic, dropout

    def embed(self, tokens: Tensor) -> Tensor:
        return F.dropout1d(self.critic.embed(tokens), self.dropout, self.training)  # whole rows of E

    def score(self, embedded: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.critic.score(embedded) if condition is None else self.critic.score(embedded, condition)


class Reranker:
    """A discriminator, its optimiser, and how many steps it has learned.

    It starts as a copy of the critic, which already ranks bad sequences low. From scratch it learns far more slowly.

    Args:
        discriminator: of the critic's architecture.
        loss: a `game.CriticLoss` of it without a penalty (the ratio that it is after has no bounded slope), with the
            objective whose critic minimises the cross-entropy; or what DDP makes of it.
        optimizer: of its parameters.
        rate: learning rate at the start.
        backward: differentiates a loss.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        loss: nn.Module,
        optimizer: torch.optim.Optimizer,
        rate: float,
        backward: Callable[[Tensor], object] = Tensor.backward,
    ):
        self.discriminator, self.loss, self.optimizer = discriminator, loss, optimizer
        self.rate, self.backward, self.steps = rate, backward, 0

    def forget(self) -> None:
        """Start anew at the next step: the generator that it knew has changed."""
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]

    def update(
        self, critic: nn.Module, real: Tensor, fake: Tensor, factor: float, condition: Tensor | None = None
    ) -> dict[str, Tensor]:
        """One step; `discriminator_loss`, detached.

        Args:
            critic: what the first step starts from.
            real: real samples, as the critic embeds them.
            fake: as many samples like those that there will be to choose from.
            factor: of the learning rate.
            condition: of both, if there is one.
        """
        if self.steps == 0:
            self.discriminator.load_state_dict(critic.state_dict())
            self.optimizer.state.clear()  # moments of an earlier start
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        loss = self.loss(real, fake, condition=condition)["critic_loss"]
        self.optimizer.zero_grad()
        self.backward(loss)
        self.optimizer.step()
        self.steps += 1
        return {"discriminator_loss": loss.detach()}
