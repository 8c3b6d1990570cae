"""Samples of images: through time, beside real ones in the eyes of the critic, and between two noises."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..artefacts import evaluating
from ..images.data import Images
from ..images.grid import grid
from ..images.networks import to_bytes
from ..images.pretrained import ImageCritic, ImageGenerator
from .charts import Chart
from .content import LeftOut, few
from .critic import SCORED, compare_scores
from .runs import Evaluation, Run
from .walk import STOPS, WALKS, between

FRAMES = 30
ROOM = 2_000_000  # bytes of all of them


@dataclass(frozen=True)
class Picture:
    """A picture as the source of an `img`.

    Args:
        step: of its evaluation.
        scores: name, value, and value of real samples.
    """

    source: str
    step: int = 0
    scores: list[tuple[str, Any, Any]] | None = None
    printed: bool = False


def _source(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(evaluation: Evaluation) -> bytes:
    """The bytes of a grid.

    Raises:
        UserError: the file is damaged.
    """
    from PIL import Image

    try:
        png = evaluation.samples.read_bytes()
        Image.open(io.BytesIO(png), formats=["PNG"]).load()
    except (OSError, SyntaxError, ValueError):  # each part of the format has an error of its own
        raise evaluation.damaged("it is no whole PNG") from None
    return png


def through_time(run: Run) -> list[Picture]:
    """The grid of every evaluation, whose images are drawn with the same noise each time."""
    most = max(2, min(FRAMES, ROOM // max(1, run.last.samples.stat().st_size)))
    chosen = [run.evaluations[i] for i in few(len(run.evaluations), most)]
    return [
        Picture(
            _source(_png(evaluation)),
            evaluation.step,
            run.shown(run.evaluator.HEADLINE, run.scores("eval", evaluation.step))[:4],
            printed=number in (0, len(chosen) - 1),
        )
        for number, evaluation in enumerate(chosen)
    ]


def _generator(run: Run) -> ImageGenerator:
    if run.checkpoint is None:
        raise LeftOut("the run has no checkpoint yet")
    return ImageGenerator.from_pretrained(run.checkpoint)


def histogram(run: Run) -> Chart:
    """Draw the critic's scores of held-out and of generated images."""
    generator = _generator(run)
    assert run.checkpoint
    critic = ImageCritic.from_pretrained(run.checkpoint)
    real = run.task.splits.test
    assert isinstance(real, Images)
    pixels = {
        "real": real.pixels[few(len(real.pixels), SCORED)],
        "generated": np.concatenate(list(generator.sample(SCORED))),
    }
    return compare_scores({kind: critic(images).numpy() for kind, images in pixels.items()})


def walk(run: Run) -> Picture:
    """Walk between noises, a row for each walk."""
    from PIL import Image

    generator = _generator(run)
    rng = np.random.default_rng(run.config.seed)
    with evaluating(generator.network):
        rows = [to_bytes(generator(between(*generator.network.sample_noise(2, rng)))) for _ in range(3 * WALKS)]
    file = io.BytesIO()
    Image.fromarray(grid(np.concatenate(rows), STOPS)).save(file, format="PNG")
    return Picture(_source(file.getvalue()))
