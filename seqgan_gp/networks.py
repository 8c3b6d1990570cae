"""Builds the networks of text from a config, and loads them from a checkpoint."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import nn

from .adversarial.constraints import PARAMETRIZATIONS
from .artefacts import FILES, LABELS, TOKENIZER, check_complete, load_weights, read_config
from .config.text import TextConfig
from .errors import UserError
from .memory import LARGER, check, weights
from .modality import modality
from .models.conditions import ContextEncoder, Encoder, LabelEncoder
from .models.critic import CriticNetwork
from .models.generator import GeneratorNetwork
from .models.language_model import LanguageModelNetwork
from .models.relaxations import RELAXATIONS, Relaxation
from .models.reviser import ReviserNetwork, RevisingGenerator
from .text.conditions import Condition, Contexts, Labels
from .text.tokenizer import Tokenizer


def condition_of(config: TextConfig, tokenizer: Tokenizer, labels: Callable[[], Labels]) -> Condition | None:
    """The kind of condition of an experiment's sentences; None without one.

    Args:
        labels: function that gets the labels, called only if the condition is a label.
    """
    if config.corpus.label:
        return labels()
    if config.corpus.context:
        return Contexts(tokenizer, config.condition.length or config.tokenizer.positions)
    return None


def _label_encoder(config: TextConfig, labels: Labels) -> Encoder:
    return LabelEncoder(len(labels.counts), config.condition.features)


def _context_encoder(config: TextConfig, contexts: Contexts) -> Encoder:
    options = dataclasses.asdict(config.condition)
    sizes = options.pop("length") or config.tokenizer.positions, config.tokenizer.positions
    return ContextEncoder(len(contexts.tokenizer), contexts.tokenizer.pad, *sizes, **options)


ENCODERS: dict[type[Condition], Callable[[TextConfig, Any], Encoder]] = {
    Labels: _label_encoder,
    Contexts: _context_encoder,
}


def _encoder(config: TextConfig, condition: Condition | None) -> Encoder | None:
    """Build the encoder of a condition; None without one."""
    return ENCODERS[type(condition)](config, condition) if condition else None


def make_relaxation(config: TextConfig) -> Relaxation:
    """Build the relaxation of a config."""
    return RELAXATIONS[config.relaxation.kind](config.relaxation.temperature)


def build_generator(config: TextConfig, tokenizer: Tokenizer, condition: Condition | None = None) -> GeneratorNetwork:
    sizes, encoder = (len(tokenizer), config.tokenizer.positions), _encoder(config, condition)
    network = GeneratorNetwork(*sizes, **dataclasses.asdict(config.generator), encoder=encoder)
    network.temperature = make_relaxation(config).sampling_temperature
    return network


def build_reviser(config: TextConfig, tokenizer: Tokenizer, condition: Condition | None = None) -> ReviserNetwork:
    sizes, encoder = (len(tokenizer), config.tokenizer.positions), _encoder(config, condition)
    shape = dataclasses.asdict(config.generator)
    return ReviserNetwork(*sizes, **shape, copy=config.revision.copy, encoder=encoder)


def revising(config: TextConfig, draft: nn.Module, reviser: nn.Module) -> RevisingGenerator:
    """Build the generator that drafts with one network and revises with the other."""
    assert isinstance(draft, GeneratorNetwork) and isinstance(reviser, ReviserNetwork)
    return RevisingGenerator(draft, reviser, config.passes, config.revision.temperature)


def build_critic(config: TextConfig, tokenizer: Tokenizer, condition: Condition | None = None) -> CriticNetwork:
    options = dataclasses.asdict(config.with_choices().critic)
    parametrize = PARAMETRIZATIONS[options.pop("parametrization")]
    sizes, encoder = (len(tokenizer), config.tokenizer.positions), _encoder(config, condition)
    network = CriticNetwork(*sizes, **options, encoder=encoder)
    parametrize(network)
    return network


def build_language_model(
    config: TextConfig, tokenizer: Tokenizer, condition: Condition | None = None
) -> LanguageModelNetwork:
    if condition is not None:
        raise UserError("a language model takes no corpus.label and no corpus.context: leave them out")
    sizes = len(tokenizer), config.tokenizer.positions, tokenizer.pad, tokenizer.end
    return LanguageModelNetwork(*sizes, **dataclasses.asdict(config.language_model))


Network = TypeVar("Network", bound=nn.Module)


class Loaded(NamedTuple, Generic[Network]):
    """A network of a checkpoint, with the tokenizer and the condition that give its inputs and outputs a meaning."""

    network: Network
    tokenizer: Tokenizer
    condition: Condition | None
    config: TextConfig


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """The networks of a checkpoint as its config and its other files describe them, without their weights."""

    folder: Path
    config: TextConfig
    tokenizer: Tokenizer
    condition: Condition | None

    @classmethod
    def read(cls, folder: Path) -> Blueprint:
        """Read the files of a checkpoint.

        Raises:
            UserError: the checkpoint is incomplete or of another modality, or its files do not belong together.
        """
        config = read_config(folder, TextConfig)
        check_complete(folder, FILES)
        tokenizer = Tokenizer.load(folder / TOKENIZER)
        condition = condition_of(config, tokenizer, lambda: Labels.load(folder / LABELS))
        tokenizer = copy.copy(tokenizer)  # training reads contexts as they are
        tokenizer.uppercase = config.corpus.uppercase
        return cls(folder, config, tokenizer, condition)

    def build(self, part: str, kind: type[Network], what: str) -> Network:
        """Build the network `part` with random weights.

        Args:
            kind: the class that the network must have.
            what: the word for that class in messages.

        Raises:
            UserError: the method of the run has no such network, or it surely does not fit into memory.
        """
        builder = modality(self.config.modality).methods[self.config.method].networks.get(part)

        def build() -> Any:
            return resolve_name(builder)(self.config, self.tokenizer, self.condition) if builder else None

        if builder:
            check(weights(build), f"{self.folder}: its {what}", LARGER)
        network = build()
        if not isinstance(network, kind):
            raise UserError(
                f"{self.folder} was trained by method={self.config.method} and has no {what}: give a run that has one"
            )
        return network

    def loaded(self, network: Network) -> Loaded[Network]:
        """A network of the checkpoint, ready for use."""
        return Loaded(network.eval(), self.tokenizer, self.condition, self.config)


def load_network(folder: Path, part: str, kind: type[Network], what: str) -> Loaded[Network]:
    """Load the network `part` of a checkpoint. `Blueprint.build` has the arguments.

    Raises:
        UserError: the checkpoint is incomplete, of another modality or method, or its files do not belong together.
    """
    blueprint = Blueprint.read(folder)
    network = blueprint.build(part, kind, what)
    load_weights(folder, part, network)
    return blueprint.loaded(network)


def initial_network(folder: Path, part: str, kind: type[Network], what: str, seed: int) -> Loaded[Network]:
    """Build the network `part` of a checkpoint with the random weights that it has at the start of a training.

    Training builds the generator first and then the critic, after it has set the seed. So the seed of a run gives the
    critic that the run began with. The random numbers of the process stay as they are.

    Raises:
        UserError: as `load_network`.
    """
    blueprint = Blueprint.read(folder)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would set those of all devices
        blueprint.build("generator", nn.Module, "generator")
        network = blueprint.build(part, kind, what)
    return blueprint.loaded(network)
