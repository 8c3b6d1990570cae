"""The commands: train, sample, evaluate. Heavy imports wait inside the command that needs them."""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from . import __version__
from .errors import UserError


def command(function: Callable[..., int]) -> Callable[..., int]:
    """Bad input and failing disks end in one line on stderr and exit code 2; Ctrl-C in 130."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> int:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            message = str(error)
        except BrokenPipeError:  # the reader of our output, such as head, has what it wanted
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except MemoryError:
            message = "not enough memory: shorten tokenizer.length, the batch or the corpus"
        except OSError as error:
            message = f"{error.filename or 'input or output'}: {error.strerror or error}"
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        if os.environ.get("RANK", "0") == "0":  # once, however many processes
            print(f"error: {message}", file=sys.stderr)
        return 2

    return wrapped


@command
def train(arguments: list[str], prog: str = "seqgan-gp train") -> int:
    """Train as the YAML file and the options say."""
    from . import config

    invocation = config.parse(arguments, prog)
    from .training.experiment import run

    return run(*invocation)


@command
def sample(options: argparse.Namespace) -> int:
    """Write sentences of a checkpoint, a line each, as they are drawn."""
    from tqdm import tqdm

    from .files import atomic_write
    from .machine import best_device, set_threads
    from .pretrained import Generator

    set_threads(None)
    generator = Generator.from_pretrained(options.run, best_device())
    sentences = generator.sample(options.num, options.seed, options.temperature, options.batch_size)
    to_file = options.out not in (None, "-")
    with atomic_write(options.out) if to_file else nullcontext(sys.stdout) as file:
        bar = tqdm(total=options.num, unit="sentence", unit_scale=True, disable=None if to_file else True)
        while chunk := list(itertools.islice(sentences, options.batch_size)):
            file.writelines(f"{s}\n" for s in chunk)
            bar.update(len(chunk))
        bar.close()
    return 0


@command
def evaluate(options: argparse.Namespace) -> int:
    """Score a file of samples; print a table, write JSON."""
    from .files import atomic_write
    from .metrics import report
    from .scoring import Scorer
    from .text.grammar import Grammar
    from .text.words import read_lines

    samples = read_lines(options.samples)
    grammar = Grammar.load(options.grammar) if options.grammar else None
    if options.reference:
        reference = [line for line in read_lines(options.reference) if line.strip()]
        half, other_half = report.halves(reference)
    elif grammar:
        # As many as the samples in each half, so that both columns of the table are of equal sizes.
        stream = grammar.sentences(options.seed)
        half, other_half = (list(itertools.islice(stream, len(samples))) for _ in range(2))
        reference = other_half
    else:
        raise UserError(
            "real sentences are needed to compare with: pass --reference FILE, or --grammar NAME to draw them"
        )
    training = read_lines(options.train) if options.train else None
    for name, lines, least in ((options.samples, samples, 2), (options.reference, half, 2)):
        if len(lines) < least:
            raise UserError(f"{name}: too few sentences to score; at least 2 samples and 4 real sentences are needed")

    scores = Scorer(reference, options.unit, training, grammar)(samples, progress=True)
    real = Scorer(other_half, options.unit, training, grammar)(half, progress=True)
    result = {**scores, "real": real}
    if options.json:
        with atomic_write(options.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    print(f"samples: {len(samples):,} sentences of {options.samples} against {len(reference):,} real ones")
    print(f"real:    {len(half):,} real sentences against {len(other_half):,} others")
    if len(samples) != len(half):
        print(
            "The two differ in number: BLEU grows with the references, self-BLEU with the samples, JSD falls with both."
        )
    unit = "characters" if options.unit == "character" else "lower-cased words, punctuation apart"
    print(f"n-grams of {unit}; BLEU with smoothing method 1\n")
    print(report.table(result))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The program `seqgan-gp`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:  # its options are the keys of the config
        return train(arguments[1:])
    options = _parser().parse_args(arguments)
    return options.command(options)


def _at_least(least: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least {least}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seqgan-gp",
        description="Wasserstein GANs with gradient penalty on text and other discrete sequences.",
        epilog="Several devices: accelerate launch -m seqgan_gp train --config text.yaml (run.py in a checkout).",
    )
    parser.add_argument("--version", action="version", version=f"seqgan-gp {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser(
        "train", help="train a generator and its critic; train --help lists every field", add_help=False
    )

    p = commands.add_parser("sample", help="write sentences of a trained generator", description=sample.__doc__)
    p.add_argument("run", metavar="RUN", help="run folder (its last checkpoint), a checkpoint, or a hub id")
    p.add_argument("--num", type=_at_least(1, int), default=10, help="sentences to write (default: %(default)s)")
    p.add_argument("--out", metavar="FILE", help="text file, a sentence a line (default: the terminal)")
    p.add_argument(
        "--seed",
        type=_at_least(0, int),
        default=0,
        help="the same seed gives the same sentences (default: 0)",
    )
    p.add_argument(
        "--temperature",
        type=_at_least(0, float),
        help="draw each token from softmax(logits / T); 0 takes the most probable (default: as trained)",
    )
    p.add_argument("--batch-size", type=_at_least(1, int), default=1024, help="sentences at a time (default: 1024)")
    p.set_defaults(command=sample)

    p = commands.add_parser("evaluate", help="score samples beside real text", description=evaluate.__doc__)
    p.add_argument("samples", metavar="SAMPLES", help="text file, a sentence a line; of any system")
    p.add_argument("--reference", metavar="FILE", help="held-out real sentences, a line each")
    p.add_argument(
        "--train", metavar="FILE", help="training sentences: adds the fraction of samples that are not among them"
    )
    p.add_argument(
        "--grammar",
        metavar="NAME",
        help="grammar of data/ (text) or a .pcfg file: adds grammatical, oracle_nll, and a reference if none is given",
    )
    p.add_argument(
        "--unit", choices=("word", "character"), default="word", help="what n-grams are made of (default: %(default)s)"
    )
    p.add_argument(
        "--seed",
        type=_at_least(0, int),
        default=1_000_003,
        help="of sentences drawn from the grammar (default: %(default)s)",
    )
    p.add_argument("--json", metavar="FILE", help="also write the scores here")
    p.set_defaults(command=evaluate)
    return parser
