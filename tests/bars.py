"""Make small pictures of bars, which a classifier learns at once, and train a tiny run on them."""

from pathlib import Path
from typing import Any

import numpy as np

from seqgan_gp.cli import main
from seqgan_gp.images.config import ImagesConfig
from seqgan_gp.images.data import Images, Splits, load_images

# No two sizes are equal and no seed is 0: a mistake in which of them is taken must show.
HEIGHT, WIDTH = 8, 16


TINY = [
    *("--modality=images", f"--images.height={HEIGHT}", f"--images.width={WIDTH}", "--images.holdout=40"),
    "--report=false",
    *("--seed=3", "--images.seed=1", "--generator.channels=5", "--generator.noise=7", "--critic.channels=3"),
    *("--train.steps=6", "--train.batch_size=11", "--train.critic_steps=2", "--train.decay_from=1"),
    *("--train.log_every=2", "--train.checkpoint_every=3", "--train.threads=1"),
    *("--evaluation.every=3", "--evaluation.samples=20"),
]


def bars(num: int, seed: int = 0) -> Images:
    """Make noisy pictures of two classes: bright above and dark below, or the other way round."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num)
    upper = np.arange(HEIGHT)[:, None] < HEIGHT // 2
    bright = (upper == (labels == 0)[:, None, None]) & np.ones((HEIGHT, WIDTH), dtype=bool)
    return Images((bright * 180 + rng.integers(60, size=(num, HEIGHT, WIDTH))).astype(np.uint8), labels)


def train(output: Path, source: Path, *options: str) -> int:
    """Train the tiny run on images with some options on top."""
    return main(["train", *TINY, f"--images.train={source}", f"--output={output}", *options])


def load(train: Path, test: Path | None = None, holdout: int | None = None, **options: Any) -> Splits:
    """Load images as an experiment does; the seed of the split is 1."""
    sizes = {"height": HEIGHT, "width": WIDTH, "holdout": holdout, "seed": 1}
    return load_images(ImagesConfig(**{"train": str(train), "test": test and str(test)} | sizes | options))
