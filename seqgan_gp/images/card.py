"""Describe a checkpoint of images on its model card."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..artefacts import read_config
from ..description import Description
from .config import ImageConfig
from .grid import grid
from .pretrained import ImageGenerator

SAMPLES = 64
PYTHON = """\
from seqgan_gp import ImageCritic, ImageGenerator

generator = ImageGenerator.from_pretrained({load})
images = next(generator.sample(5))
critic = ImageCritic.from_pretrained({load})
print(images.shape, critic(images))  # a higher score is more like real images"""


def describe(checkpoint: Path, run: Path | None) -> Description:
    """Describe a checkpoint of images, and draw a picture of samples.

    Raises:
        UserError: a file of the checkpoint is damaged.
    """
    from PIL import Image

    config = read_config(checkpoint, ImageConfig)
    drawn = np.concatenate(list(ImageGenerator.from_pretrained(checkpoint).sample(SAMPLES)))
    picture = io.BytesIO()
    Image.fromarray(grid(drawn)).save(picture, format="PNG")
    sides = f"{config.images.height} x {config.images.width}"
    return Description(
        task="unconditional-image-generation",
        tags=["gan", "wgan-gp"],
        what="a generator of small grey images, trained against a critic (WGAN-GP)",
        source=config.images.train,
        samples="These are the first 64 samples of seed 0. Nobody picked them.\n\n![64 samples](samples.png)",
        command="--num 64",
        python=PYTHON,
        limits=[
            f"The images are grey and have {sides} pixels.",
            "Only differences between scores of the critic mean anything. They are no probabilities.",
        ],
        files={"samples.png": picture.getvalue()},
    )
