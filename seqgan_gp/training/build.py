"""From a config to the parts of `adversarial`: names become functions, and accelerate makes them ready for devices."""

from __future__ import annotations

from accelerate import Accelerator
from torch import nn

from ..adversarial.game import CriticLoss, Game
from ..adversarial.objectives import OBJECTIVES
from ..adversarial.penalty import MIXINGS, SIDES, Penalty
from ..adversarial.reranker import Forgetful, Reranker
from ..config import Experiment, PenaltyConfig, RerankingConfig
from .setup import make_optimizer

# Adam and its kin have these unless the config says otherwise.
BETAS = (0.0, 0.9)  # momentum harms a critic whose target moves (Gulrajani et al. 2017, algorithm 1)
STILL_BETAS = (0.9, 0.999)  # the reranker's target stands still


def make_penalty(config: PenaltyConfig) -> Penalty:
    """The penalty that a config describes."""
    return Penalty(
        weight=config.weight,
        side=SIDES[config.sided],
        at=frozenset(config.at),
        one_hot=config.space == "one-hot",
        mix=MIXINGS[config.mixing],
        every=config.every,
    )


def make_game(accelerator: Accelerator, generator: nn.Module, critic: nn.Module, config: Experiment) -> Game:
    """The game that a config describes, with optimisers of its own, ready for the device and the processes.

    Args:
        generator: from noise to samples that the critic embeds; see Game.
    """
    train, objective, penalty = config.train, OBJECTIVES[config.objective], make_penalty(config.penalty)
    prepared = accelerator.prepare(
        generator,
        CriticLoss(critic, objective, penalty),
        make_optimizer("train.generator", train.generator, generator.parameters(), BETAS),
        make_optimizer("train.critic", train.critic, critic.parameters(), BETAS),
    )
    player, critic_loss, generator_optimizer, critic_optimizer = prepared
    return Game(
        player,
        critic,
        critic_loss,
        generator_optimizer,
        critic_optimizer,
        objective=objective,
        penalty=penalty,
        critic_steps=train.critic_steps,
        clipping=config.clipping,
        backward=accelerator.backward,
        autocast=accelerator.autocast,
    )


def make_reranker(accelerator: Accelerator, discriminator: nn.Module, config: RerankingConfig) -> Reranker:
    """The reranker that a config describes, ready for the device and the processes, and a part of checkpoints."""
    loss, optimizer = accelerator.prepare(
        CriticLoss(Forgetful(discriminator, config.dropout), OBJECTIVES["non-saturating"]),
        make_optimizer("reranking.optimizer", config.optimizer, discriminator.parameters(), STILL_BETAS),
    )
    reranker = Reranker(discriminator, loss, optimizer, config.optimizer.lr, accelerator.backward)
    accelerator.register_for_checkpointing(reranker)
    return reranker
