"""What the loop of an experiment asks of a trainer, whatever the method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from accelerate import Accelerator
from torch import Tensor, nn

from .. import pretrained
from ..config import Config, OptimizerConfig
from ..text.tokenizer import Tokenizer
from . import checkpoint


class BaseTrainer(ABC):
    """Networks, optimisers and data of one run.

    The batch of every step is drawn by all processes alike, and each takes its share: a run does not depend on how many
    processes it is spread over, but for rounding and what is drawn inside a network.

    Args:
        accelerator: device, processes and mixed precision.
        config: the experiment.
        tokenizer: of the run.
        train: training sentences.
    """

    BETAS: ClassVar[tuple[float, float]]  # of Adam and its kin, unless the config says otherwise

    def __init__(self, accelerator: Accelerator, config: Config, tokenizer: Tokenizer, train: list[str]):
        self.accelerator, self.config, self.tokenizer = accelerator, config, tokenizer
        self.encoded = tokenizer.encode(train, config.tokenizer.length)
        share = config.train.batch_size // accelerator.num_processes
        self.share = slice(accelerator.process_index * share, (accelerator.process_index + 1) * share)
        self.progress = checkpoint.Progress(config.seed)

    @staticmethod
    @abstractmethod
    def optimizers(config: Config) -> dict[str, OptimizerConfig]:
        """The optimisers that the method uses, by key of the config."""

    @staticmethod
    @abstractmethod
    def check(config: Config, sentences: int) -> None:
        """Raise a UserError if so many training sentences are too few for the config."""

    @abstractmethod
    def step(self) -> dict[str, Tensor]:
        """One step; numbers to log, causes before what they enter into. A key may be left out of some steps."""

    def validate(self) -> dict[str, float]:
        """After each step: numbers on validation sentences, where that is due."""
        return {}

    @property
    def finished(self) -> bool:
        train, progress = self.config.train, self.progress
        return progress.step >= train.steps or (train.seconds is not None and progress.seconds >= train.seconds)

    @abstractmethod
    def learning_rates(self) -> dict[str, float]:
        """Numbers to log, by name."""

    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """What a checkpoint holds, by the names of pretrained.METHODS; `generator` with the weights that sample."""

    @abstractmethod
    def sampler(self) -> pretrained.Generator:
        """What samples."""

    def save(self, run: Path) -> Path:
        """Write a checkpoint of this step."""
        parts = self.config, self.tokenizer, self.networks()
        return checkpoint.save(self.accelerator, run, self.progress.step, self.config.train.keep, *parts)
