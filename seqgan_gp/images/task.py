"""Training on images: load pixels, build networks, and score generated images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..memory import FLOAT
from ..training import task
from . import networks, pretrained
from .config import ImageConfig
from .data import Images, Splits, load_images
from .grid import save_grid
from .scorer import ImageScorer


class Evaluator(task.Evaluator):
    """Scores samples of a generator against one half of the held-out images, as it does the other half.

    Args:
        splits: the real images.
        samples: the number of images to draw for an evaluation, and the most to take from each half.
    """

    SEED = 0  # the same noise at every evaluation: curves show the generator, not the draw
    SHOWN = 100  # images in the picture of an evaluation
    HEADLINE = ("frechet", "frechet_pixels", "confidence", "smallest_class", "largest_class")
    REAL = "real images"
    PANELS = (
        ("Frechet distance, classifier's features", ("eval/frechet",)),
        ("Frechet distance, pixels", ("eval/frechet_pixels",)),
        ("classifier's confidence", ("eval/confidence",)),
        ("fraction in a class", ("eval/smallest_class", "eval/largest_class")),
    )

    def __init__(self, splits: Splits, samples: int):
        self.samples = samples
        reference, other = (splits.test.take(slice(first, 2 * samples, 2)) for first in (0, 1))
        self.scorer = ImageScorer(splits.train, reference)
        self.real = self.scorer.real(other)

    def __call__(self, sampler: pretrained.ImageGenerator, path: Path) -> tuple[dict[str, Any], list[str]]:
        pixels = np.concatenate(list(sampler.sample(self.samples, self.SEED)))
        picture = path.with_suffix(".png")
        save_grid(pixels[: self.SHOWN], picture)
        return self.scorer(pixels), [str(picture)]


class ImageTask(task.Task[ImageConfig]):
    """The task of a run on images, whose samples are arrays of pixels.

    Args:
        config: the experiment.
        splits: the training and the held-out images.
    """

    EXAMPLE = "--num 64 --out samples.png"
    EVALUATOR = Evaluator

    def __init__(self, config: ImageConfig, splits: Splits):
        self.config, self.splits = config, splits

    @classmethod
    def load(cls, config: ImageConfig, check: Callable[[ImageTask], None] | None = None) -> ImageTask:
        """Load the images that the config names."""
        task = cls(config, load_images(config.images))
        if check:
            check(task)
        return task

    @classmethod
    def read(cls, config: ImageConfig, run: Path) -> ImageTask:
        """Read the images that `write` wrote."""
        return cls(config, Splits(*(Images.load(run / "images" / f"{name}.npz") for name in Splits._fields)))

    @classmethod
    def is_local(cls, config: ImageConfig) -> bool:
        return any(Path(name).exists() for name in (config.images.train, config.images.test) if name)

    def same_data(self, other: ImageTask) -> bool:
        pairs = zip(self.splits, other.splits, strict=True)
        return all(
            np.array_equal(ours.pixels, theirs.pixels) and np.array_equal(ours.labels, theirs.labels)  # type: ignore[arg-type]
            for ours, theirs in pairs
        )

    def write(self, run: Path) -> None:
        """Write the images to images/train.npz and images/test.npz."""
        (run / "images").mkdir()
        for name, images in zip(Splits._fields, self.splits, strict=True):
            images.save(run / "images" / f"{name}.npz")

    def save(self, folder: Path) -> None:
        pass  # the config tells all

    @property
    def real(self) -> np.ndarray:
        """The pixels of the training images: uint8 (N, 1, H, W)."""
        return self.splits.train.pixels[:, None]

    def describe(self) -> list[str]:
        train, test = self.splits
        number, height, width = train.pixels.shape
        first = f"{number:,} training and {len(test.pixels):,} held-out images of {height} x {width} pixels"
        if train.labels is None:
            return [first, "no labels: the classes of samples are not scored"]
        return [f"{first} in {int(train.labels.max()) + 1} classes"]

    def batch_needs(self, rows: int) -> float:
        """Images with their gradient, the hidden layers of the generator, and those of the critic for as many real and
        generated images; noise and real pixels; or the pixels of an evaluation.
        """
        config, batch = self.config, self.config.train.batch_size
        pixels = config.images.height * config.images.width
        playing = rows * pixels * (2 + config.generator.channels * 3 // 8)  # 1/4 of the pixels, and 2/16
        judging = 2 * rows * pixels * config.critic.channels * 7 // 16  # 1/4, 2/16 and 4/64
        drawn = batch * (FLOAT * config.generator.noise + pixels)
        return max(drawn + FLOAT * max(playing, judging), 2 * config.evaluation.samples * pixels)

    def build_generator(self) -> networks.ImageGeneratorNetwork:
        return pretrained.build_generator(self.config)

    def build_critic(self) -> networks.ImageCriticNetwork:
        return pretrained.build_critic(self.config)

    def player(self, generator: nn.Module) -> nn.Module:
        return generator

    def sampler(self, generator: nn.Module, discriminator: nn.Module | None = None) -> pretrained.ImageGenerator:
        assert isinstance(generator, networks.ImageGeneratorNetwork)
        return pretrained.ImageGenerator(generator)

    def evaluator(self) -> Evaluator:
        return Evaluator(self.splits, self.config.evaluation.samples)
