"""Carry out the command `sample`: draw samples from a checkpoint of any modality, and write them."""

from __future__ import annotations

import argparse
import itertools
import sys
from contextlib import nullcontext
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from . import config as configs
from .artefacts import CONFIG, locate, read_config, saved_networks
from .errors import UserError, one_line
from .files import atomic_write
from .machine import best_device, prepare
from .modality import modality
from .options.sample import NUM
from .places import check_files

if TYPE_CHECKING:
    from .pretrained import Critic, Generator


PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".pdf", ".npz")


def sample(options: argparse.Namespace) -> int:
    """Write samples of the run or checkpoint `options.run`, as its modality does."""
    prepare(None)
    if options.num is None and options.context is None:
        options.num = NUM
    checkpoint = locate(options.run, revision=options.revision)
    return resolve_name(modality(configs.modality_of(checkpoint / CONFIG)).sample)(checkpoint, options)


def sample_text(checkpoint: Path, options: argparse.Namespace) -> int:
    """Write one sentence on each line, with the label that the options give, or as answers to the lines of a file."""
    from .pretrained import Generator, Price, draw_until, infill
    from .text.writing import form_of, written

    if Path(options.out or "").suffix.lower() in PICTURES:
        raise UserError(f"--out is {options.out}, a picture, and {options.run} writes text: name a file such as s.txt")
    form = form_of(options.out)  # refuses a form before the work
    check_files({"--out": options.out}, [options.context])
    if options.fix_by == "draw" and options.fix is None:
        raise UserError("--fix-by says how samples keep to a pattern: pass --fix PATTERN with it, or leave it out")
    if options.fix_by == "draw" and options.context is not None:
        raise UserError("--fix-by draw cannot wait for each answer of --context: leave it out, and noise finds them")
    generator = Generator.from_pretrained(checkpoint, best_device())
    given = _given(generator, checkpoint, options)
    num = options.num if given is None else len(given)
    price = Price()
    drawn: dict[str, Any] = {
        "seed": options.seed,
        "temperature": options.temperature,
        "batch_size": options.batch_size,
        "candidates": options.candidates,
        "passes": options.passes,
    }
    if options.fix is None:
        sentences = generator.sample(num, given=given, **drawn)
    elif options.fix_by == "draw":
        sentences = draw_until(generator, options.fix, num, price, given=options.label, **drawn)
    else:
        sentences = infill(
            generator, options.fix, num, _critic(checkpoint, generator), given=given, price=price, **drawn
        )
    pieces = written(sentences, form, given, "label" if options.context is None else "context")
    to_file = options.out not in (None, "-")
    with atomic_write(options.out) if to_file else nullcontext(sys.stdout) as file:
        bar = tqdm(total=num, unit="sentence", unit_scale=True, disable=None if to_file else True)
        while chunk := list(itertools.islice(pieces, min(num, options.batch_size))):
            file.writelines(chunk)
            bar.update(len(chunk))
        bar.close()
    if options.fix is not None:
        print(one_line(f"--fix {options.fix}: {price.of(num)}"), file=sys.stderr)
    return 0


def _critic(checkpoint: Path, generator: Generator) -> Critic | None:
    """The critic, where no discriminator chooses among candidates; None if the run has none."""
    from .pretrained import Critic

    if generator.reranking or "critic" not in saved_networks(checkpoint):
        return None
    return Critic.from_pretrained(checkpoint, best_device())


def _given(generator: Generator, checkpoint: Path, options: argparse.Namespace) -> list[str] | None:
    """The label or the context of each sentence. The options give it, or labels are drawn; None where the run takes
    none, or a pattern is fixed, whose sentences draw labels of their own.

    Raises:
        UserError: the run takes no such condition, or a context is empty.
    """
    condition = generator.condition
    from .config.text import TextConfig
    from .text.conditions import Contexts, Labels
    from .text.reading import read_sentences

    for option, kind, key in (("label", Labels, "corpus.label"), ("context", Contexts, "corpus.context")):
        if getattr(options, option) is not None and not isinstance(condition, kind):
            raise UserError(f"{options.run} takes no {option}: leave out --{option}, or give a run trained with {key}")
    if options.column is not None and options.context is None:
        print("--column has no effect: it names a column of --context, which is not given", file=sys.stderr)
    if options.label is not None:
        return [options.label] * options.num
    if options.context is None:
        drawn = isinstance(condition, Labels) and options.fix is None
        return generator.draw_conditions(options.num, options.seed) if drawn else None
    assert isinstance(condition, Contexts)
    lines = read_sentences(options.context, options.column or str(read_config(checkpoint, TextConfig).corpus.context))
    if empty := [number for number, line in enumerate(lines, 1) if not line.strip()]:
        raise UserError(f"{options.context}, line {empty[0]}: empty; every line must have a context")
    if options.num is not None:
        print(f"--num has no effect: --context writes an answer to each of its {len(lines):,} lines", file=sys.stderr)
    if cut := condition.tokenizer.encode(lines, condition.length).truncated:
        print(
            f"{cut:,} lines of {options.context} are longer than {condition.length} tokens and were cut",
            file=sys.stderr,
        )
    return lines
