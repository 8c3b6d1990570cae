"""What the loop of an experiment asks of a trainer, whatever the method."""

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
    """Networks and optimisers of one run, and how they are moved by data of its task.

    The batch of every step is drawn by all processes alike, and each takes its share: a run does not depend on how many
    processes it is spread over, but for rounding and what is drawn inside a network.

    Args:
        accelerator: device, processes and mixed precision.
        task: the experiment and its data.
    """

    BETAS: ClassVar[tuple[float, float]]  # of Adam and its kin, unless the config says otherwise

    def __init__(self, accelerator: Accelerator, task: Task[Any]):
        self.accelerator, self.task, self.config = accelerator, task, task.config
        config: Experiment = task.config
        share = config.train.batch_size // accelerator.num_processes
        self.share = slice(accelerator.process_index * share, (accelerator.process_index + 1) * share)
        self.progress = checkpoint.Progress(config.seed)

    @staticmethod
    @abstractmethod
    def optimizers(config: Any) -> dict[str, OptimizerConfig]:
        """The optimisers that the method uses, by key of the config."""

    @staticmethod
    @abstractmethod
    def check(task: Any) -> None:
        """Raise a UserError if there are too few training samples for the config."""

    @abstractmethod
    def step(self) -> dict[str, Tensor]:
        """One step; numbers to log, causes before what they enter into. A key may be left out of some steps."""

    def validate(self) -> dict[str, float]:
        """After each step: numbers on validation sentences, where that is due."""
        return {}

    @property
    def done(self) -> float:
        """The part of the training that is over, of the steps or of the time, whichever is nearer its end."""
        train, progress = self.config.train, self.progress
        return max(progress.step / train.steps, progress.seconds / train.seconds if train.seconds else 0.0)

    @property
    def finished(self) -> bool:
        return self.done >= 1

    @abstractmethod
    def learning_rates(self) -> dict[str, float]:
        """Numbers to log, by name."""

    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """What a checkpoint holds, by name; `generator` with the weights that sample."""

    @abstractmethod
    def sampler(self) -> Any:
        """What samples, as the task's evaluator draws from it."""

    def save(self, run: Path) -> Path:
        """Write a checkpoint of this step."""

        def write(folder: Path) -> None:
            artefacts.save(folder, self.config, self.networks())
            self.task.save(folder)

        return checkpoint.save(self.accelerator, run, self.progress.step, self.config.train.keep, write)
