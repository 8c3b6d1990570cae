"""Passes of a critic over many sentences: in batches, with gradients where asked for, and all modes as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..artefacts import evaluating
from ..errors import UserError
from ..pretrained import inputs
from ..pretrained.given import Given
from ..text.tokenizer import as_sentences

BATCH = 256


class Probed(Protocol):
    """What a probe asks of a critic. `Critic` has it all, and so may an object of your own."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer: its `pad`, `end` and `tokens`, and its length, the number of tokens."""

    def __call__(self, sequences: Any, given: Given = None) -> Any:
        """Scores (N,) of sentences. Higher is more like real ones."""

    def tokens(self, sequences: Any) -> Tensor:
        """Ids (N, L) int64."""

    def embed(self, sequences: Any) -> Tensor:
        """Embeddings (N, L, E) of ids (N, L)."""

    def score(self, embedded: Tensor, given: Given = None) -> Tensor:
        """Scores (N,) of embeddings, differentiable."""

    def mask(self, sequences: Any) -> Tensor:
        """True up to and including the end token: bool (N, L)."""

    def strings(self, sequences: Any) -> list[list[str]]:
        """The tokens as text, N lists of L."""


@contextlib.contextmanager
def untouched(critic: object) -> Iterator[None]:
    """Evaluate a critic within a `with` block, and leave its modes and the caller's as they were.

    Gradients are off but can be switched on, even where the caller is in torch's inference mode.
    """
    networks = [n for n in (critic, getattr(critic, "network", None)) if isinstance(n, nn.Module)]
    with torch.inference_mode(False), evaluating(*networks):
        yield


def read(critic: Probed, sentences: Any, name: str = "sentences") -> Tensor:
    """Ids (N, L) of sentences or ids.

    Args:
        name: the word for them in errors.

    Raises:
        UserError: there are none, or all of them are longer than the critic; or as `Critic.tokens`.
    """
    if not isinstance(sentences, str | np.ndarray | Tensor):
        sentences = list(sentences)
    if not len(sentences) and not isinstance(sentences, str):
        raise UserError(f"{name}: there are none; give at least one sentence")
    ids = critic.tokens(sentences)
    if ids.dim() != 2:
        raise UserError(f"{name}: sentences or ids are needed, not soft tokens")
    if inputs.holds_text(sentences) and not critic.tokenizer.fits(as_sentences(sentences), ids.shape[1]).any():
        raise UserError(f"{name}: all {len(ids):,} are longer than the critic's {ids.shape[1]} tokens; shorten them")
    return ids


def conditions(given: Given, num: int) -> Given:
    """The conditions of `num` sentences, to be cut into batches.

    Raises:
        UserError: there is not one for each.
    """
    if given is None or isinstance(given, str):
        return given
    each = list(given)
    if len(each) != num:
        raise UserError(f"{len(each):,} labels or contexts are given for {num:,} sentences: give one for each")
    return each


def chosen(given: Given, rows: list[int]) -> Given:
    """The conditions of some sentences, by their rows."""
    return given if given is None or isinstance(given, str) else [given[row] for row in rows]


def batches(num: int, size: int = BATCH) -> Iterator[list[int]]:
    """The rows 0..num-1, `size` at a time."""
    for start in range(0, num, size):
        yield list(range(start, min(start + size, num)))


def gradient(critic: Probed, points: Tensor, given: Given = None) -> Tensor:
    """d score / d point, of the shape of points (B, L, E), each of its own score. Nothing else gets a gradient."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        (found,) = torch.autograd.grad(critic.score(points, given).sum(), points)
    return found


def all_tokens(critic: Probed) -> Tensor:
    """The ids of all tokens in rows of the critic's length, filled up with the first ones again: (R, L)."""
    length, size = critic.tokens([""]).shape[1], len(critic.tokenizer)
    rows = -(-size // length)  # rounded up
    return torch.arange(rows * length).remainder(size).view(rows, length)
