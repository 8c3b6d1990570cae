"""The command `sample`, for each modality: what it draws from a checkpoint, and how it is written."""

from __future__ import annotations

import argparse
import itertools
import sys
from contextlib import nullcontext
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from . import config as configs
from .artefacts import CONFIG, locate
from .errors import UserError
from .files import atomic_write
from .machine import best_device, prepare
from .modality import modality

if TYPE_CHECKING:
    from .text.conditions import Condition


def sample(options: argparse.Namespace) -> int:
    """Write samples of the run or checkpoint `options.run`, as its modality does."""
    prepare(None)
    checkpoint = locate(options.run)
    return resolve_name(modality(configs.modality_of(checkpoint / CONFIG)).sample)(checkpoint, options)


def sample_text(checkpoint: Path, options: argparse.Namespace) -> int:
    """A sentence a line, as they are drawn: of a label if one is asked for, or the answer to each line of a file."""
    from .pretrained import Generator

    generator = Generator.from_pretrained(checkpoint, best_device())
    given = _given(generator.condition, options)
    num = options.num if given is None else len(given)
    sentences = generator.sample(num, options.seed, options.temperature, options.batch_size, given, options.candidates)
    to_file = options.out not in (None, "-")
    with atomic_write(options.out) if to_file else nullcontext(sys.stdout) as file:
        bar = tqdm(total=num, unit="sentence", unit_scale=True, disable=None if to_file else True)
        while chunk := list(itertools.islice(sentences, options.batch_size)):
            file.writelines(f"{s}\n" for s in chunk)
            bar.update(len(chunk))
        bar.close()
    return 0


def _given(condition: Condition | None, options: argparse.Namespace) -> list[str] | None:
    """What the options give each sentence; None where they give nothing.

    Raises:
        UserError: the run takes something else, or a context is empty.
    """
    from .text.conditions import Contexts, Labels
    from .text.words import read_lines

    for option, kind, key in (("label", Labels, "corpus.label"), ("context", Contexts, "corpus.context")):
        if getattr(options, option) is not None and not isinstance(condition, kind):
            raise UserError(f"{options.run} takes no {option}: leave out --{option}, or give a run trained with {key}")
    if options.label is not None:
        return [options.label] * options.num
    if options.context is None:
        return None
    assert isinstance(condition, Contexts)
    lines = read_lines(options.context)
    if empty := [number for number, line in enumerate(lines, 1) if not line.strip()]:
        raise UserError(f"{options.context}, line {empty[0]}: empty; there must be something to answer in every line")
    if cut := condition.tokenizer.encode(lines, condition.length).truncated:
        print(
            f"{cut:,} lines of {options.context} are longer than {condition.length} tokens and were cut",
            file=sys.stderr,
        )
    return lines


def sample_images(checkpoint: Path, options: argparse.Namespace) -> int:
    """All of them as one picture."""
    from .images.grid import save_grid
    from .images.pretrained import ImageGenerator

    if options.candidates is not None:
        raise UserError("--candidates is for text: nothing chooses among images; leave it out")
    if options.temperature is not None:
        raise UserError("--temperature is for text: pixels are not drawn from a softmax; leave it out")
    if options.label is not None or options.context is not None:
        raise UserError("--label and --context are for text: images are given neither; leave them out")
    if options.out in (None, "-") or Path(options.out).suffix.lower() != ".png":
        raise UserError(f"--out is {options.out or 'not given'}: images need the name of a file that ends in .png")
    generator = ImageGenerator.from_pretrained(checkpoint, best_device())
    with tqdm(total=options.num, unit="image", unit_scale=True, disable=None) as bar:
        parts = []
        for pixels in generator.sample(options.num, options.seed, options.batch_size):
            parts.append(pixels)
            bar.update(len(pixels))
    save_grid(np.concatenate(parts), options.out)
    return 0
