"""The commands that score: evaluate one file, compare several, sweep the temperature of runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import UserError
from ..files import atomic_write
from ..metrics.bleu import SMOOTHING
from ..metrics.catalogue import METRICS
from ..scoring import Real
from ..text.grammar import Grammar
from ..text.words import read_lines
from . import tables
from .families import DEFAULT, FAMILIES, build
from .figures import frontier
from .judge import LEVEL, Judge, Judged, Yardstick, draw, split, take

NEEDED = "real sentences are needed to compare with: pass --reference FILE, or --grammar NAME to draw them"
UNITS = {"word": "lower-cased words, punctuation marks apart", "character": "characters"}


def evaluate(options: argparse.Namespace) -> int:
    """Score a file of samples beside real text; print a table, write JSON.

    With --reference, samples are scored against all of it, as published figures are, and real text is one half of it
    against the other half; a column between them scores as many samples against that half, for a fair comparison.
    With --grammar alone, as many real sentences are drawn as there are samples, twice.
    """
    samples = _samples(options.samples, options.size)
    grammar, training = _grammar_and_training(options)
    judge = _judge(options, grammar, training)
    columns: dict[str, Judged]
    if options.reference:
        reference = _sentences(options.reference)
        half, other = split(reference, options.reference)
        whole, part = (Real(r, training, grammar, options.unit) for r in (reference, other))
        size = min(len(samples), len(half))
        columns = {
            "samples": judge("samples", samples, whole),
            "matched": judge("matched", take(samples, size), part),
            "real": judge("real", take(half, size), part),
        }
        print(f"samples: {len(samples):,} sentences of {options.samples} against all {len(reference):,} real ones")
        print(f"matched: {size:,} of those samples against {len(other):,} of the reference, the same as for real")
        print(f"real:    {size:,} sentences of one half of the reference against the {len(other):,} of the other half")
    else:
        half, other = draw(_needed(grammar), options.seed, len(samples), 2)
        real = Real(other, training, grammar, options.unit)
        columns = {"samples": judge("samples", samples, real), "real": judge("real", half, real)}
        print(f"samples: {len(samples):,} sentences of {options.samples} against {len(other):,} real ones")
        print(f"real:    {len(half):,} real sentences against the same")
    settings = _settings(options)
    print(_describe(settings), end="\n\n")
    print(tables.terminal(columns))
    if options.json:
        samples_first = columns["samples"].as_dict()
        others = {name: judged.as_dict() for name, judged in columns.items() if name != "samples"}
        _write_json(options.json, {**samples_first, **others, "settings": settings})
    return 0


def compare(options: argparse.Namespace) -> int:
    """Rank the samples of several systems, at equal numbers of sentences, beside real text.

    Real text is scored like one more system: the sentences of --real, or else of --train, or else one half of the
    reference, which then measures with its other half alone.
    """
    names = _names(options.samples)
    systems = {name: _samples(file) for name, file in zip(names, options.samples, strict=True)}
    grammar, training = _grammar_and_training(options)
    _check_rank(options.rank)
    judge = _judge(options, grammar, training)
    fewest = min(options.size or 10**9, *map(len, systems.values()))
    yardstick = _yardstick(options, grammar, training, fewest)
    size = min(fewest, len(yardstick.held_out))
    if size < fewest and not options.size:
        print(f"cut to {size:,} sentences of each system: there are no more real ones to compare with")
    columns = {name: judge(name, take(samples, size), yardstick.real) for name, samples in systems.items()}
    real = judge_real(judge, yardstick, size)
    columns = _ranked(columns, real, options.rank)
    settings = _settings(options) | {
        "size": size,
        "reference_size": len(yardstick.real.reference),
        "rank": options.rank,
        "systems": dict(zip(names, options.samples, strict=True)),
    }
    print(f"{size:,} sentences of each system against {len(yardstick.real.reference):,} real ones")
    scored = any(options.rank in c.values for c in columns.values())
    print(f"ranked by {options.rank}" if scored else f"not ranked: {options.rank} is not among --metrics")
    _publish(options, columns, real, {n: [("", c)] for n, c in columns.items()}, settings)
    return 0


def sweep(options: argparse.Namespace) -> int:
    """Draw the quality-diversity frontier of runs: their samples at several temperatures, beside real text.

    Without --reference or --grammar, the corpus of the first run is the real text.
    """
    from ..artefacts import locate
    from ..machine import best_device, prepare
    from ..pretrained import Generator

    prepare(None)
    generators = {
        name: Generator.from_pretrained(run, best_device())
        for name, run in zip(_names(options.runs), options.runs, strict=True)
    }
    if not (options.reference or options.grammar):
        _take_corpus_of(locate(options.runs[0]), options)
    grammar, training = _grammar_and_training(options)
    judge = _judge(options, grammar, training)
    yardstick = _yardstick(options, grammar, training, options.num)
    size = min(options.num, len(yardstick.held_out))
    folder = Path(options.out)
    points: dict[str, list[tuple[str, Judged]]] = {name: [] for name in generators}
    for name, generator in generators.items():
        for temperature in options.temperatures:
            samples = list(generator.sample(size, options.seed, temperature, candidates=options.candidates))
            label = f"{name} T={temperature:g}"
            file_name = f"{name}-{temperature:g}.txt".strip("/").replace("/", "_")  # a name may be a whole path
            with atomic_write(folder / "samples" / file_name) as file:
                file.writelines(f"{s}\n" for s in samples)
            points[name].append((f"{temperature:g}", judge(label, samples, yardstick.real)))
    real = judge_real(judge, yardstick, size)
    columns = {f"{name} T={t}": judged for name, judged_at in points.items() for t, judged in judged_at}
    settings = _settings(options) | {"size": size, "reference_size": len(yardstick.real.reference)}
    settings |= {
        "runs": dict(zip(generators, map(str, options.runs), strict=True)),
        "temperatures": options.temperatures,
        "candidates": options.candidates,
    }
    print(f"{size:,} sentences at each temperature against {len(yardstick.real.reference):,} real ones")
    _publish(options, columns, real, points, settings)
    return 0


def judge_real(judge: Judge, yardstick: Yardstick, size: int) -> Judged:
    """Real text as one more system."""
    judged = judge("real", take(yardstick.held_out, size), yardstick.real)
    if yardstick.held_out is yardstick.real.training:
        # Novelty says nothing about the training text itself, and neither do nats of a model that has seen it. The
        # model has not seen the reference, whose nats are the score of real text.
        both: list[dict[str, Any]] = [judged.values, judged.intervals]
        for scores in both:
            scores |= {key: None for key in ("novel", "longest_overlap") if key in scores}
            if "lm_nll" in scores:
                scores["lm_nll"] = scores["reverse_lm_nll"]
    return judged


def _yardstick(
    options: argparse.Namespace, grammar: Grammar | None, training: list[str] | None, size: int
) -> Yardstick:
    if not options.reference:
        held_out, reference = draw(_needed(grammar), options.seed, size, 2)
    else:
        reference = _sentences(options.reference)
        if options.real:
            held_out = _sentences(options.real)
        elif training:
            held_out = training
        else:
            held_out, reference = split(reference, options.reference)
    return Yardstick(Real(reference, training, grammar, options.unit), held_out)


def _take_corpus_of(checkpoint: Path, options: argparse.Namespace) -> None:
    """The corpus that a run was trained on as the options that name it."""
    from ..artefacts import read_config
    from ..config.text import TextConfig
    from ..text.corpus import GRAMMAR

    corpus = checkpoint.parent.parent / "corpus"
    source = read_config(checkpoint, TextConfig).corpus.train
    if source.startswith(GRAMMAR):
        options.grammar = source.removeprefix(GRAMMAR)
    elif (corpus / "test.txt").is_file():
        options.reference = str(corpus / "test.txt")
    else:
        raise UserError(f"{checkpoint} stands without its run's corpus: pass --reference FILE")
    if not options.train and (corpus / "train.txt").is_file():
        options.train = str(corpus / "train.txt")


def _judge(options: argparse.Namespace, grammar: Grammar | None, training: list[str] | None) -> Judge:
    names = list(FAMILIES) if options.metrics == ["all"] else options.metrics or list(DEFAULT)
    if grammar and not options.metrics:
        names = [*names, "oracle"]
    if not grammar and options.metrics == ["all"]:
        names.remove("oracle")
    if "oracle" in names and not grammar:
        raise UserError("--metrics oracle needs the grammar that real text is drawn from: pass --grammar NAME")
    if "language-model" in names and not training:
        raise UserError("--metrics language-model needs real text to train on: pass --train FILE")
    if "language-model" in names:
        from ..machine import prepare  # imports torch, which the other scores do without

        prepare(None)
    return Judge(dict(zip(names, build(names, options.encoder), strict=True)), options.bootstrap)


def _grammar_and_training(options: argparse.Namespace) -> tuple[Grammar | None, list[str] | None]:
    if not (options.reference or options.grammar):
        raise UserError(NEEDED)
    grammar = Grammar.load(options.grammar) if options.grammar else None
    return grammar, _sentences(options.train) if options.train else None


def _needed(grammar: Grammar | None) -> Grammar:
    if grammar is None:
        raise UserError(NEEDED)
    return grammar


def _samples(file: str, size: int | None = None) -> list[str]:
    samples = read_lines(file)
    if len(samples) < 2:
        raise UserError(f"{file}: too few sentences to score; at least 2 samples are needed")
    return samples if size is None else take(samples, size)


def _sentences(file: str) -> list[str]:
    return [line for line in read_lines(file) if line.strip()]


def _names(files: Sequence[str]) -> list[str]:
    """Short names for files or folders, whole paths where those are the same or taken by real text."""
    short = [Path(file).stem if Path(file).is_file() else Path(file).name for file in files]
    names = [
        name if short.count(name) == 1 and name != "real" else str(file)
        for name, file in zip(short, files, strict=True)
    ]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{name} is given twice: give each system once")
    return names


def _check_rank(key: str) -> None:
    if key not in METRICS:
        raise UserError(f"--rank {key}: no such score; give one of {', '.join(METRICS)}")


def _ranked(columns: Mapping[str, Judged], real: Judged, key: str) -> dict[str, Judged]:
    """The best first; systems without that score last, in the order given."""
    goals = {"higher": float("inf"), "lower": float("-inf"), "real": real.values.get(key) or 0.0}
    goal = goals[METRICS[key].better]

    def place(name: str) -> tuple[bool, float]:
        value = columns[name].values.get(key)
        if value is None:
            return True, 0.0
        return False, {"higher": -value, "lower": value, "real": abs(value - goal)}[METRICS[key].better]

    return {name: columns[name] for name in sorted(columns, key=place)}


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the scores depend on besides the sentences."""
    return {
        "n_grams": UNITS[options.unit],
        "bleu_smoothing": f"method 1, {SMOOTHING} in place of 0 (Chen and Cherry 2014)",
        "encoder": options.encoder,
        "bootstrap": options.bootstrap,
        "interval_level": LEVEL if options.bootstrap else None,
        "reference": options.reference,
        "grammar": options.grammar,
        "train": options.train,
        "seed": options.seed,
        "version": __version__,
    }


