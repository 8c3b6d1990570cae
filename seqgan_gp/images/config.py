"""Describe an experiment on small images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from ..adversarial.constraints import PARAMETRIZATIONS
from ..config.experiment import Experiment, OptimizerConfig, TrainConfig
from ..errors import UserError
from ..fields import Name, NonNegativeInt, OneOf, Path, PositiveInt
from ..modality import modality


@dataclass
class ImagesConfig:
    """The real images; colours are turned to grey.

    Args:
        train: Training images: an .npz file with `images` (number, height, width) uint8 and perhaps `labels`, a
            .parquet file, a folder of such or of pictures (a folder in it for each class), or a hub id.
        test: Held-out images, given like `train`; default: the split named test if the data set has one, else
            `holdout` images of `train`.
        column: Column that holds the images; an .npz file has no columns.
        label: Column that holds the labels of the images; samples are scored by their classes if it is there.
        height: Pixels from top to bottom of every image, a multiple of 4.
        width: Pixels from left to right, a multiple of 4.
        holdout: Number of images to hold out if `test` is not given; default: 2,000, or a tenth of all if that is
            less.
        seed: Seed of the split; it stays the same while `--seed` varies the training.
    """

    train: Path = "ylecun/mnist"
    test: Path | None = None
    column: Name = "image"
    label: Name = "label"
    height: PositiveInt = 28
    width: PositiveInt = 28
    holdout: PositiveInt | None = None
    seed: NonNegativeInt = 0

    def check(self, name: str) -> None:
        """Raise a UserError for sizes that cannot be; `name` is the section's."""
        for key in ("height", "width"):
            side = getattr(self, key)
            if side % 4 or side < 8:
                raise UserError(f"{name}.{key} is {side}: a multiple of 4, from 8 on, is needed; resize the images")
        if self.holdout is not None and self.holdout < 4:
            raise UserError(f"{name}.holdout is {self.holdout}: at least 4 held-out images are needed")


@dataclass
class ImageGeneratorConfig:
    """The generator of images, transposed convolutions.

    Args:
        noise: Size of the normal noise.
        channels: Channels of the hidden layer at half the height and width; there are twice as many at a quarter.
    """

    noise: PositiveInt = 64
    channels: PositiveInt = 32


@dataclass
class ImageCriticConfig:
    """The critic of images, convolutions with stride 2 and no norm.

    Args:
        channels: Channels of the first hidden layer, at half the height and width; each of the next two layers has
            twice as many as the one before.
        parametrization: How every weight matrix is written: none, spectral (with a largest singular value of 1; Miyato
            et al. 2018) or weight (each row as a direction and a length; Salimans and Kingma 2016).
    """

    channels: PositiveInt = 32
    parametrization: Annotated[str, OneOf(PARAMETRIZATIONS)] = "none"


@dataclass(kw_only=True)
class ImageConfig(Experiment):
    """An experiment on small images.

    Args:
        modality: The kind of samples: images.
        method: How to train: adversarial (generator and critic, WGAN-GP).
    """

    SOURCES = ("images.train", "images.test")

    modality: Literal["images"] = "images"
    method: Annotated[str, OneOf(modality("images").methods)] = "adversarial"
    images: ImagesConfig = field(default_factory=ImagesConfig)
    generator: ImageGeneratorConfig = field(default_factory=ImageGeneratorConfig)
    critic: ImageCriticConfig = field(default_factory=ImageCriticConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=14_000,
            batch_size=32,
            critic=OptimizerConfig("Adam", lr=2e-3),
            generator=OptimizerConfig("Adam", lr=2e-3),
        )
    )

    def check(self) -> None:
        """Raise a UserError for values that do not go together, or that images cannot have."""
        super().check()
        if self.penalty.space != "embedding":
            raise UserError(
                f"penalty.space is {self.penalty.space}, but pixels are no tokens: leave it out, and the gradient is "
                "taken with respect to the pixels"
            )
        if self.penalty.mixing != "convex":
            raise UserError(
                f"penalty.mixing is {self.penalty.mixing}, but images have no positions to take whole from one of a "
                "pair: leave it out"
            )
        if self.evaluation.samples < 2:
            raise UserError("evaluation.samples is 1: a distance needs at least 2 images")
