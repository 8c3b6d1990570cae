"""The interface between the loop and a modality: its data, networks, scores and pictures."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from torch import Tensor, nn

from ..config import Experiment
from ..modality import modality

Panel = tuple[str, tuple[str, ...]]
"""A panel of curves.png: its title, and the keys of metrics.jsonl that it shows."""


class Rows(Protocol):
    """Rows of an array, which may be in a file and not in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole array."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> np.ndarray: ...


class Evaluator(ABC):
    """Draws samples and scores them, and scores as many real ones for comparison."""

    PANELS: ClassVar[tuple[Panel, ...]]
    HEADLINE: ClassVar[tuple[str, ...]]  # the scores that the terminal shows
    REAL: ClassVar[str]  # the word for real samples

    real: Mapping[str, Any]
    """Scores of real samples, under the same keys as those of generated samples."""

    @abstractmethod
    def __call__(self, sampler: Any, path: Path) -> tuple[Mapping[str, Any], list[str]]:
        """Draw samples from `Task.sampler`, and return their scores and lines to show.

        The samples are written to `path`, with the suffix of their kind.
        """


Kind = TypeVar("Kind", bound=Experiment)


class Task(ABC, Generic[Kind]):
    """The data, networks and scores of one experiment.

    To the loop, samples are rows of arrays of any shape. Only a task and its networks know their meaning.
    """

    EXAMPLE: str  # example options of `seqgan-gp sample`
    EVALUATOR: ClassVar[type[Evaluator]]  # the class of `evaluator()`

    config: Kind

    @property
    @abstractmethod
    def real(self) -> Rows:
        """Training samples (N, ...), in the form that the critic embeds."""

    @property
    def condition_rows(self) -> Rows | None:
        """The conditions of the training samples, (N, ...), the second argument of both networks; None without one."""
        return None

    @classmethod
    @abstractmethod
    def load(cls, config: Kind, check: Callable[[Self], None] | None = None) -> Self:
        """Load the task with the data that the config names.

        Args:
            check: is called with the task before work that takes long, when the sizes of its data and of its networks
                are known. It raises a UserError if the run would fail.

        Raises:
            UserError: the data are missing or unusable.
        """

    @classmethod
    @abstractmethod
    def read(cls, config: Kind, run: Path) -> Self:
        """Read the task from the files that `write` wrote into a run folder."""

    @classmethod
    @abstractmethod
    def is_local(cls, config: Kind) -> bool:
        """Whether the data come from files that the user may have edited since the run began."""

    @abstractmethod
    def same_data(self, other: Self) -> bool:
        """Whether another task has the same samples, in the same split."""

    @abstractmethod
    def write(self, run: Path) -> None:
        """Write everything that `read` needs besides the config."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the files of a checkpoint besides its config and weights."""

    @abstractmethod
    def describe(self) -> list[str]:
        """Lines about the loaded data for the user. The first follows the name of the run folder."""

    def resized(self, config: Kind) -> Self:
        """This task with the sizes of another config, to build its networks."""
        other = copy.copy(self)
        other.config = config
        return other

    def batch_needs(self, rows: int) -> float:
        """The bytes that a step on a process's `rows` samples of a batch surely needs, or an evaluation if that is
        more; see `memory`.
        """
        return 0.0

    @abstractmethod
    def build_generator(self) -> Any:
        """Build the generator: a module with `sample_noise(batch, rng) -> noise (batch, ...)`."""

    @abstractmethod
    def build_critic(self) -> nn.Module:
        """Build the critic; see `adversarial.game`."""

    @abstractmethod
    def player(self, generator: nn.Module) -> nn.Module:
        """Build the player: from noise, and a condition if there is one, to samples that the critic embeds.

        When gradients are off, it may return a form that is cheaper to embed.
        """

    def look(self, player: nn.Module, noise: Tensor, condition: Tensor | None) -> tuple[Any, dict[str, float]]:
        """Samples of a player without a gradient, and numbers about how it made them, for the metrics of the run."""
        return player(noise) if condition is None else player(noise, condition), {}

    def build_reviser(self) -> nn.Module:
        """Build the reviser. Only runs with revisions call this."""
        raise NotImplementedError

    def revising(self, draft: nn.Module, reviser: nn.Module) -> Any:
        """Build the generator that drafts with one network and revises with the other, with `sample_noise` as above.

        `player` takes it, too. Only runs with revisions call this.
        """
        raise NotImplementedError

    def candidates(
        self, generator: nn.Module, num: int, rng: np.random.Generator, condition: Tensor | None = None
    ) -> Tensor:
        """Draw candidates (num, ...), in the form that the critic embeds. Only runs with a reranker call this."""
        raise NotImplementedError

    @abstractmethod
    def sampler(self, generator: nn.Module, discriminator: nn.Module | None = None) -> Any:
        """Build the sampler for `Evaluator`: a generator that gives finished samples. It reranks them if there is a
        discriminator.
        """

    @abstractmethod
    def evaluator(self) -> Evaluator:
        """Build the evaluator of this data."""


def task_of(config: Experiment) -> type[Task[Any]]:
    """The task of the config's modality."""
    return resolve_name(modality(config.modality).task)
