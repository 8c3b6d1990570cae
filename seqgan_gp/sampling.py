"""The command `sample`, for each modality: what it draws from a checkpoint, and how it is written."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from tqdm import tqdm

from . import config as configs
from .artefacts import CONFIG, locate
from .files import atomic_write
from .machine import best_device, set_threads


def sample(options: argparse.Namespace) -> int:
    """Write samples of the run or checkpoint `options.run`, as its modality does."""
    set_threads(None)
    checkpoint = locate(options.run)
    return SAMPLERS[configs.load(checkpoint / CONFIG).modality](checkpoint, options)


def sample_text(checkpoint: Path, options: argparse.Namespace) -> int:
    """A sentence a line, as they are drawn."""
    from .pretrained import Generator

    generator = Generator.from_pretrained(checkpoint, best_device())
    sentences = generator.sample(options.num, options.seed, options.temperature, options.batch_size)
    to_file = options.out not in (None, "-")
    with atomic_write(options.out) if to_file else nullcontext(sys.stdout) as file:
        bar = tqdm(total=options.num, unit="sentence", unit_scale=True, disable=None if to_file else True)
        while chunk := list(itertools.islice(sentences, options.batch_size)):
            file.writelines(f"{s}\n" for s in chunk)
            bar.update(len(chunk))
        bar.close()
    return 0


SAMPLERS: dict[str, Callable[[Path, argparse.Namespace], int]] = {"text": sample_text}
