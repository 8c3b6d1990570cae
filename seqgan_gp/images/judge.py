"""Scores of images: which classes a classifier of the real ones sees in them, how sure it is, and Frechet distances."""

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

FEATURES = 64  # of the classifier's last hidden layer, and principal components of the pixels
STEPS, BATCH, RATE = 800, 64, 2e-3  # on digits 97% and more of held-out ones are then classified right
CHUNK = 1_000  # images at a time


class Classifier(nn.Module):
    """Images (B, 1, H, W) in [0, 1] to the logits of classes (B, K): two convolutions and a hidden layer."""

    def __init__(self, height: int, width: int, classes: int):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * (height // 4) * (width // 4), FEATURES), nn.ReLU()),
        )
        self.logits = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))


def train_classifier(images: Images, seed: int = 0) -> Classifier:
    """A classifier of labelled images, the same for the same seed; torch's random state stays as it is."""
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
    return torch.from_numpy(pixels).unsqueeze(1).float() / 255


class Judge:
    """Scores images by what it learns from real ones.

    `frechet_pixels` is the Frechet distance to the reference in the principal components of real pixels. With labels
    there are further the `confidence` of the classifier, the mean of its largest probability; `class_0`, `class_1`, ...
    the fractions of images in each class, and `smallest_class` and `largest_class` of them; `class_jsd`, the
    Jensen-Shannon divergence of these fractions from those of the reference's labels, in bits; and `frechet`, the
    Frechet distance to the reference in the classifier's last hidden layer, a small domain's FID (Heusel et al. 2017).

    Both distances shrink with the number of images, on both sides: compare equal numbers.

    Args:
        train: what the classifier learns from.
        reference: held-out images that others are compared with.
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
        """Scores of images (N, H, W) uint8, N >= 2."""
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
        """The same of held-out images, and the classifier's `accuracy` on them."""
        scores = self(images.pixels)
        if self.classifier is not None:
            _, probabilities = self._classified(images.pixels)
            scores |= _plain({"accuracy": (probabilities.argmax(axis=1) == images.labels).mean()})
        return scores

    def _components(self, pixels: np.ndarray) -> np.ndarray:
        return self.components.transform(pixels.reshape(len(pixels), -1) / 255.0)

    def _classified(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, FEATURES) and probabilities (N, K)."""
        assert self.classifier is not None
        chunks = (_scaled(pixels[i : i + CHUNK]) for i in range(0, len(pixels), CHUNK))
        features = torch.cat([self.classifier.features(chunk) for chunk in chunks])
        return features.numpy(), self.classifier.logits(features).softmax(dim=1).numpy()


def _plain(scores: Mapping[str, Any]) -> dict[str, float]:
    """Numbers for JSON."""
    return {k: v if isinstance(v, int) else round(float(v), 6) for k, v in scores.items()}
