"""Sampling to a file: the generator against its arithmetic, and against a language model with as many weights.

`seqgan-gp sample RUN --out FILE` writes both, from loading the checkpoint to the last line. The floor is the
multiply-adds of the generator and of its revisions for as many sentences, timed as plain matrix products of the same
shapes, batch by batch. The discriminator of a reranker comes on top.

The language model, the maximum-likelihood baseline, writes one token after another and stops at the end of a sentence.
Untrained, it would hardly ever end one. The generator always computes all positions. So both are trained for a while
first, unless you give runs, and the table shows the words per sentence of both and of real text. In large batches the
speeds differ mostly by the multiply-adds, which are counted. One sentence at a time, the generator takes one pass and
the language model one for each token.

A run with a reranker or a reviser has several ways to sample: with fewer candidates, with another number of revisions,
or without revisions. The table shows each of them, with the scores of its sentences, so that you can compare speeds at
equal quality.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seqgan_gp import config as configs
from seqgan_gp import pretrained
from seqgan_gp.artefacts import locate, read_config
from seqgan_gp.cli import main as seqgan_gp
from seqgan_gp.config.text import LanguageModelConfig, TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.models.reviser import RevisingGenerator
from seqgan_gp.scoring import Real, score
from seqgan_gp.text.corpus import load_grammar
from seqgan_gp.text.words import read_lines, words

from .command import TrainingCommand
from .timing import Product, multiply, spread, take_turns

BATCH = 256  # the default of `seqgan-gp sample`
SCORED = 5000  # sentences
COUNTED = 2_000  # sentences that say how many candidates one takes
SHOWN = ("grammatical", "unique", "self_bleu_4", "jsd_2")


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


class Way(NamedTuple):
    """One way to sample a run.

    Args:
        name: its name in the table.
        key: its name among the figures.
        choice: the options of the command `sample`.
        passes: passes of the generator or of the reviser for one sentence, on average.
    """

    name: str
    key: str
    choice: tuple[str, ...]
    passes: float


def ways(generator: pretrained.Generator) -> list[Way]:
    """The ways to sample a run; the first one is its own."""
    network, reranking = generator.network, generator.reranking
    passes = network.passes if isinstance(network, RevisingGenerator) else 0
    candidates, own = (reranking.candidates, reranking.passes or 0) if reranking else (1, 0)
    other = passes if own < passes else max(1, own - 1)
    found = []
    for revisions in sorted({own, other if own else 0}, key=lambda number: number != own):
        for k in sorted({candidates, min(2, candidates)} - {1}, reverse=True):
            key = f"candidates_{k}" + (f"_passes_{revisions}" if revisions != own else "")
            choice = (f"--candidates={k}", *([f"--passes={revisions}"] if revisions else []))
            found.append(_way(generator, k, revisions, key, choice))
    found.append(_way(generator, 1, passes, "candidates_1", ("--candidates=1",)))
    if passes:
        found.append(Way("drafts", "drafts", ("--candidates=1", "--passes=0"), 1))
    return found


def _way(generator: pretrained.Generator, candidates: int, passes: int, key: str, choice: tuple[str, ...]) -> Way:
    name = f"{candidates} candidates" if candidates > 1 else "1 candidate"
    revised = {0: "", 1: ", 1 revision"}.get(passes, f", {passes} revisions")
    return Way(name + revised, key, choice, taken(generator, candidates, passes) * (1 + passes))


def taken(generator: pretrained.Generator, candidates: int, passes: int) -> float:
    """The mean number of candidates that a sentence takes, of so many at most, with so many revisions each."""
    if candidates == 1 or generator.reranking is None:
        return 1
    with generator.reranking.counting() as scored:
        drawn = generator.sample_ids(COUNTED, candidates=candidates, passes=passes or None)
        num = sum(len(ids) for ids in drawn)
    return sum(scored) / num


def measure(runs: dict[str, str], folder: Path, options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    config = {name: read_config(locate(run), TextConfig) for name, run in runs.items()}
    generator = pretrained.Generator.from_pretrained(runs["ours"])
    baseline = pretrained.LanguageModel.from_pretrained(runs["baseline"])
    vocabulary = len(generator.tokenizer)
    chosen = [*ways(generator), Way("language model", "baseline", (), 0)]

    def write(way: Way, num: int, batch: int) -> Callable[[], None]:
        run = runs["baseline" if way.key == "baseline" else "ours"]
        to = folder / f"{way.key}.txt"
        command = ["sample", run, f"--num={num}", f"--batch-size={batch}", f"--out={to}", *way.choice]

        def sample() -> None:
            if seqgan_gp(command):
                raise UserError(f"{run} cannot be sampled; give another run")

        return sample

    sample = {way.key: write(way, options.num, BATCH) for way in chosen}
    for function in sample.values():
        function()  # it also sets the threads for the floor
    written = {way.key: folder / f"{way.key}.txt" for way in chosen}
    lengths = {key: mean_words(path) for key, path in written.items()}
    real = real_text(runs["ours"], config["ours"])
    scores = {key: quality(path, real) for key, path in written.items()} if real else {}
    products = [
        *generator_products(config["ours"], vocabulary, BATCH, options.num // BATCH),
        *generator_products(config["ours"], vocabulary, options.num % BATCH),
    ]
    times = take_turns({**sample, "floor": multiply(products)}, options.seconds / 2)
    single = {f"{way.key}_single": write(way, options.single, 1) for way in chosen}
    times |= take_turns(single, options.seconds / 2, rounds=3)

    figures: dict[str, Any] = {"threads": torch.get_num_threads(), "sentences": options.num, "batch": BATCH}
    figures |= {"single": options.single, "real_words": statistics.mean(map(_words, real.reference)) if real else None}
    for name, network in (("ours", generator.network), ("baseline", baseline.network)):
        figures[f"{name}_weights"] = sum(p.numel() for p in network.parameters())
    for name, seconds in times.items():
        figures |= spread(f"{name}_s", seconds)
        figures[f"{name}_per_second"] = (options.single if "single" in name else options.num) / figures[f"{name}_s"]
    tokens = min(lengths["baseline"] + 1, config["baseline"].tokenizer.positions)  # with the end token
    counted = language_model_products(config["baseline"].language_model, len(baseline.tokenizer), tokens)
    once = sum(p.multiply_adds for p in products) / options.num
    figures["ways"] = [way._asdict() for way in chosen]
    for way in chosen:
        key, ours = way.key, way.passes > 0
        figures |= {
            f"{key}_words": lengths[key],
            f"{key}_scores": scores.get(key, {}),
            f"{key}_multiply_adds": once * way.passes if ours else counted,
            f"{key}_to_floor": way.passes * figures["floor_s"] / figures[f"{key}_s"] if ours else None,
            f"{key}_to_baseline": figures["baseline_s"] / figures[f"{key}_s"],
            f"{key}_single_to_baseline": figures["baseline_single_s"] / figures[f"{key}_single_s"],
        }
    return figures, _table(figures)


def real_text(run: str, config: TextConfig) -> Real | None:
    """The held-out sentences of a run, and the grammar that they are drawn from; None if the run has no copy."""
    path = Path(run, "corpus", "test.txt")
    return Real(list(read_lines(path)), grammar=load_grammar(config.corpus.train)) if path.is_file() else None


def quality(path: Path, real: Real) -> dict[str, float]:
    """The scores that the table shows, of the first SCORED sentences of a file."""
    scores = score(list(read_lines(path))[:SCORED], real)
    return {name: value for name in SHOWN if (value := scores.get(name)) is not None}


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
    return statistics.mean(map(_words, read_lines(path)))


def _words(line: str) -> int:
    return len(words(line))


def _table(f: dict[str, Any]) -> str:
    real = "unknown" if f["real_words"] is None else f"{f['real_words']:.2f}"
    shown = [name for name in SHOWN if any(name in f[f"{way['key']}_scores"] for way in f["ways"])]
    lines = [
        f"{f['sentences']:,} sentences to a file in batches of {f['batch']}, {f['single']} one by one, {f['threads']} "
        "threads; medians (quartiles)",
        f"words per sentence of real text: {real}",
        f"weights: generator {f['ours_weights']:,}, language model {f['baseline_weights']:,}",
        f"a pass of the generator over all sentences as bare products: {f['floor_s']:.3f} s",
        "",
        f"{'':26} {'seconds':>8} {'':18} {'one by one':>10} {'words':>6} {'/ LM':>6} {'one':>6} {'of bare':>8}  "
        + " ".join(f"{name:>11}" for name in shown),
    ]
    for way in f["ways"]:
        key, scores = way["key"], f[f"{way['key']}_scores"]
        low, high = f[f"{key}_s_quartiles"]
        bare = f[f"{key}_to_floor"]
        row = f"{way['name']:26} {f[f'{key}_s']:8.3f} {f'({low:.3f} to {high:.3f})':18} {f[f'{key}_single_s']:10.3f}"
        row += f" {f[f'{key}_words']:6.2f} {f[f'{key}_to_baseline']:6.2f} {f[f'{key}_single_to_baseline']:6.2f}"
        row += f" {'' if bare is None else format(bare, '.2f'):>8}  "
        lines.append(row + " ".join(f"{scores[name]:11.3f}" if name in scores else " " * 11 for name in shown))
    lines += [
        "",
        "/ LM: times the speed of the language model, in batches and one at a time; of bare: of the speed of its bare "
        "products",
    ]
    for way in f["ways"][:-1]:
        ratio = f["baseline_multiply_adds"] / f[f"{way['key']}_multiply_adds"]
        lines.append(f"{way['name']}: multiply-adds alone would give {ratio:.2f} times the speed of the language model")
    return "\n".join(lines)
