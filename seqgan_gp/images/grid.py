"""Put many images into one picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..files import atomic_binary

GAP = 2  # pixels between images


def grid(pixels: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Place images (N, H, W) uint8 row by row, with gaps of 2 pixels, in one picture.

    Args:
        columns: the number C of images in a row; by default it is close to the number R of rows.

    Returns:
        uint8 (R * (H + 2) - 2, C * (W + 2) - 2).
    """
    columns = columns or math.ceil(math.sqrt(len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    number, height, width = pixels.shape
    tiles = np.zeros((rows * columns, height + GAP, width + GAP), dtype=np.uint8)
    tiles[:number, :height, :width] = pixels
    picture = tiles.reshape(rows, columns, height + GAP, width + GAP).swapaxes(1, 2)
    return picture.reshape(rows * (height + GAP), -1)[:-GAP, :-GAP]


def save_grid(pixels: np.ndarray, path: str | Path) -> None:
    """Write images (N, H, W) uint8 as one PNG file."""
    from PIL import Image

    with atomic_binary(path) as file:
        Image.fromarray(grid(pixels)).save(file, format="PNG")
