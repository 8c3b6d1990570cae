"""The reranker: it trains a discriminator of a fixed generator, which then accepts or refuses samples.

The discriminator with the least cross-entropy between as many real and generated samples has the logit log p(x) / q(x),
for the real distribution p and the generator's q (Goodfellow et al. 2014, proposition 1). `accepted` takes candidates
from q, one after another, with a probability in proportion to p(x) / q(x): rejection sampling (Azadi et al. 2019).
`resample` takes one of several in that proportion (Grover et al. 2019). Both bring samples closer to p.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gradients import Gradients


def accepted(log_ratios: Tensor, chance: Tensor, bound: float) -> Tensor:
    """Whether each candidate becomes a sample, bool (...): with the probability p(x) / (M q(x)), or 1 if that is more.

    If no ratio is over M, what is accepted comes from p (von Neumann 1951; for generators, Azadi et al. 2019).

    Args:
        log_ratios: log p(x) / q(x) of the candidates, (...).
        chance: independent standard exponential variables, (...).
        bound: M, over 0.

    Raises:
        ValueError: log_ratios and chance differ in shape.
    """
    _check_shapes(log_ratios, chance)
    return chance > math.log(bound) - log_ratios  # an exponential variable is over t with the probability exp(-t)


def resample(log_ratios: Tensor, chance: Tensor) -> Tensor:
    """Choose one of k candidates in proportion to p(x) / q(x) by the Gumbel-max trick; indices (B,) int64.

    If candidates come from q, the distribution of the result lies between q and p, and tends to p as k grows (Rubin
    1988; for generators, Grover et al. 2019).

    Args:
        log_ratios: log p(x) / q(x) of the candidates, (B, k), up to a constant.
        chance: independent standard exponential variables, (B, k).

    Raises:
        ValueError: log_ratios and chance differ in shape.
    """
    _check_shapes(log_ratios, chance)
    # Minus the logarithm of an exponential variable is a Gumbel variable.
    return (log_ratios - chance.log()).argmax(dim=1)


def _check_shapes(log_ratios: Tensor, chance: Tensor) -> None:
    if log_ratios.shape != chance.shape:
        shapes = f"{tuple(log_ratios.shape)} and {tuple(chance.shape)}"
        raise ValueError(f"one exponential variable for each ratio is needed, not {shapes}")


class WordDropout(nn.Module):
    """A critic with dropout of whole positions (word dropout; Gal and Ghahramani 2016, section 4.2).

    In training, the embeddings of random positions of each sample are zero, and the others are scaled up.

    Args:
        critic: a module with `embed` to (B, L, E), and `score`.
        dropout: fraction of the positions to hide, below 1.
    """

    critic: Any

    def __init__(self, critic: nn.Module, dropout: float):
        super().__init__()
        self.critic, self.dropout = critic, dropout

    def embed(self, tokens: Tensor) -> Tensor:
        return F.dropout1d(self.critic.embed(tokens), self.dropout, self.training)  # whole rows of E

    def score(self, embedded: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.critic.score(embedded) if condition is None else self.critic.score(embedded, condition)


class Pairs(NamedTuple):
    """Real samples (B, ...), as many candidates, and the condition of both (B, ...), or None."""

    real: Tensor
    fake: Tensor
    condition: Tensor | None = None


class Reranker:
    """A discriminator, its optimiser, and the number of its training steps.

    It starts as a copy of the critic, which already ranks bad sequences low. From scratch it learns far more slowly.

    Args:
        discriminator: a network with the critic's architecture.
        loss: a `game.CriticLoss` of the discriminator, possibly wrapped by DDP. It has a cross-entropy objective and no
            penalty, since the slope of the density ratio has no bound.
        optimizer: the discriminator's optimiser.
        rate: learning rate at the start.
        gradients: computes the loss, and its gradients.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        loss: nn.Module,
        optimizer: torch.optim.Optimizer,
        rate: float,
        gradients: Gradients | None = None,
    ):
        self.discriminator, self.loss, self.optimizer = discriminator, loss, optimizer
        self.rate, self.gradients, self.steps = rate, gradients or Gradients(), 0

    def forget(self) -> None:
        """Start anew at the next step, since the generator has changed."""
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])

    def update(
        self, critic: nn.Module, real: Tensor, fake: Tensor, factor: float, condition: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Take one step, and return `discriminator_loss`, detached.

        Args:
            critic: the critic that the first step copies.
            real: real samples (B, ...), in the form that the critic embeds.
            fake: as many candidates of the generator.
            factor: factor of the learning rate.
            condition: the condition of both, (B, ...); None without one.
        """
        if self.steps == 0:
            self.discriminator.load_state_dict(critic.state_dict())
            self.optimizer.state.clear()  # drop the moments of an earlier start
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        parts = self.gradients(self._losses, self.optimizer, Pairs(real, fake, condition))
        self.optimizer.step()
        self.steps += 1
        return parts

    def _losses(self, pairs: Pairs) -> dict[str, Tensor]:
        return {"discriminator_loss": self.loss(pairs.real, pairs.fake, condition=pairs.condition)["critic_loss"]}