def _describe(settings: Mapping[str, Any]) -> str:
    lines = [f"n-grams of {settings['n_grams']}; BLEU with smoothing {settings['bleu_smoothing']}"]
    if settings["bootstrap"]:
        lines.append(f"±: half of the {LEVEL:.0%} interval over {settings['bootstrap']} pairs of random halves")
    return "\n".join(lines)


def _publish(
    options: argparse.Namespace,
    columns: dict[str, Judged],
    real: Judged,
    points: Mapping[str, Sequence[tuple[str, Judged]]],
    settings: dict[str, Any],
) -> None:
    """Print the table, and write it as Markdown, JSON and a picture into the folder --out."""
    everything = {**columns, "real": real}
    print(_describe(settings), end="\n\n")
    print(tables.terminal(everything))
    folder = Path(options.out)
    scores = {"settings": settings, "systems": {n: c.as_dict() for n, c in columns.items()}, "real": real.as_dict()}
    for file in filter(None, (folder / "scores.json", options.json)):
        _write_json(file, scores)
    with atomic_write(folder / "table.md") as file:
        file.write(f"{_describe(settings)}\n\n{tables.markdown(everything)}\n")
    drawn = frontier(points, real, folder / "frontier.png")
    print(f"\nwritten: {folder}/table.md, scores.json" + (", frontier.png" if drawn else ""))


def _write_json(path: str | Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
