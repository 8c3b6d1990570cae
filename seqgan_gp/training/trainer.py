"""The alternating loop of generator and critic: what each update is given, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..adversarial.lipschitz import MIXINGS
from ..adversarial.objectives import OBJECTIVES
from ..config import Experiment, OptimizerConfig
from .base import BaseTrainer
from .batches import Batches
from .chooser import Chooser
from .setup import make_optimizer
from .steps import CriticStep
from .task import Task
from .updates import Updates


def learning_rate_factor(done: float, decay_from: float) -> float:
    """1 up to `decay_from` of what there is to do, then linearly down to 0 at the end."""
    return 1.0 if done <= decay_from else (1 - done) / (1 - decay_from)


class Trainer(BaseTrainer):
    """The generator, the critic, their optimisers and the two updates; after them, if samples are to be chosen by a
    discriminator, that.

    The noise and the interpolation of every step, too, are drawn by all processes alike; only Gumbel noise is not.
    """

    BETAS = (0.0, 0.9)  # momentum harms a critic whose target moves (Gulrajani et al. 2017, algorithm 1)

    def __init__(self, accelerator: Accelerator, task: Task[Any]):
        super().__init__(accelerator, task)
        config: Experiment = task.config
        self.batches = Batches(len(task.real), config.train.batch_size, config.seed)

        set_seed(config.seed)
        generator, critic = task.build_generator(), task.build_critic()
        self.player = task.player(generator)
        self.objective = OBJECTIVES[config.objective]
        critic_step = CriticStep(critic, config.penalty, self.objective)
        set_seed(config.seed, device_specific=True)  # Gumbel noise differs between processes

        self.generator_step, self.critic_step, self.generator_optimizer, self.critic_optimizer = accelerator.prepare(
            self.player,
            critic_step,
            make_optimizer("train.generator", config.train.generator, generator.parameters(), self.BETAS),
            make_optimizer("train.critic", config.train.critic, critic.parameters(), self.BETAS),
        )
        self.generator, self.critic = generator, critic
        self.updates = Updates(
            accelerator,
            critic,
            self.critic_step,
            self.generator_step,
            self.critic_optimizer,
            self.generator_optimizer,
            self.objective,
            config.clipping,
        )
        self.average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(config.train.average))
        self.chooser = Chooser(accelerator, task.build_critic(), config.choosing) if config.choosing else None
        self.game = 1 - self.chooser.share if self.chooser else 1.0  # the part of the training that it takes
        accelerator.register_for_checkpointing(self.average, self.progress)

    @staticmethod
    def optimizers(config: Experiment) -> dict[str, OptimizerConfig]:
        optimizers = {"train.critic": config.train.critic, "train.generator": config.train.generator}
        if config.choosing:
            optimizers["resampling.optimizer"] = config.choosing.optimizer
        return optimizers

    @staticmethod
    def check(task: Task[Any]) -> None:
        pass  # one is enough

    def step(self) -> dict[str, Tensor]:
        """A step of the game, or of the discriminator once the game is over."""
        parts = self._play() if self.done < self.game else self._discriminate()
        self.progress.step += 1
        return parts

    def _play(self) -> dict[str, Tensor]:
        """`critic_steps` updates of the critic, one of the generator and of its average; the last numbers of each."""
        config, progress = self.config.train, self.progress
        factor = learning_rate_factor(self.done / self.game, config.decay_from)
        for optimizer, base in (
            (self.critic_optimizer, config.critic.lr),
            (self.generator_optimizer, config.generator.lr),
        ):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
        if self.chooser:  # resumed with more steps, a run may go back to the game
            self.chooser.forget()
        first = progress.step * config.critic_steps
        parts: dict[str, Tensor] = {}
        for number in range(first, first + config.critic_steps):
            penalised = number % self.config.penalty.every == 0
            parts |= self.update_critic(self.batches[number], penalised)
        parts |= self.update_generator()
        self.average.update_parameters(self.generator)
        return parts

    def _discriminate(self) -> dict[str, Tensor]:
        """One step of the discriminator on the real samples of a batch and as many candidates, given the same."""
        assert self.chooser is not None
        rows = self.batches[self.progress.step * self.config.train.critic_steps]
        given = [torch.from_numpy(g[rows]).to(self.accelerator.device) for g in self.task.conditions]
        fake = self.task.candidates(self.average.module, len(rows), self.progress.rng, *given)[self.share]
        factor = (1 - self.done) / (1 - self.game)
        return self.chooser.update(self.critic, self._real(rows), fake, factor, *(g[self.share] for g in given))

    def update_critic(self, rows: np.ndarray, penalised: bool = True) -> dict[str, Tensor]:
        """One step of the critic on the real samples of these rows (batch_size,) and as many generated ones, given the
        same.
        """
        mixing = MIXINGS[self.config.penalty.mixing]
        alpha = mixing(self.progress.rng, len(rows), self.task.real.shape[1])
        noise, condition = self._noise(), self._condition(rows)
        with torch.no_grad(), self.accelerator.autocast():
            fake = self.player(noise, *condition)
        return self.updates.critic_update(self._real(rows), fake, self._share(alpha), penalised, *condition)

    def update_generator(self) -> dict[str, Tensor]:
        """One step of the generator, given what the critic's last batch was; a paired objective also compares with the
        real samples of that.
        """
        rows = self.batches[(self.progress.step + 1) * self.config.train.critic_steps - 1]
        real = self._real(rows) if self.objective.paired else None
        return self.updates.generator_update(self._noise(), real, *self._condition(rows))

    def _real(self, rows: np.ndarray) -> Tensor:
        return self._share(self.task.real[rows])

    def _condition(self, rows: np.ndarray) -> tuple[Tensor, ...]:
        return tuple(self._share(given[rows]) for given in self.task.conditions)

    def _noise(self) -> Tensor:
        return self.generator.sample_noise(self.batches.size, self.progress.rng)[self.share].to(self.accelerator.device)

    def _share(self, batch: np.ndarray) -> Tensor:
        """This process's part of a batch, on its device."""
        return torch.from_numpy(batch[self.share]).to(self.accelerator.device)

    def sampler(self) -> Any:
        """What samples: the moving average of the generator, and the discriminator once it has learned something."""
        return self.task.sampler(self.average.module, self._discriminator)

    @property
    def _discriminator(self) -> nn.Module | None:
        return self.chooser.network if self.chooser and self.chooser.steps else None

    def learning_rates(self) -> dict[str, float]:
        optimizers = {"critic_lr": self.critic_optimizer, "generator_lr": self.generator_optimizer}
        if self.chooser and self.chooser.steps:
            optimizers = {"discriminator_lr": self.chooser.optimizer}
        return {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}

    def networks(self) -> Mapping[str, nn.Module]:
        networks = {"generator": self.average.module, "critic": self.critic}
        return networks | ({"discriminator": self._discriminator} if self._discriminator else {})
