"""Load the generator and the critic of a run on images from its checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from .. import terminal
from ..adversarial.constraints import PARAMETRIZATIONS
from ..arrays import Array, as_noise, as_tensor, is_array, show
from ..artefacts import evaluating, load_weights, read_config
from ..errors import UserError
from ..fields import whole
from ..memory import FLOAT, LARGER, check, weights
from ..shareable import Shareable
from . import networks
from .config import ImageConfig

LARGEST = 2.0  # magnitude of a floating pixel: a step over 1 is no mistake, and pixels from 0 to 255 are


def build_generator(config: ImageConfig) -> networks.ImageGeneratorNetwork:
    """Build the generator that a config describes, with random weights."""
    return networks.ImageGeneratorNetwork(
        config.images.height, config.images.width, **dataclasses.asdict(config.generator)
    )


def build_critic(config: ImageConfig) -> networks.ImageCriticNetwork:
    """Build the critic that a config describes, with random weights."""
    options = dataclasses.asdict(config.critic)
    parametrize = PARAMETRIZATIONS[options.pop("parametrization")]
    network = networks.ImageCriticNetwork(config.images.height, config.images.width, **options)
    parametrize(network)
    return network


class ImageGenerator(Shareable):
    """A generator that samples images.

    Args:
        network: the network that turns noise into images in [-1, 1].
    """

    network: networks.ImageGeneratorNetwork

    def __init__(self, network: networks.ImageGeneratorNetwork):
        self.network = network

    @classmethod
    def _load(cls, folder: Path, device: torch.device) -> Self:
        config = read_config(folder, ImageConfig)
        check(weights(lambda: build_generator(config)), f"{folder}: its generator", LARGER)
        network = build_generator(config)
        load_weights(folder, "generator", network)
        return cls(network.eval().to(device))

    def __call__(self, noise: Array) -> Tensor:
        """Turn noise (B, noise_size), as from `network.sample_noise`, into images (B, 1, H, W) in [-1, 1].

        Gradients flow to the noise.

        Raises:
            UserError: the noise has another shape, or is not floating.
        """
        weight = self.network.project_noise.weight
        return self.network(as_noise(noise, self.network.noise_size, weight.dtype, weight.device))

    def sample(self, num: int, seed: int = 0, batch_size: int = 1024) -> Iterator[np.ndarray]:
        """Sample `num` images in batches (at most batch_size, H, W) uint8; the same seed gives the same images.

        Between the batches gradients and the mode of the network are as you have them.

        Raises:
            UserError: the command `sample` would refuse one of the numbers.
        """
        return self._batches(whole("num", num, 0), whole("seed", seed, 0), whole("batch_size", batch_size, 1))

    def _batches(self, num: int, seed: int, batch_size: int) -> Iterator[np.ndarray]:
        height, width = 4 * self.network.grid[1], 4 * self.network.grid[2]
        needed = FLOAT * min(num, batch_size) * (self.network.noise_size + height * width)
        check(needed, "a batch", f"lower batch_size, which is {batch_size:,}")
        rng = np.random.default_rng(seed)
        device = self.network.project_noise.weight.device
        for start in range(0, num, batch_size):
            with evaluating(self.network):
                noise = self.network.sample_noise(min(batch_size, num - start), rng).to(device)
                pixels = networks.to_bytes(self.network(noise))
            yield pixels


class ImageCritic(Shareable):
    """A trained critic of images (B, 1, H, W), which are uint8, or floating in [-1, 1]; as tensors, as arrays of numpy,
    or as nested lists. Images (B, H, W), as generators sample them, and a single image will do.

    Gradients flow to floating images.

    Args:
        network: the network that turns images into scores.
    """

    network: networks.ImageCriticNetwork

    def __init__(self, network: networks.ImageCriticNetwork):
        self.network = network

    @classmethod
    def _load(cls, folder: Path, device: torch.device) -> Self:
        config = read_config(folder, ImageConfig)
        check(weights(lambda: build_critic(config)), f"{folder}: its critic", LARGER)
        network = build_critic(config)
        load_weights(folder, "critic", network)
        return cls(network.eval().requires_grad_(False).to(device))

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return self.network.output.bias.device

    def __call__(self, images: Array, batch_size: int = 256, progress: bool = False) -> Tensor:
        """Score images: (N,), where higher means more like real images; only differences have a meaning.

        Args:
            batch_size: images to compute at once.
            progress: show a bar on stderr, if it takes some seconds.

        Raises:
            UserError: as `embed`, or batch_size is no whole number of at least 1.
        """
        return torch.cat([self.score(pixels) for pixels in self._batches(images, batch_size, progress)])

    def embed(self, images: Array) -> Tensor:
        """Turn images into pixels (N, 1, H, W) in [-1, 1] on the device of the critic.

        Raises:
            UserError: the images have another size, or their pixels are no such numbers.
        """
        return self._pixels(self._checked(images))

    def _checked(self, images: Array) -> Tensor:
        """Images (N, 1, H, W), uint8 or floating in [-1, 1]."""
        size = (self.network.height, self.network.width)
        given = as_tensor(images, "images")
        if given.shape[-2:] != size or not (given.dim() in (2, 3) or (given.dim() == 4 and given.shape[1] == 1)):
            raise UserError(f"{show(given)}: this critic takes images (B, 1, {size[0]}, {size[1]})")
        given = given.reshape(-1, 1, *size)
        if given.is_floating_point():
            self._check(given, -LARGEST, LARGEST, "floating pixels are in [-1, 1]")
            return given
        chosen = is_array(images)  # the type of its numbers, which lists do not say
        if given.dtype == torch.bool or given.is_complex() or (chosen and given.dtype != torch.uint8):
            raise UserError(f"{show(given)}: pixels are uint8 or floating in [-1, 1]")
        self._check(given, 0, 255, "whole pixels are from 0 to 255")
        return given.to(torch.uint8)

    def _pixels(self, images: Tensor) -> Tensor:
        bias = self.network.output.bias
        return self.network.embed((images.to(bias.dtype) if images.is_floating_point() else images).to(bias.device))

    def _batches(self, images: Array, batch_size: int, progress: bool) -> Iterator[Tensor]:
        """Pixels of at most `batch_size` images."""
        batch_size, checked = whole("batch_size", batch_size, 1), self._checked(images)
        starts = range(0, max(len(checked), 1), batch_size)  # no images make an empty batch
        for start in terminal.progress(starts, "batches", len(starts)) if progress else starts:
            yield self._pixels(checked[start : start + batch_size])

    @staticmethod
    def _check(images: Tensor, least: float, largest: float, needed: str) -> None:
        """Raise a UserError that names the first pixel out of bounds."""
        if images.dtype == torch.uint8 or images.device.type == "meta":
            return
        wrong = ((images < least) | (images > largest)).flatten(1)
        if wrong.any():
            item = int(wrong.any(dim=1).nonzero()[0])
            pixel = images.flatten(1)[item][wrong[item]][0].item()
            raise UserError(f"item {item} has a pixel of {pixel:g}: {needed}")

    def score(self, embedded: Tensor) -> Tensor:
        """Score pixels (B, 1, H, W) in [-1, 1]: (B,)."""
        return self.network.score(embedded)

    @property
    def layers(self) -> list[str]:
        """The names of the convolutions, the finest first."""
        return [f"convolution {i}" for i in range(1, 1 + len(self.network.layers))]

    def states(
        self, images: Array, pool: str | None = None, batch_size: int = 256, progress: bool = False
    ) -> dict[str, Tensor]:
        """Compute the outputs of all convolutions by name: each (N, C, h, w), or (N, C) where they are pooled.

        Args:
            pool: "mean" over the grid.
            batch_size, progress: as for scores.

        Raises:
            UserError: the pool is another one; or as for scores.
        """
        if pool not in (None, "mean"):
            raise UserError(f"pool is {pool!r}: of images give 'mean', or None for the whole grid")
        parts = [self.network.hidden_states(pixels) for pixels in self._batches(images, batch_size, progress)]
        found = (torch.cat(states) for states in zip(*parts, strict=True))
        return {
            name: state if pool is None else state.mean(dim=(2, 3))
            for name, state in zip(self.layers, found, strict=True)
        }

    def features(self, images: Array, layer: int | str = -1, pool: str | None = None, batch_size: int = 256) -> Tensor:
        """Compute the output (N, C, h, w) of one convolution, or (N, C) where it is pooled.

        Args:
            layer: a name of `layers`, or a number: 0 is the finest, -1 the coarsest.
            pool, batch_size: as of `states`.

        Raises:
            IndexError: there is no layer of that number.
            UserError: there is none of that name; or as of `states`.
        """
        names = self.layers
        if isinstance(layer, str) and layer not in names:
            raise UserError(f"layer: there is no '{layer}', there are {', '.join(names)}")
        return self.states(images, pool, batch_size)[layer if isinstance(layer, str) else names[layer]]

    def tokens(self, images: Array) -> Tensor:
        """Refuse: an image has no tokens. So have its mask and its strings.

        Raises:
            UserError: always.
        """
        raise UserError("an image has no tokens: probe its scores, `embed` and `states`, or give a critic of text")

    mask = strings = tokens
