"""The interface between the loop and a method of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from accelerate import Accelerator
from torch import Tensor, nn

from .. import artefacts
from ..config import Experiment, OptimizerConfig
from . import checkpoint
from .task import Task


class BaseTrainer(ABC):
    """The networks and optimisers of one run, and its training steps.

    All processes draw the same batch for every step, and each takes its share. So a run does not depend on the number
    of processes, except for rounding and random numbers drawn inside a network.

    Args:
        accelerator: device, processes and mixed precision.
        task: the experiment and its data.
    """

    BETAS: ClassVar[tuple[float, float]]  # for Adam and its variants, unless the config sets them

    def __init__(self, accelerator: Accelerator, task: Task[Any]):
        self.accelerator, self.task, self.config = accelerator, task, task.config
        config: Experiment = task.config
        share = config.train.batch_size // accelerator.num_processes
        self.own_rows = slice(accelerator.process_index * share, (accelerator.process_index + 1) * share)
        self.progress = checkpoint.Progress(config.seed)

    @staticmethod
    @abstractmethod
    def optimizers(config: Any) -> dict[str, OptimizerConfig]:
        """The configs of the method's optimisers, by their keys."""

    @staticmethod
    @abstractmethod
    def check(task: Any) -> None:
        """Raise a UserError if there are too few training samples for the config."""

    @staticmethod
    def needs(task: Any, processes: int) -> float:
        """The bytes that one of the processes surely needs to train on a task, a lower bound; see `memory`."""
        return 0.0

    @abstractmethod
    def step(self) -> dict[str, Tensor]:
        """Take one step, and return the numbers to log. Some steps may leave out a key.

        A number comes before those computed from it, so that the first one that is not finite is the cause.
        """

    def validate(self) -> dict[str, float]:
        """Called after each step; returns numbers on validation sentences when a validation is due, else nothing."""
        return {}

    def health(self) -> dict[str, float]:
        """Numbers that say whether the networks can still learn, for the metrics of an evaluation; perhaps none.

        The random state of torch stays as it is, so that evaluations do not change a run.
        """
        return {}

    def remarks(self) -> list[str]:
        """Lines to the user at the end of the run, where it did not train a part of its networks for long enough."""
        return []

    @property
    def done(self) -> float:
        """The finished fraction of the training, of the steps or of the time, whichever is larger."""
        train, progress = self.config.train, self.progress
        return max(progress.step / train.steps, progress.seconds / train.seconds if train.seconds else 0.0)

    @property
    def finished(self) -> bool:
        return self.done >= 1

    @abstractmethod
    def learning_rates(self) -> dict[str, float]:
        """The learning rates to log, by name."""

    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """The networks of a checkpoint, by name; `generator` has the weights for sampling."""

    @abstractmethod
    def state(self) -> checkpoint.State:
        """All that training changes, for a checkpoint to resume from."""

    @abstractmethod
    def sampler(self) -> Any:
        """The sampler that the task's evaluator draws from."""

    def save(self, run: Path) -> Path:
        """Write a checkpoint of this step. Every process calls this.

        Raises:
            UserError: the disk fails; earlier checkpoints are whole.
        """

        def write(folder: Path) -> None:
            artefacts.save(folder, self.config, self.networks())
            self.task.save(folder)

        step, keep = self.progress.step, self.config.train.keep
        return checkpoint.save(self.accelerator, run, step, keep, self.state(), write)
