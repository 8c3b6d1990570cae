"""What the loop asks of a modality: where real samples come from, the networks, how samples are scored and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from torch import Tensor, nn

from ..config import Experiment

# By name, so that a run imports nothing of the other modalities.
TASKS = {"text": "seqgan_gp.training.text:TextTask", "images": "seqgan_gp.images.task:ImageTask"}

Panel = tuple[str, tuple[str, ...]]
"""A picture among the curves: its title, and the keys of metrics.jsonl that it shows."""


class Evaluator(ABC):
    """Draws samples and scores them, beside what as many real ones score."""

    PANELS: ClassVar[tuple[Panel, ...]]
    HEADLINE: ClassVar[tuple[str, ...]]  # the scores that the terminal shows

    real: Mapping[str, Any]
    """Scores of real samples, by the keys of those of generated ones."""

    @abstractmethod
    def __call__(self, sampler: Any, path: Path) -> tuple[Mapping[str, Any], list[str]]:
        """Scores of new samples of `Task.sampler`, and lines of them to show; the samples themselves are written to
        `path`, with a suffix of their kind.
        """


Kind = TypeVar("Kind", bound=Experiment)


class Task(ABC, Generic[Kind]):
    """Samples of one modality, as one experiment has them.

    To the loop, samples are rows of arrays of any shape; only a task and its networks know what they are.
    """

    EXAMPLE: str  # of options of `seqgan-gp sample`

    config: Kind

    @property
    @abstractmethod
    def real(self) -> np.ndarray:
        """Training samples (N, ...), as the critic embeds them."""

    @property
    def conditions(self) -> tuple[np.ndarray, ...]:
        """What each of them is given: one array (N, ...), which both networks take as second argument; or nothing."""
        return ()

    @classmethod
    @abstractmethod
    def load(cls, config: Kind) -> Self:
        """The task with the data that the config names.

        Raises:
            UserError: there are none, or they are of no use.
        """

    @classmethod
    @abstractmethod
    def read(cls, config: Kind, run: Path) -> Self:
        """The task as `write` left it in a run folder."""

    @abstractmethod
    def write(self, run: Path) -> None:
        """Everything that `read` needs besides the config."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """What a checkpoint holds besides the config and the weights."""

    @abstractmethod
    def describe(self) -> list[str]:
        """Lines that tell the user what was loaded; the first goes on after the name of the run folder."""

    @abstractmethod
    def build_generator(self) -> Any:
        """The network that samples: a module with `sample_noise(batch, rng) -> noise (batch, ...)`."""

    @abstractmethod
    def build_critic(self) -> nn.Module:
        """The network that scores; see `adversarial.game`."""

    @abstractmethod
    def player(self, generator: nn.Module) -> nn.Module:
        """From noise, and a condition if there is one, to what the critic embeds. Where no gradient is asked for, it
        may give the same in a form that is cheaper to embed.
        """

    def candidates(self, generator: nn.Module, num: int, rng: np.random.Generator, *condition: Tensor) -> Tensor:
        """Samples (num, ...) to choose from, as the critic embeds them, where `config.reranker` asks for some."""
        raise NotImplementedError

    @abstractmethod
    def sampler(self, generator: nn.Module, discriminator: nn.Module | None = None) -> Any:
        """What `Evaluator` draws from: a generator with everything that makes its outputs samples, and the
        discriminator that chooses among them, if one has learned to.
        """

    @abstractmethod
    def evaluator(self) -> Evaluator:
        """The evaluator of this data."""


def task_of(config: Experiment) -> type[Task]:
    """The task of the config's modality."""
    return resolve_name(TASKS[config.modality])
