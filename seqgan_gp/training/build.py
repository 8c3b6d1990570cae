"""Builds the parts of `adversarial` from a config, and prepares them for devices with accelerate."""

from __future__ import annotations

import copy

from accelerate import Accelerator
from torch import nn

from ..adversarial.game import CriticLoss, Game
from ..adversarial.gradients import Gradients
from ..adversarial.objectives import OBJECTIVES
from ..adversarial.penalty import MIXINGS, SIDES, Penalty
from ..adversarial.reranker import Reranker, WordDropout
from ..config import Experiment, PenaltyConfig, RerankingConfig, RevisionConfig
from ..models.backbones import hidden_matrices
from .optimizers import make_optimizer
from .recording import make_gradients

# Betas of Adam and its variants, unless the config sets them.
BETAS = (0.0, 0.9)  # those of Gulrajani et al. 2017, algorithm 1, for two players whose targets move
STILL_BETAS = (0.9, 0.999)  # the reranker's target does not move


def make_penalty(config: PenaltyConfig) -> Penalty:
    """Build the penalty of a config."""
    return Penalty(
        weight=config.weight,
        side=SIDES[config.sided],
        at=frozenset(config.at),
        one_hot=config.space == "one-hot",
        mix=MIXINGS[config.mixing],
        every=config.every,
    )


def precise(accelerator: Accelerator, player: nn.Module) -> nn.Module:
    """A prepared player that computes in float32, also under mixed precision.

    bfloat16 has three digits at most, too few for logits. Characters had a 4-gram JSD of .465 after 6,000 steps, and
    .354 in float32 (docs/experiments.md).
    """
    accelerator.unwrap_model(player, keep_fp32_wrapper=False)  # removes accelerate's mixed precision in place
    return player


def make_game(accelerator: Accelerator, generator: nn.Module, critic: nn.Module, config: Experiment) -> Game:
    """Build the game of a config with new optimisers, ready for the device and the processes.

    Args:
        generator: the player, from noise to samples that the critic embeds; see Game.
    """
    train, objective, penalty = config.train, OBJECTIVES[config.objective], make_penalty(config.penalty)
    prepared = accelerator.prepare(
        generator,
        CriticLoss(critic, objective, penalty),
        make_optimizer("train.generator", train.generator, generator.parameters(), BETAS, hidden_matrices(generator)),
        make_optimizer("train.critic", train.critic, critic.parameters(), BETAS, hidden_matrices(critic)),
    )
    player, critic_loss, generator_optimizer, critic_optimizer = prepared
    return Game(
        precise(accelerator, player),
        critic,
        critic_loss,
        generator_optimizer,
        critic_optimizer,
        objective=objective,
        penalty=penalty,
        critic_steps=train.critic_steps,
        clipping=config.clipping,
        substitutions=config.substitutions,
        gradients=make_gradients(accelerator, train.cuda_graphs),
        autocast=accelerator.autocast,
    )


def make_revision(accelerator: Accelerator, game: Game, reviser: nn.Module, config: RevisionConfig) -> Game:
    """Build the game of a reviser with the critic of `game`, ready for the device and the processes.

    Args:
        reviser: the player, from noise to samples that the critic embeds; only its weights that want a gradient learn.
    """
    learning = [weight for weight in reviser.parameters() if weight.requires_grad]
    revision = copy.copy(game)
    player, revision.generator_optimizer = accelerator.prepare(
        reviser, make_optimizer("revision.optimizer", config.optimizer, learning, BETAS, hidden_matrices(reviser))
    )
    revision.generator = precise(accelerator, player)
    revision.substitutions = config.substitutions or 0
    return revision


def make_reranker(
    accelerator: Accelerator, discriminator: nn.Module, config: RerankingConfig, gradients: Gradients | None = None
) -> Reranker:
    """Build the reranker of a config, ready for the device and the processes.

    Args:
        gradients: computes the loss, and its gradients; by default, with accelerate's backward pass.
    """
    key, weights, hidden = "reranking.optimizer", discriminator.parameters(), hidden_matrices(discriminator)
    loss, optimizer = accelerator.prepare(
        CriticLoss(WordDropout(discriminator, config.dropout), OBJECTIVES["non-saturating"]),
        make_optimizer(key, config.optimizer, weights, STILL_BETAS, hidden),
    )
    return Reranker(discriminator, loss, optimizer, config.optimizer.lr, gradients or Gradients(accelerator.backward))
