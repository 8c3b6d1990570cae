"""The discriminator of `adversarial.resampling`: how it learns once the generator stands still."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from ..adversarial.objectives import OBJECTIVES
from ..config import PenaltyConfig, ResamplingConfig
from .setup import make_optimizer
from .steps import CriticStep


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

    def score(self, embedded: Tensor, *condition: Tensor) -> Tensor:
        return self.critic.score(embedded, *condition)


class Chooser:
    """A discriminator, its optimiser, and how many steps it has learned.

    It starts from the critic's weights: what the critic knows of wrong sequences, but scales by its slope, takes a
    discriminator from scratch far longer to learn.

    Args:
        accelerator: device, processes and mixed precision.
        network: of the critic's architecture.
        config: the optimiser, and how much of the training is its.
    """

    BETAS = (0.9, 0.999)  # its target does not move

    def __init__(self, accelerator: Accelerator, network: nn.Module, config: ResamplingConfig):
        self.accelerator, self.network, self.steps = accelerator, network, 0
        self.rate, self.share = config.optimizer.lr, config.share
        # The critic's step without a penalty is the discriminator's: the ratio that it is after has no bounded slope.
        self.step, self.optimizer = accelerator.prepare(
            CriticStep(Forgetful(network, config.dropout), PenaltyConfig(weight=0), OBJECTIVES["non-saturating"]),
            make_optimizer("resampling.optimizer", config.optimizer, network.parameters(), self.BETAS),
        )
        accelerator.register_for_checkpointing(self)

    def forget(self) -> None:
        """Start anew at the next step: the generator that it knew is no more."""
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]

    def update(
        self, critic: nn.Module, real: Tensor, fake: Tensor, factor: float, *condition: Tensor
    ) -> dict[str, Tensor]:
        """One step, whose numbers it returns.

        Args:
            critic: what the first step starts from.
            real: real samples, as the critic embeds them.
            fake: as many of those that there are to choose from.
            factor: of the learning rate.
            condition: what both were given, if they were.
        """
        if self.steps == 0:
            self.network.load_state_dict(critic.state_dict())
            self.optimizer.state.clear()  # of a time before, when the game has gone on since
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        no_interpolates = real.new_zeros(0)
        loss = self.step(real, fake, no_interpolates, False, *condition)["critic_loss"]
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.optimizer.step()
        self.steps += 1
        return {"discriminator_loss": loss.detach()}
