"""The networks of a run on images, from a checkpoint: to sample images, and to probe."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..adversarial.constraints import PARAMETRIZATIONS
from ..artefacts import evaluating, load_weights, locate, read_config
from ..config import ImageConfig
from . import networks


def build_generator(config: ImageConfig) -> networks.ImageGeneratorNetwork:
    return networks.ImageGeneratorNetwork(
        config.images.height, config.images.width, **dataclasses.asdict(config.generator)
    )


def build_critic(config: ImageConfig) -> networks.ImageCriticNetwork:
    options = dataclasses.asdict(config.critic)
    parametrize = PARAMETRIZATIONS[options.pop("parametrization")]
    network = networks.ImageCriticNetwork(config.images.height, config.images.width, **options)
    parametrize(network)
    return network


class ImageGenerator:
    """What samples images.

    Args:
        network: noise to images in [-1, 1].
    """

    def __init__(self, network: networks.ImageGeneratorNetwork):
        self.network = network

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> ImageGenerator:
        """From a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is none, it is incomplete, of another modality, or its files do not belong together.
        """
        folder = locate(source)
        network = build_generator(read_config(folder, ImageConfig))
        load_weights(folder, "generator", network)
        return cls(network.eval().to(device))

    def __call__(self, noise: Tensor) -> Tensor:
        """Images (B, 1, H, W) in [-1, 1], with a gradient, of noise (B, noise_size) of `network.sample_noise`."""
        return self.network(noise)

    def sample(self, num: int, seed: int = 0, batch_size: int = 1024) -> Iterator[np.ndarray]:
        """Batches of grey images (<= batch_size, H, W) uint8, `num` in all; the same for the same seed."""
        rng = np.random.default_rng(seed)
        device = self.network.project_noise.weight.device
        for start in range(0, num, batch_size):
            with evaluating(self.network):
                noise = self.network.sample_noise(min(batch_size, num - start), rng).to(device)
                pixels = networks.to_bytes(self.network(noise))
            yield pixels


class ImageCritic:
    """A trained critic of images (B, 1, H, W), uint8 or pixels in [-1, 1]; gradients flow to the latter.

    Args:
        network: images to scores.
    """

    def __init__(self, network: networks.ImageCriticNetwork):
        self.network = network

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> ImageCritic:
        """From a run folder (its last checkpoint), a checkpoint, or a hub id.

        Raises:
            UserError: there is none, it is incomplete, of another modality, or its files do not belong together.
        """
        folder = locate(source)
        network = build_critic(read_config(folder, ImageConfig))
        load_weights(folder, "critic", network)
        return cls(network.eval().requires_grad_(False).to(device))

    def __call__(self, images: Tensor) -> Tensor:
        """Scores (B,): higher is more like real images. Only differences between scores mean anything."""
        return self.score(self.embed(images))

    def embed(self, images: Tensor) -> Tensor:
        """Pixels in [-1, 1], (B, 1, H, W), on the critic's device."""
        return self.network.embed(images.to(self.network.output.bias.device))

    def score(self, embedded: Tensor) -> Tensor:
        """Scores (B,) of pixels in [-1, 1], (B, 1, H, W)."""
        return self.network.score(embedded)

    def features(self, images: Tensor, layer: int = -1) -> Tensor:
        """Hidden states (B, C, h, w) of one convolution, 0 the finest, -1 the coarsest.

        Raises:
            IndexError: there is no such layer.
        """
        return self.network.hidden_states(self.embed(images))[layer]
