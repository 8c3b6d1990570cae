"""Adversarial training: the game of `adversarial` with an experiment's data, learning rates and moving averages.

A run has up to three parts: the game of the generator, the game of the reviser, and the training of the reranker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from ..adversarial.game import Batch, Game
from ..artefacts import evaluating
from ..config import Experiment, OptimizerConfig
from ..errors import UserError
from ..machine import moved, onto
from ..memory import weights
from ..models.rectifiers import Rectified
from .average import MovingAverage
from .base import BaseTrainer
from .batches import Batches
from .build import BETAS, make_game, make_reranker, make_revision
from .checkpoint import Record, State
from .optimizers import states
from .task import Task

CANDIDATES = 50_000  # different ones that the reranker learns from
REVISES = 2_000  # steps; a reviser that has far fewer hardly changes a draft
EARLY = 0.4  # fraction of the reranker's steps that see revisions of any pass, so that it does not forget their errors


def learning_rate_factor(done: float, decay_from: float) -> float:
    """1 until the fraction `decay_from` is done, then linearly down to 0 at the end."""
    return 1.0 if done <= decay_from else (1 - done) / (1 - decay_from)


def first_step(begins: float, steps: int) -> int:
    """The first of so many steps that a part of the training has, which begins at a fraction of them."""
    near = int(begins * steps)
    return next((step for step in range(max(near - 1, 0), near + 2) if step / steps >= begins), near)


class Trainer(BaseTrainer):
    """Trains generator and critic by the game, and then the reviser and the reranker, if the config asks for them.

    All processes draw the same noise and the same interpolation for every step. Gumbel noise differs between them.
    """

    BETAS = BETAS

    def __init__(self, accelerator: Accelerator, task: Task[Any]):
        super().__init__(accelerator, task)
        config: Experiment = task.config
        self.batches = Batches(len(task.real), config.train.batch_size, config.seed)

        set_seed(config.seed)
        self.generator, self.critic = task.build_generator(), task.build_critic()
        player = task.player(self.generator)
        set_seed(config.seed, device_specific=True)  # Gumbel noise differs between processes
        self.game = make_game(accelerator, player, self.critic, config)
        self.average = MovingAverage(self.generator, config.train.average)
        revision, reranking = config.reviser, config.reranker
        self.reranker = None
        if reranking:
            self.reranker = make_reranker(accelerator, task.build_critic(), reranking, self.game.gradients)
        self._candidates: dict[tuple[int, bool], Tensor] = {}  # of each turn, early or not, as int32: half the memory
        self.game_ends, self.revision_ends = config.ends
        self.revision = None
        if revision:
            self.reviser = task.build_reviser()
            # Drafts come from the average of the generator, which is frozen by then.
            self.average.requires_grad_(False)
            self.revising = task.revising(self.average.module, self.reviser)
            self.revision = make_revision(accelerator, self.game, task.player(self.revising), revision)
            self.revised_average = MovingAverage(self.reviser, config.train.average)  # on its device

    @staticmethod
    def optimizers(config: Experiment) -> dict[str, OptimizerConfig]:
        optimizers = {"train.critic": config.train.critic, "train.generator": config.train.generator}
        if config.reviser:
            optimizers["revision.optimizer"] = config.reviser.optimizer
        if config.reranker:
            optimizers["reranking.optimizer"] = config.reranker.optimizer
        return optimizers

    @staticmethod
    def check(task: Task[Any]) -> None:
        """Raise a UserError if no step is left for the reviser or the discriminator. One training sample is enough."""
        config, steps = task.config, task.config.train.steps
        if config.train.seconds:
            return
        game_ends, revision_ends = config.ends
        parts = (
            ("revision", config.reviser, "the reviser", "revision.passes 0", game_ends, revision_ends),
            ("reranking", config.reranker, "the discriminator", "reranking.candidates 1", revision_ends, 1.0),
        )
        for name, part, learner, without, begins, ends in parts:
            if part and first_step(begins, steps) == first_step(ends, steps):
                raise UserError(
                    f"train.steps is {steps}, and {name}.share {part.share:g} of it is no whole step for {learner}: "
                    f"give at least {math.ceil(1 / part.share)} steps, or {without}"
                )

    @staticmethod
    def needs(task: Task[Any], processes: int) -> float:
        """Weights with gradients, states of optimisers, the moving averages, the reviser and the discriminator; the
        buckets of several processes; and the tensors of a batch.
        """
        config = task.config
        plain = replace(config, critic=replace(config.critic, parametrization="none"))  # as large, and built sooner
        generator, critic = weights(task.build_generator), weights(task.resized(plain).build_critic)
        reviser = weights(task.build_reviser) if config.reviser else 0.0
        kept = generator * (3 + states(config.train.generator)) + critic * (2 + states(config.train.critic))
        if config.reviser:
            kept += reviser * (3 + states(config.reviser.optimizer))
        if config.reranker:
            kept += critic * (2 + states(config.reranker.optimizer))
        if processes > 1:
            kept += generator + reviser + critic
        return kept + task.batch_needs(config.train.batch_size // processes)

    def step(self) -> dict[str, Tensor]:
        """Take a step of the game, then of the reviser's game, then of the reranker."""
        done = self.done
        if done < self.game_ends:
            parts = self._step_generator(done / self.game_ends)
        elif done < self.revision_ends:
            parts = self._step_reviser((done - self.game_ends) / (self.revision_ends - self.game_ends))
        else:
            parts = self._step_discriminator()
        self.progress.step += 1
        return parts

    def _step_generator(self, done: float) -> dict[str, Tensor]:
        """Take a step of the generator's game, of which a fraction is done, and update the moving average."""
        config = self.config.train
        if self.revision:  # a run that is resumed with more steps may go back to this game
            self.revised_average.n_averaged.zero_()
        parts = self._play(self.game, learning_rate_factor(done, config.decay_from), config.generator.lr)
        self.average.update_parameters(self.generator)
        return parts

    def _step_reviser(self, done: float) -> dict[str, Tensor]:
        """Take a step of the reviser's game, of which a fraction is done, and update its moving average."""
        assert self.revision and self.config.reviser
        if not self._revised:
            self.revision.generator_optimizer.state.clear()  # drop the moments of an earlier start
        parts = self._play(self.revision, learning_rate_factor(done, 0), self.config.reviser.optimizer.lr)
        self.revised_average.update_parameters(self.reviser)
        return parts

    def _play(self, game: Game, factor: float, rate: float) -> dict[str, Tensor]:
        """Take a step of a game with a factor of the learning rates."""
        rates = (game.critic_optimizer, self.config.train.critic.lr), (game.generator_optimizer, rate)
        for optimizer, base in rates:
            for group in optimizer.param_groups:
                group["lr"] = base * factor
        if self.reranker:
            self.reranker.forget()
            self._candidates.clear()
        return game.play(self.progress.step, self.draw, self._noise)

    def _step_discriminator(self) -> dict[str, Tensor]:
        """Take a step of the reranker on a real batch and as many candidates under the same conditions.

        Nothing that writes samples changes any more. So the steps go through CANDIDATES of them again and again, beside
        the same real ones, and only the first round draws them. Where sampling chooses among revisions of a later pass,
        the first steps, EARLY, have candidates of any pass up to it. With one pass they have others of the same kind.
        """
        assert self.reranker and self.config.reranker
        turn = self.reranker.steps % max(1, CANDIDATES // self.batches.size)
        rows = self.batches[turn]
        known = self.task.condition_rows
        given = None if known is None else onto(known[rows], self.accelerator.device)
        part = (self.done - self.revision_ends) / (1 - self.revision_ends)
        early = self.revision is not None and part < EARLY
        if (turn, early) not in self._candidates:  # a resumed run draws those of its turns once more
            rng, sampling = np.random.default_rng((self.config.seed, turn, 2 if early else 1)), self._sampling
            if last := self.config.reranker.passes:
                sampling = sampling.with_passes(1 + turn % last if early else last)
            drawn = self.task.candidates(sampling, len(rows), rng, given)[self.own_rows]
            self._candidates[turn, early] = drawn.to(torch.int32)
        fake, factor = self._candidates[turn, early].long(), 1 - part
        condition = None if given is None else given[self.own_rows]
        return self.reranker.update(self.critic, self._real(rows), fake, factor, condition)

    def draw(self, number: int) -> Batch:
        """This process's share of the batch of critic update `number`."""
        rows = self.batches[number]
        alpha = self.game.penalty.mix(self.progress.rng, len(rows), self.task.real.shape[1])
        known = self.task.condition_rows
        condition = None if known is None else self._own(known[rows])
        return Batch(self._real(rows), self._noise(), self._own(alpha), condition)

    def _real(self, rows: np.ndarray) -> Tensor:
        return self._own(self.task.real[rows])

    def _noise(self) -> Tensor:
        drafting = self.done < self.game_ends or not self.revision
        player = self.generator if drafting else self.revising
        return moved(player.sample_noise(self.batches.size, self.progress.rng)[self.own_rows], self.accelerator.device)

    def _own(self, batch: np.ndarray) -> Tensor:
        """This process's share of a batch, on its device."""
        return onto(batch[self.own_rows], self.accelerator.device)

    def sampler(self) -> Any:
        """A sampler with the moving averages, and the discriminator once its training has begun."""
        return self.task.sampler(self._sampling, self._discriminator)

    def health(self) -> dict[str, float]:
        """The fractions of dead units of the generator and of the critic, on a batch from the same noise at every
        evaluation, and the numbers of `Task.look`.
        """
        generator: Any = self._sampling
        known = self.task.condition_rows
        number = self.batches.size if known is None else min(self.batches.size, len(known))
        noise = generator.sample_noise(number, np.random.default_rng(0)).to(self.accelerator.device)
        given = None if known is None else onto(known[np.arange(number)], self.accelerator.device)
        player, devices = self.task.player(generator), [noise.device] if noise.is_cuda else []
        with torch.random.fork_rng(devices), evaluating(player, self.critic):
            with Rectified() as drawing:
                samples, numbers = self.task.look(player, noise, given)
            with Rectified() as scoring:
                self.critic(samples) if given is None else self.critic(samples, given)
        dead = {"dead_generator": drawing.dead, "dead_critic": scoring.dead}
        return {name: fraction for name, fraction in dead.items() if fraction is not None} | numbers

    def remarks(self) -> list[str]:
        if self.revision is None or (steps := int(self.revised_average.n_averaged)) >= REVISES:
            return []
        return [
            f"the reviser learned for {steps:,} steps, and it needs about {REVISES:,} until it writes better sentences "
            "than the generator: train for longer, or pass --revision.passes 0, which gives the generator its time"
        ]

    @property
    def _sampling(self) -> Any:
        """The moving average of the generator, with that of the reviser once its training has begun."""
        if not self._revised:
            return self.average.module
        return self.task.revising(self.average.module, self.revised_average.module)

    @property
    def _revised(self) -> bool:
        return self.revision is not None and bool(self.revised_average.n_averaged)

    @property
    def _discriminator(self) -> nn.Module | None:
        return self.reranker.discriminator if self.reranker and self.reranker.steps else None

    def learning_rates(self) -> dict[str, float]:
        optimizers = {"critic_lr": self.game.critic_optimizer, "generator_lr": self.game.generator_optimizer}
        if self.revision and self._revised:
            optimizers = {"critic_lr": self.game.critic_optimizer, "reviser_lr": self.revision.generator_optimizer}
        if self.reranker and self.reranker.steps:
            optimizers = {"discriminator_lr": self.reranker.optimizer}
        return {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}

    def state(self) -> State:
        bare = self.accelerator.unwrap_model
        networks = {"player": bare(self.game.generator), "critic": bare(self.game.critic_loss), "average": self.average}
        optimizers = {"player": self.game.generator_optimizer, "critic": self.game.critic_optimizer}
        records: dict[str, Record] = {"progress": self.progress}
        if self.revision:
            networks |= {"reviser": self.reviser, "revised": self.revised_average}
            optimizers["reviser"] = self.revision.generator_optimizer
        if self.reranker:
            networks["reranker"] = bare(self.reranker.loss)
            optimizers["reranker"] = self.reranker.optimizer
            records["reranker"] = self.reranker
        return State(networks, optimizers, records)

    def networks(self) -> Mapping[str, nn.Module]:
        networks = {"generator": self.average.module, "critic": self.critic}
        if self._revised:
            networks["reviser"] = self.revised_average.module
        return networks | ({"discriminator": self._discriminator} if self._discriminator else {})
