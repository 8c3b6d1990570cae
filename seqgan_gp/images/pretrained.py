"""Load the generator and the critic of a run on images from its checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..adversarial.constraints import PARAMETRIZATIONS
from ..artefacts import evaluating, load_weights, locate, read_config
from . import networks
from .config import ImageConfig


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


class ImageGenerator:
    """A generator that samples images.

    Args:
        network: the network that turns noise into images in [-1, 1].
    """

    def __init__(self, network: networks.ImageGeneratorNetwork):
        self.network = network

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> ImageGenerator:
        """Load a checkpoint.

        Args:
            source: a run folder, whose last checkpoint is taken, a checkpoint, or a hub id.

        Raises:
            UserError: there is no checkpoint, it is incomplete, it is of another modality, or its files
                do not belong together.
        """
        folder = locate(source)
        network = build_generator(read_config(folder, ImageConfig))
        load_weights(folder, "generator", network)
        return cls(network.eval().to(device))

    def __call__(self, noise: Tensor) -> Tensor:
        """Turn noise (B, noise_size), as from `network.sample_noise`, into images (B, 1, H, W) in [-1, 1].

        Gradients flow to the noise.
        """
        return self.network(noise)

    def sample(self, num: int, seed: int = 0, batch_size: int = 1024) -> Iterator[np.ndarray]:
        """Sample `num` images in batches (at most batch_size, H, W) uint8; the same seed gives the same images."""
        rng = np.random.default_rng(seed)
        device = self.network.project_noise.weight.device
        for start in range(0, num, batch_size):
            with evaluating(self.network):
                noise = self.network.sample_noise(min(batch_size, num - start), rng).to(device)
                pixels = networks.to_bytes(self.network(noise))
            yield pixels


class ImageCritic:
    """A trained critic of images (B, 1, H, W), which are uint8, or floating in [-1, 1].

    Gradients flow to floating images.

    Args:
        network: the network that turns images into scores.
    """

    def __init__(self, network: networks.ImageCriticNetwork):
        self.network = network

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str | torch.device = "cpu") -> ImageCritic:
        """Load a checkpoint.

        Args:
            source: a run folder, whose last checkpoint is taken, a checkpoint, or a hub id.

        Raises:
            UserError: there is no checkpoint, it is incomplete, it is of another modality, or its files
                do not belong together.
        """
        folder = locate(source)
        network = build_critic(read_config(folder, ImageConfig))
        load_weights(folder, "critic", network)
        return cls(network.eval().requires_grad_(False).to(device))

    def __call__(self, images: Tensor) -> Tensor:
        """Score images: (B,), where higher means more like real images; only differences have a meaning."""
        return self.score(self.embed(images))

    def embed(self, images: Tensor) -> Tensor:
        """Turn images into pixels (B, 1, H, W) in [-1, 1] on the device of the critic."""
        return self.network.embed(images.to(self.network.output.bias.device))

    def score(self, embedded: Tensor) -> Tensor:
        """Score pixels (B, 1, H, W) in [-1, 1]: (B,)."""
        return self.network.score(embedded)

    def features(self, images: Tensor, layer: int = -1) -> Tensor:
        """Compute the output (B, C, h, w) of one convolution; 0 is the finest, -1 the coarsest.

        Raises:
            IndexError: there is no such layer.
        """
        return self.network.hidden_states(self.embed(images))[layer]
