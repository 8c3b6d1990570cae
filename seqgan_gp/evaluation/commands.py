"""The commands that score samples: evaluate one file, compare several, sweep the temperature of runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..decoding import STANDARD_INPUT
from ..errors import UserError
from ..files import atomic_write
from ..metrics.differences import LEAST_SEEDS
from ..names import nearest
from ..notices import notify
from ..places import check_files, check_folder
from ..tabular import check_suffix
from ..text.reading import notify_of_column, read_sentences
from ..text.words import characters, some, words
from . import comparison, pairs, report, tables
from .catalogue import describe, metrics
from .comparison import Comparison, Sources
from .notes import REAL, REFERENCE, SAMPLES, TRAIN, empty, other_case, same_sentences, short_lines
from .real import FittedReal, random_halves, random_subset
from .scorer import Scored, over_seeds
from .systems import named, names_of, once, seeds_of_systems


def evaluate(options: argparse.Namespace) -> int:
    """Score a file of samples beside real text, print a table and write JSON.

    With --reference the column `samples` has the samples against all of the reference, as published figures are. The
    column `real` has one half of the reference against the other half. Between them, `matched` has as many samples
    against the same half: it is the fair comparison with `real`. With --grammar alone, real text is drawn twice, as
    many sentences as there are samples. Several files are seeds of one system, at equal size.
    """
    once(options.samples)
    if options.table:
        check_suffix("--table", options.table)
    _check_files(options, options.samples)
    texts = {file: _read_samples(file, options.column, options.size) for file in options.samples}
    fewest = min(map(len, texts.values()))
    compared = comparison.from_options(options)
    _note_too_few(options.size, fewest)
    scorer = compared.scorer
    columns: dict[str, Scored]
    reference = compared.reference if compared.sources.reference else None
    if reference is not None:
        half, other = random_halves(reference, str(compared.sources.reference))
    else:
        half, other = compared.draw_twice(fewest)
    notes = _notes(texts, compared)  # once nothing more can be wrong with the input
    each = "each of " if len(texts) > 1 else ""
    said = f"samples: {fewest:,} sentences of {each}{', '.join(map(named, texts))} against"

    def score(name: str, size: int, real: FittedReal) -> Scored:
        return over_seeds([scorer(name, random_subset(text, size), real) for text in texts.values()])

    if reference is not None:
        whole, part = compared.against(reference), compared.against(other)
        size = min(fewest, len(half))
        columns = {
            "samples": score("samples", fewest, whole),
            "matched": score("matched", size, part),
            "real": scorer("real", random_subset(half, size), part),
        }
        print(f"{said} all {len(reference):,} real ones")
        print("matched: as few samples as `real` has; compare these two columns")
        print(f"real:    {size:,} sentences of one half of the reference against the {len(other):,} of the other half")
    else:
        real = compared.against(other)
        columns = {"samples": score("samples", fewest, real), "real": scorer("real", half, real)}
        print(f"{said} {len(other):,} real ones")
        print(f"real:    {len(half):,} real sentences against the same")
    report.print_and_write(columns, report.settings(compared) | notes, options.json, options.table)
    return 0


def compare(options: argparse.Namespace) -> int:
    """Rank the samples of several systems, at equal numbers of sentences, beside real text.

    Real text is scored like one more system: see `Comparison.real_text`.
    """
    systems = seeds_of_systems(options.samples)
    files = [file for seeds in systems.values() for file in seeds]
    _check_files(options, files)
    check_folder("--out", options.out)
    texts = {file: _read_samples(file, options.column) for file in files}
    compared = comparison.from_options(options)
    _check_rank(options.rank)
    fewest = min(options.size or 10**9, *map(len, texts.values()))
    _note_too_few(options.size, fewest)
    real, real_system = compared.real_text(fewest)
    notes = _notes(texts, compared, real_system.sentences if compared.sources.real else None)
    size = min(fewest, len(real_system.sentences))
    if size < fewest and not options.size:
        print(f"cut to {size:,} sentences of each system: there are no more real ones to compare with")
    scorer = compared.scorer
    real_column = real_system.score(scorer, size, real)
    if all(len(seeds) >= LEAST_SEEDS for seeds in systems.values()):  # their spread says more than that of halves
        scorer = replace(scorer, bootstrap=0)
    columns = {
        name: over_seeds([scorer(named(file), random_subset(texts[file], size), real) for file in seeds])
        for name, seeds in systems.items()
    }
    columns = _ranked(columns, real_column, options.rank)
    settings = report.settings(compared) | {
        "size": size,
        "reference_size": len(real.reference),
        "rank": options.rank,
        "systems": {name: seeds[0] if len(seeds) == 1 else list(seeds) for name, seeds in systems.items()},
        **notes,
    }
    print(f"{size:,} sentences of each system against {len(real.reference):,} real ones")
    found = [column.values[options.rank] for column in columns.values() if options.rank in column.values]
    missing = "is not among --metrics" if not found else "is not defined for these sentences; give another --rank"
    ranked = any(value is not None for value in found)
    print(f"ranked by {options.rank}" if ranked else f"not ranked: {options.rank} {missing}")
    points = {name: [("", column)] for name, column in columns.items()}
    differences = pairs.compared(columns, tables.keys(columns))
    report.publish(Path(options.out), options.json, columns, real_column, points, settings, differences)
    return 0


def sweep(options: argparse.Namespace) -> int:
    """Draw the quality-diversity frontier of runs: their samples at several temperatures, beside real text.

    Without --reference or --grammar, the corpus of the first run is the real text.
    """
    from ..artefacts import locate
    from ..machine import best_device, prepare_command
    from ..pretrained import Generator
    from ..text.conditions import Contexts

    _check_files(options, [])
    check_folder("--out", options.out)
    if twice := [t for t in options.temperatures if options.temperatures.count(t) > 1]:
        raise UserError(f"--temperatures has {twice[0]:g} twice: give each temperature once")
    prepare_command()
    generators = {
        name: Generator.from_pretrained(run, best_device())
        for name, run in zip(names_of(options.runs), options.runs, strict=True)
    }
    for run, generator in zip(options.runs, generators.values(), strict=True):
        if isinstance(generator.condition, Contexts):
            raise UserError(f"{run} answers contexts, and sweep has none to give: leave it out")
    sources, warnings = Sources.of(options), list[str]()
    if not (sources.reference or sources.grammar):
        of_run = Sources.of_run(locate(options.runs[0]), sources.train, sources.real)
        warnings = _other_corpora(options.runs)
        sources = replace(of_run, column=sources.column)
    compared = comparison.from_options(options, sources)
    scorer = compared.scorer
    real, real_system = compared.real_text(options.num)
    notes = _notes({}, compared, real_system.sentences if compared.sources.real else None, warnings)
    size = min(options.num, len(real_system.sentences))
    folder = Path(options.out)
    points: dict[str, list[tuple[str, Scored]]] = {name: [] for name in generators}
    for name, generator in generators.items():
        for temperature in options.temperatures:
            samples = list(generator.sample(size, compared.seed, temperature, candidates=options.candidates))
            file_name = f"{name}-{temperature:g}.txt".strip("/").replace("/", "_")  # a name may be a whole path
            with atomic_write(folder / "samples" / file_name) as file:
                file.writelines(f"{s}\n" for s in samples)
            points[name].append((f"{temperature:g}", scorer(f"{name} T={temperature:g}", samples, real)))
    real_column = real_system.score(scorer, size, real)
    columns = {f"{name} T={t}": scored for name, line in points.items() for t, scored in line}
    settings = report.settings(compared) | {
        "size": size,
        "reference_size": len(real.reference),
        "runs": dict(zip(generators, map(str, options.runs), strict=True)),
        "temperatures": options.temperatures,
        "candidates": options.candidates,
        **notes,
    }
    print(f"{size:,} sentences at each temperature against {len(real.reference):,} real ones")
    report.publish(folder, options.json, columns, real_column, points, settings)
    return 0


def _other_corpora(runs: Sequence[str]) -> list[str]:
    """A line for each run whose corpus is not that of the first one, which is the real text."""
    from ..artefacts import locate, read_config
    from ..config.text import TextConfig

    first, *others = (read_config(locate(run), TextConfig).corpus.train for run in runs)
    return [
        f"{run} was trained on {corpus}, and its samples are compared with {first}, the corpus of {runs[0]}: pass "
        "--reference FILE for another text"
        for run, corpus in zip(runs[1:], others, strict=True)
        if corpus != first
    ]


def _check_files(options: argparse.Namespace, samples: Sequence[str]) -> None:
    """Check the files that a command reads, and those that it writes beside a folder. Warn of a column in no file.

    Raises:
        UserError: standard input, which can be read once, is named twice; or see `check_files`.
    """
    named = [*filter(None, [*samples, options.reference, options.train, getattr(options, "real", None)])]
    outputs = {"--json": options.json, "--table": getattr(options, "table", None)}
    check_files(outputs, [*named, options.grammar, options.valid])
    notify_of_column(named, options.column)
    if named.count(STANDARD_INPUT) > 1:
        raise UserError("- is given twice, and standard input can be read once: write it to a file first")


def _notes(
    samples: Mapping[str, Sequence[str]],
    compared: Comparison,
    real: Sequence[str] | None = None,
    known: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Lines that say how to read the scores, for the settings. Warnings about the choice of files are printed at once.

    Args:
        real: the sentences of --real, if they are given.
        known: warnings that the caller has found.
    """
    sources = compared.sources
    files = [(SAMPLES, name, sentences) for name, sentences in samples.items()]
    for role, name, sentences in (
        (REFERENCE, sources.reference, compared.reference),
        (TRAIN, sources.train, compared.training),
        (REAL, sources.real, real),
    ):
        if name and sentences is not None:
            files.append((role, name, sentences))
    warnings = [*known, *empty(samples), *same_sentences(files), *_other_case(samples, compared)]
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)
    scored = {name: sentences for role, name, sentences in files if role != TRAIN}
    return {"warnings": warnings, "notes": short_lines(scored, compared.unit) if "ngrams" in compared.families else []}


