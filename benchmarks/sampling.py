"""Sampling to a file: the generator against its arithmetic, and against a language model with as many weights.

`seqgan-gp sample RUN --out FILE` writes both, from loading the checkpoint to the last line. The floor is the
multiply-adds of the generator for as many sentences, timed as plain matrix products of the same shapes, batch by batch.

The language model, the maximum-likelihood baseline, writes one token after another and stops at the end of a sentence.
Untrained, it would hardly ever end one. The generator always computes all positions. So both are trained for a while
first, unless you give runs, and the table shows the words per sentence of both and of real text. In large batches the
speeds differ mostly by the multiply-adds, which are counted. One sentence at a time, the generator takes one pass and
the language model one for each token.

These times are without reranking. If the run has a discriminator, the table also shows the time with reranking, the
default of `seqgan-gp sample`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqgan_gp import config as configs
from seqgan_gp import pretrained
from seqgan_gp.artefacts import locate, read_config
from seqgan_gp.cli import main as seqgan_gp
from seqgan_gp.config.text import LanguageModelConfig, TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.text.words import read_lines, words

from .command import TrainingCommand
from .timing import Product, multiply, spread, take_turns

BATCH = 256  # the default of `seqgan-gp sample`


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", metavar="RUN", help="an adversarial run (default: text.yaml, trained for --train-steps)"
    )
    parser.add_argument("--baseline", metavar="RUN", help="a run of method likelihood (default: mle.yaml, likewise)")
    parser.add_argument("--train-steps", type=int, default=400, help="steps of such training (default: %(default)s)")
    parser.add_argument("--options", nargs="+", default=[], metavar="KEY=VALUE", help="further keys of their training")
    parser.add_argument("--num", type=int, default=50_000, help="sentences to write in batches (default: %(default)s)")
    parser.add_argument("--single", type=int, default=400, help="sentences to write one by one (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds to measure in all (default: %(default)s)")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "ours": options.run or trained("text.yaml", Path(folder, "ours"), options),
            "baseline": options.baseline or trained("mle.yaml", Path(folder, "baseline"), options),
        }
        return measure(runs, Path(folder), options)


def trained(name: str, run: Path, options: argparse.Namespace) -> str:
    """Train an experiment for a while, and return its run folder."""
    never = 10**9
    few = [f"--train.steps={options.train_steps}", f"--evaluation.every={never}", "--evaluation.samples=100"]
    arguments = [f"--config={name}", *few, *(f"--{option}" for option in options.options)]
    configs.parse(arguments)  # check them before the work
    print(f"{name}: training for {options.train_steps} steps", file=sys.stderr)
    with TrainingCommand(arguments, run) as command:
        command.finish()
    return str(run)


def measure(runs: dict[str, str], folder: Path, options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    config = {name: read_config(locate(run), TextConfig) for name, run in runs.items()}
    generator = pretrained.Generator.from_pretrained(runs["ours"])
    baseline = pretrained.LanguageModel.from_pretrained(runs["baseline"])
    vocabulary = len(generator.tokenizer)

    def write(name: str, num: int, batch: int, *choice: str) -> Callable[[], None]:
        to = folder / f"{name}.txt"
        command = ["sample", runs[name], f"--num={num}", f"--batch-size={batch}", f"--out={to}", *choice]

        def sample() -> None:
            if seqgan_gp(command):
                raise UserError(f"{runs[name]} cannot be sampled; give another run")

        return sample

    sample = {name: write(name, options.num, BATCH, "--candidates=1") for name in runs}
    for function in sample.values():
        function()  # it also sets the threads for the floor
    lengths = {name: mean_words(folder / f"{name}.txt") for name in runs}
    corpus = Path(runs["ours"], "corpus", "test.txt")
    products = [
        *generator_products(config["ours"], vocabulary, BATCH, options.num // BATCH),
        *generator_products(config["ours"], vocabulary, options.num % BATCH),
    ]
    chosen = {"chosen": write("ours", options.num, BATCH)} if generator.reranking else {}
    times = take_turns({**sample, **chosen, "floor": multiply(products)}, options.seconds / 2)
    single = {name: write(name, options.single, 1, "--candidates=1") for name in runs}
    times |= {f"{name}_single": t for name, t in take_turns(single, options.seconds / 2, rounds=3).items()}

    figures: dict[str, Any] = {"threads": torch.get_num_threads(), "sentences": options.num, "batch": BATCH}
    figures["candidates"] = generator.reranking.candidates if generator.reranking else 1
    figures |= {"single": options.single, "real_words": mean_words(corpus) if corpus.is_file() else None}
    for name, network in (("ours", generator.network), ("baseline", baseline.network)):
        figures[f"{name}_weights"] = sum(p.numel() for p in network.parameters())
        figures[f"{name}_words"] = lengths[name]
    for name, seconds in times.items():
        figures |= spread(f"{name}_s", seconds)
        figures[f"{name}_per_second"] = (options.single if "single" in name else options.num) / figures[f"{name}_s"]
    tokens = min(lengths["baseline"] + 1, config["baseline"].tokenizer.positions)  # with the end token
    counted = language_model_products(config["baseline"].language_model, len(baseline.tokenizer), tokens)
    figures["ours_multiply_adds"] = sum(p.multiply_adds for p in products) / options.num
    figures["baseline_multiply_adds"] = counted
    figures |= {
        "sampling_to_floor": figures["floor_s"] / figures["ours_s"],
        "sampling_to_baseline": figures["baseline_s"] / figures["ours_s"],
        "single_to_baseline": figures["baseline_single_s"] / figures["ours_single_s"],
        "multiply_adds_to_baseline": counted / figures["ours_multiply_adds"],
    }
    return figures, _table(figures)


def generator_products(config: TextConfig, vocabulary: int, batch: int, times: int = 1) -> list[Product]:
    """The matrix products of `times` forward passes of the convolutional generator for `batch` sentences."""
    g, length = config.generator, config.tokenizer.positions
    if g.backbone != "convolutional":
        raise UserError(f"the generator is {g.backbone}: the arithmetic is counted for a convolutional one")
    if not batch or not times:
        return []
    rows = batch * length
    products = [
        Product(batch, g.noise, length * g.width, times),
        Product(rows, g.position_noise, g.width, times),
        Product(rows, g.options["kernel"] * g.width, g.width, 2 * g.blocks * times),
        Product(rows, g.width, vocabulary, times),
    ]
    return [p for p in products if p.multiply_adds]


def language_model_products(config: LanguageModelConfig, vocabulary: int, tokens: float) -> float:
    """Multiply-adds of the language model for a sentence of `tokens` tokens, including the end token."""
    c = config
    gates = [4 * c.width * (channels + c.width) for channels in (c.embedding, *[c.width] * (c.layers - 1))]
    return tokens * (sum(gates) + c.width * c.embedding + c.embedding * vocabulary)


def mean_words(path: Path) -> float:
    """The mean number of words and punctuation marks in a line."""
    return statistics.mean(len(words(line)) for line in read_lines(path))


def _table(f: dict[str, Any]) -> str:
    real = "unknown" if f["real_words"] is None else f"{f['real_words']:.2f}"
    lines = [
        f"{f['sentences']:,} sentences to a file in batches of {f['batch']}, {f['threads']} threads; medians "
        "(quartiles)",
        f"words per sentence: real {real}, generator {f['ours_words']:.2f}, language model {f['baseline_words']:.2f}",
        f"weights: generator {f['ours_weights']:,}, language model {f['baseline_weights']:,}",
        "",
        f"{'':32} {'seconds':>8} {'':18} {'sentences/s':>12}",
    ]
    names = {
        "ours": "generator",
        **({"chosen": f"each chosen among {f['candidates']}"} if f["candidates"] > 1 else {}),
        "floor": "its multiply-adds",
        "baseline": "language model",
        "ours_single": f"generator, {f['single']} one by one",
        "baseline_single": f"language model, {f['single']} one by one",
    }
    for key, name in names.items():
        low, high = f[f"{key}_s_quartiles"]
        between = f"({low:.3f} to {high:.3f})"
        lines.append(f"{name:32} {f[f'{key}_s']:8.3f} {between:18} {f[f'{key}_per_second']:12,.0f}")
    lines += [
        "",
        f"{f['sampling_to_floor']:6.2f} of the speed of its multiply-adds",
        f"{f['sampling_to_baseline']:6.2f} times the speed of the language model; multiply-adds alone would give "
        f"{f['multiply_adds_to_baseline']:.2f}",
        f"{f['single_to_baseline']:6.2f} times the speed of the language model, one at a time",
    ]
    return "\n".join(lines)
