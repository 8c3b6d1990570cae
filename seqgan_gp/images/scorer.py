"""Score images by the classes that a classifier of real images finds in them, and by Frechet distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..metrics.divergence import jensen_shannon
from ..metrics.embedding import frechet_distance
from .data import Images

FEATURES = 64  # units of the classifier's last hidden layer, and principal components of the pixels
STEPS, BATCH, RATE = 800, 64, 2e-3  # the classifier is then right on 97% and more of held-out digits
CHUNK = 1_000  # images that are classified at a time


class Classifier(nn.Module):
    """Turns images (B, 1, H, W) in [0, 1] into logits (B, K) of classes: two convolutions and a hidden layer."""

    def __init__(self, height: int, width: int, classes: int):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), FEATURES), nn.ReLU()),
        )
        self.logits = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits (B, K) of images (B, 1, H, W) in [0, 1]."""
        return self.logits(self.features(images))


def train_classifier(images: Images, seed: int = 0) -> Classifier:
    """Train a classifier on labelled images.

    The same seed gives the same classifier, and torch's random state does not change.
    """
    assert images.labels is not None
    labels, rng = torch.from_numpy(images.labels), np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        network = Classifier(images.pixels.shape[1], images.pixels.shape[2], int(images.labels.max()) + 1)
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - step / STEPS)
            rows = rng.integers(len(images.pixels), size=BATCH)
            loss = F.cross_entropy(network(_scaled(images.pixels[rows])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval().requires_grad_(False)


def _scaled(pixels: np.ndarray) -> Tensor:
    """Turn pixels (B, H, W) uint8 into the input (B, 1, H, W) of the classifier."""
    return torch.from_numpy(pixels).unsqueeze(1).float() / 255


class ImageScorer:
    """Scores images with a classifier of real images, and by their distance to real images.

    All images have one score:

    - `frechet_pixels`: the Frechet distance to the reference, in the principal components of real pixels.

    With labels there are more:

    - `frechet`: the Frechet distance to the reference, in the last hidden layer of the classifier. It
      is FID (Heusel et al. 2017) with a classifier of the small images in place of Inception.
    - `confidence`: the largest probability that the classifier gives to a class, averaged over images.
    - `class_0`, `class_1`, ...: the fraction of the images in each class; `smallest_class` and
      `largest_class`: the extremes of these fractions.
    - `class_jsd`: the Jensen-Shannon divergence between these fractions and those of the labels of the
      reference, in bits.

    Both distances shrink as the number of images on either side grows, so compare equal numbers.

    Args:
        train: the images that the classifier and the principal components are learned from.
        reference: the held-out images that other images are compared with.
    """

    def __init__(self, train: Images, reference: Images):
        from sklearn.decomposition import PCA

        flat = train.pixels[:CHUNK].reshape(len(train.pixels[:CHUNK]), -1) / 255.0
        self.components = PCA(min(FEATURES, *flat.shape), random_state=0).fit(flat)
        self.classifier = None if train.labels is None else train_classifier(train)
        self.reference = reference
        self._pixels = self._components(reference.pixels)
        self._features = self._classified(reference.pixels)[0] if self.classifier else None

    def __call__(self, pixels: np.ndarray) -> dict[str, float]:
        """Score images (N, H, W) uint8 with N >= 2."""
        scores = {"count": len(pixels), "frechet_pixels": frechet_distance(self._components(pixels), self._pixels)}
        if self.classifier is not None and self._features is not None:
            features, probabilities = self._classified(pixels)
            classes = probabilities.shape[1]
            counts = np.bincount(probabilities.argmax(axis=1), minlength=classes)
            expected = np.bincount(self.reference.labels, minlength=classes)  # type: ignore[arg-type]
            fractions = counts / len(pixels)
            scores |= {
                "frechet": frechet_distance(features, self._features),
                "confidence": probabilities.max(axis=1).mean(),
                "class_jsd": jensen_shannon(counts, expected),
                "smallest_class": fractions.min(),
                "largest_class": fractions.max(),
            }
            scores |= {f"class_{k}": fraction for k, fraction in enumerate(fractions)}
        return _plain(scores)

    def real(self, images: Images) -> dict[str, float]:
        """Score real images, and add the `accuracy` of the classifier on them if they have labels."""
        scores = self(images.pixels)
        if self.classifier is not None:
            _, probabilities = self._classified(images.pixels)
            scores |= _plain({"accuracy": (probabilities.argmax(axis=1) == images.labels).mean()})
        return scores

    def _components(self, pixels: np.ndarray) -> np.ndarray:
        """Compute the principal components (N, at most FEATURES) of images (N, H, W) uint8."""
        return self.components.transform(pixels.reshape(len(pixels), -1) / 255.0)

    def _classified(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute features (N, FEATURES) and class probabilities (N, K) of images (N, H, W) uint8."""
        assert self.classifier is not None
        chunks = (_scaled(pixels[i : i + CHUNK]) for i in range(0, len(pixels), CHUNK))
        features = torch.cat([self.classifier.features(chunk) for chunk in chunks])
        return features.numpy(), self.classifier.logits(features).softmax(dim=1).numpy()


def _plain(scores: Mapping[str, Any]) -> dict[str, float]:
    """Turn scores into numbers that JSON has."""
    return {k: v if isinstance(v, int) else round(float(v), 6) for k, v in scores.items()}
