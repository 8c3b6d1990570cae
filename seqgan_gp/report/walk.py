"""A walk between two noises: the sentences that a generator writes on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..artefacts import evaluating
from ..notices import silenced
from ..pretrained import Generator
from .content import LeftOut, Spans, pieces, shared, spans
from .runs import Run

STOPS, WALKS = 11, 2


@dataclass(frozen=True)
class Walk:
    """A walk: what all its sentences are given, and for each stop how far it is, from 0 to 1, and the sentence."""

    given: str | None
    stops: list[tuple[float, Spans]]


def between(one: Tensor, other: Tensor, stops: int = STOPS) -> Tensor:
    """Noises (stops, size) from one (size,) to the other on a quarter of a circle: cos(a) one + sin(a) other. Each is
    distributed as normal noise is, which those on a straight line are not.
    """
    angles = torch.linspace(0, torch.pi / 2, stops)[:, None]
    return torch.cos(angles) * one + torch.sin(angles) * other


def walk(run: Run) -> list[Walk]:
    """Walk between noises, and take the most probable words at each stop."""
    if run.config.method != "adversarial":
        raise LeftOut(f"a model of method {run.config.method} has no noise")
    if run.checkpoint is None:
        raise LeftOut("the run has no checkpoint yet")
    generator = Generator.from_pretrained(run.checkpoint)
    network, rng = generator.network, np.random.default_rng(run.config.seed)
    given, unit = run.last.given(), run.unit
    walks = []
    for number in range(WALKS):
        noise = between(*network.sample_noise(2, rng))  # type: ignore[operator]
        one = given[number] if given else None
        with silenced(), evaluating(network):
            sentences = generator.tokenizer.decode(generator(noise, one).argmax(-1).numpy())
        stops: list[tuple[float, Spans]] = []
        before: list[str] | None = None
        for place, sentence in enumerate(sentences):
            text = pieces(sentence, unit)
            kept = [True] * len(text) if before is None else shared(text, before)
            stops.append((place / (STOPS - 1), spans(text, [not flag for flag in kept])))
            before = text
        walks.append(Walk(one, stops))
    return walks
