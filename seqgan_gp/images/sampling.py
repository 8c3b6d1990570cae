"""Carry out the command `sample` for a run on images."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..errors import UserError
from ..machine import best_device
from ..memory import check
from ..places import check_files
from .grid import save_grid
from .pretrained import ImageGenerator


def sample_images(checkpoint: Path, options: argparse.Namespace) -> int:
    """Write all images as one picture in a PNG file.

    Raises:
        UserError: an option is for text, or the name of the file does not end in .png.
    """
    if options.candidates is not None:
        raise UserError("--candidates is for text: nothing chooses among images; leave it out")
    if options.passes is not None:
        raise UserError("--passes is for text: nothing revises images; leave it out")
    if options.fix is not None:
        raise UserError("--fix is for text: images have no tokens to hold; leave it out")
    if options.temperature is not None:
        raise UserError("--temperature is for text: pixels are not drawn from a softmax; leave it out")
    if options.label is not None or options.context is not None:
        raise UserError("--label and --context are for text: images are given neither; leave them out")
    if options.out in (None, "-") or Path(options.out).suffix.lower() != ".png":
        raise UserError(f"--out is {options.out or 'not given'}: images need the name of a file that ends in .png")
    check_files({"--out": options.out})
    generator = ImageGenerator.from_pretrained(checkpoint, best_device())
    height, width = 4 * generator.network.grid[1], 4 * generator.network.grid[2]
    check(2 * options.num * height * width, "a picture of all images", f"lower --num, which is {options.num:,}")
    with tqdm(total=options.num, unit="image", unit_scale=True, disable=None) as bar:
        parts = []
        for pixels in generator.sample(options.num, options.seed, options.batch_size):
            parts.append(pixels)
            bar.update(len(pixels))
    save_grid(np.concatenate(parts), options.out)
    return 0
