"""Define the generator and the critic of small grey images, a DCGAN (Radford et al. 2016) without batch norm.

Images are tensors (B, 1, H, W) with pixels in [-1, 1].
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn

from ..models.layers import leaky_relu


def check_size(height: int, width: int) -> None:
    """Raise a ValueError unless the generator can reach this size by doubling, and the critic can halve it thrice."""
    if height % 4 or width % 4 or min(height, width) < 8:
        raise ValueError(f"images of {height} x {width} pixels: sides must be multiples of 4, from 8 on")


class ImageGeneratorNetwork(nn.Module):
    """Turns noise (B, noise) into images (B, 1, H, W).

    A linear layer makes the coarsest grid. Each of two transposed convolutions then doubles height and
    width.

    Args:
        height, width: H and W, multiples of 4 and at least 8.
        noise: the size of the noise.
        channels: the channels of the last hidden layer, at half the height and width; the coarsest grid
            has twice as many.

    Raises:
        ValueError: H or W is another number.
    """

    def __init__(self, height: int, width: int, noise: int = 64, channels: int = 32):
        super().__init__()
        check_size(height, width)
        self.noise_size = noise
        self.grid = (2 * channels, height // 4, width // 4)
        self.project_noise = nn.Linear(noise, math.prod(self.grid))
        self.middle = nn.ConvTranspose2d(self.grid[0], channels, 4, stride=2, padding=1)
        self.output = nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1)

    def sample_noise(self, batch: int, rng: np.random.Generator) -> Tensor:
        """Draw standard normal noise (batch, noise_size) on the CPU.

        The noise comes from numpy, whose stream does not depend on the sizes of the batches or on the device.
        """
        return torch.from_numpy(rng.standard_normal((batch, self.noise_size), dtype=np.float32))

    def forward(self, noise: Tensor) -> Tensor:
        """Turn noise (B, noise) into images (B, 1, H, W) in [-1, 1]."""
        hidden = self.project_noise(noise).relu().unflatten(1, self.grid)
        return self.output(self.middle(hidden).relu()).tanh()


class ImageCriticNetwork(nn.Module):
    """Turns images into scores.

    Each of three convolutions halves height and width; a linear layer follows. There is no
    normalization layer, and the score of an image does not depend on other images. The gradient
    penalty acts on the gradient of `score`, in the Euclidean norm over all H * W pixels in [-1, 1].

    Args:
        height, width: H and W, multiples of 4 and at least 8.
        channels: the channels of the first hidden layer, at half the height and width; each of the next
            two layers has twice as many as the one before.

    Raises:
        ValueError: H or W is another number.
    """

    def __init__(self, height: int, width: int, channels: int = 32):
        super().__init__()
        check_size(height, width)
        self.height, self.width = height, width
        sizes = [1, channels, 2 * channels, 4 * channels]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 4, stride=2, padding=1) for i, o in itertools.pairwise(sizes))
        self.output = nn.Linear(sizes[-1] * (height // 8) * (width // 8), 1)

    def embed(self, images: Tensor) -> Tensor:
        """Turn images (B, 1, H, W) into floating pixels in [-1, 1]; floating images are such pixels already.

        Raises:
            ValueError: the images have another shape, or are neither uint8 nor floating.
        """
        if images.shape[1:] != (1, self.height, self.width) or not (
            images.dtype == torch.uint8 or images.is_floating_point()
        ):
            kind = f"{str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}"
            raise ValueError(
                f"the critic takes pixels (B, 1, {self.height}, {self.width}), uint8 or floating in [-1, 1], not {kind}"
            )
        if images.is_floating_point():
            return images
        return images.to(self.output.bias.dtype) / 127.5 - 1

    def hidden_states(self, embedded: Tensor) -> list[Tensor]:
        """Compute the output (B, C, h, w) of each convolution, the finest grid first."""
        states = []
        for layer in self.layers:
            embedded = leaky_relu(layer(embedded))
            states.append(embedded)
        return states

    def score(self, embedded: Tensor) -> Tensor:
        """Score pixels (B, 1, H, W) in [-1, 1]: (B,), where higher means more like real images."""
        return self.output(self.hidden_states(embedded)[-1].flatten(1)).squeeze(1)

    def forward(self, images: Tensor) -> Tensor:
        """Score images (B, 1, H, W), uint8 or floating in [-1, 1]: (B,)."""
        return self.score(self.embed(images))


def to_bytes(images: Tensor) -> np.ndarray:
    """Turn images (B, 1, H, W) in [-1, 1] into pixels (B, H, W) uint8; this undoes `ImageCriticNetwork.embed`."""
    return ((images[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