def _other_case(samples: Mapping[str, Sequence[str]], compared: Comparison) -> list[str]:
    """Lines about files whose case is not that of the real text."""
    if grammar := compared.grammar:
        unit = "character" if grammar.joined else "word"
        return other_case(samples, grammar.vocabulary, grammar.split, unit, f"the grammar {compared.sources.grammar}")
    real, name = compared.training, str(compared.sources.train)
    if real is None:
        real, name = compared.reference or [], str(compared.sources.reference)
    split = characters if compared.unit == "character" else partial(words, lowercase=False)
    known = {token for sentence in some(real) for token in split(sentence)}
    return other_case(samples, known, split, compared.unit, name)


def _read_samples(file: str, column: str, size: int | None = None) -> list[str]:
    samples = read_sentences(file, column)
    if len(samples) < 2:
        raise UserError(f"{named(file)}: too few sentences to score; at least 2 samples are needed")
    return samples if size is None else random_subset(samples, size)


def _note_too_few(size: int | None, fewest: int) -> None:
    if size and size > fewest:
        notify(f"--size is {size:,}, and there are {fewest:,} samples: all of these count")


def _check_rank(key: str) -> None:
    if describe(key) is None or key.endswith("*"):
        remedy = nearest(key, metrics()) or f"; give one of {', '.join(metrics())}"
        raise UserError(f"--rank {key}: there is no such score{remedy}")


def _ranked(columns: Mapping[str, Scored], real: Scored, key: str) -> dict[str, Scored]:
    """The columns with the best first. Those without that score are last, in the order in which they were given."""
    metric = describe(key)
    assert metric
    better, goal = metric.better, real.values.get(key) or 0.0

    def place(name: str) -> tuple[bool, float]:
        value = columns[name].values.get(key)
        if value is None:
            return True, 0.0
        return False, {"higher": -value, "lower": value, "real": abs(value - goal)}[better]

    return {name: columns[name] for name in sorted(columns, key=place)}
