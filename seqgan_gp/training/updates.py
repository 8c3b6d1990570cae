"""The two updates of an adversarial game (Gulrajani et al. 2017, algorithm 1), of any generator and critic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..adversarial import lipschitz
from ..adversarial.objectives import Objective


@dataclass
class Updates:
    """One step of either player against the other as it is.

    Args:
        accelerator: device, processes and mixed precision.
        critic: samples, and their condition if they have one, to scores (B,).
        critic_step: the prepared `steps.CriticStep` of that critic.
        generator_step: the prepared module from noise, and a condition if there is one, to samples with a gradient.
        critic_optimizer, generator_optimizer: prepared.
        objective: of both players.
        clipping: bound of the critic's weights after each of its steps, or None.
    """

    accelerator: Accelerator
    critic: nn.Module
    critic_step: nn.Module
    generator_step: nn.Module
    critic_optimizer: torch.optim.Optimizer
    generator_optimizer: torch.optim.Optimizer
    objective: Objective
    clipping: float | None = None

    def critic_update(
        self, real: Tensor, fake: Tensor, alpha: Tensor, penalised: bool = True, *condition: Tensor
    ) -> dict[str, Tensor]:
        """The arguments of `steps.CriticStep.forward`; its numbers, detached."""
        parts = self.critic_step(real, fake, alpha, penalised, *condition)
        self.critic_optimizer.zero_grad()
        self.accelerator.backward(parts["critic_loss"])
        self.critic_optimizer.step()
        if self.clipping:
            lipschitz.clip_weights(self.critic, self.clipping)
        return {k: v.detach() for k, v in parts.items()}

    def generator_update(self, noise: Tensor, real: Tensor | None = None, *condition: Tensor) -> dict[str, Tensor]:
        """`real` are as many real samples of the same condition, for an objective that is paired."""
        self.critic.requires_grad_(False)
        fake = self.generator_step(noise, *condition)
        with self.accelerator.autocast(), parametrize.cached():  # both by the same weights
            scores = self.critic(fake, *condition).float()
            real_scores = None if real is None else self.critic(real, *condition).float()
        loss = self.objective.generator(real_scores, scores).mean()
        self.generator_optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.generator_optimizer.step()
        self.critic.requires_grad_(True)
        return {"generator_loss": loss.detach()}
