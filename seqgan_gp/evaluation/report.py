"""Scores on the terminal and in files: a table, its settings, JSON and a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__, tabular
from ..files import atomic_write
from ..metrics.bleu import SMOOTHING
from . import pairs, tables
from .comparison import Comparison
from .figures import frontier, guesses
from .scorer import LEVEL, Scored

UNITS = {"word": "lower-cased words, punctuation marks apart", "character": "characters"}


def settings(comparison: Comparison) -> dict[str, Any]:
    """Everything besides the sentences that the scores depend on, for JSON."""
    return {
        "n_grams": UNITS[comparison.unit],
        "bleu_smoothing": f"method 1, {SMOOTHING} in place of 0 (Chen and Cherry 2014)",
        "encoder": comparison.encoder,
        "cap": {name: family.cap for name, family in comparison.families.items() if family.cap},
        "bootstrap": comparison.bootstrap,
        "interval_level": LEVEL if comparison.bootstrap else None,
        "reference": comparison.sources.reference,
        "grammar": comparison.sources.grammar,
        "train": comparison.sources.train,
        "column": comparison.sources.column,
        "valid": comparison.rule.name if comparison.rule else None,
        "seed": comparison.seed,
        "version": __version__,
    }


def print_and_write(
    columns: Mapping[str, Scored], settings: Mapping[str, Any], file: str | None, table: str | None
) -> None:
    """Print the table of evaluate, and write its scores.

    Args:
        file: of the JSON, if there is one, with those of `samples` at the top level.
        table: file of the table, if there is one, in the format of its suffix.
    """
    print(_describe(columns, settings), end="\n\n")
    print(tables.terminal(columns))
    _print_notes(settings)
    if file:
        samples = columns["samples"].as_dict()
        others = {name: scored.as_dict() for name, scored in columns.items() if name != "samples"}
        _write_json(file, {**samples, **others, "settings": settings})
    if table:
        tabular.write(tables.table(columns), Path(table))


def publish(
    folder: Path,
    extra: str | None,
    columns: Mapping[str, Scored],
    real: Scored,
    points: Mapping[str, Sequence[tuple[str, Scored]]],
    settings: Mapping[str, Any],
    found: Sequence[pairs.Pair] = (),
) -> None:
    """Print the table of compare or sweep, and write it, scores.json and the figures of these scores into a folder.

    Args:
        folder: for the files; created if it is not there.
        extra: another file for the same JSON.
        columns: the scores of each system.
        real: the scores of real text.
        points: the points of each line of the frontier (`figures.frontier`).
        settings: of the comparison, for the table and the JSON.
        found: the differences of the systems, which get tables of their own.
    """
    everything = {**columns, "real": real}
    differences, about = pairs.table(found, tables.keys(columns)), pairs.notes(found)
    print(_describe(everything, settings), end="\n\n")
    print(tables.terminal(everything))
    _print_notes(settings)
    if found:
        print("", *about, "", differences.terminal(), sep="\n")
    scores: dict[str, Any] = {
        "settings": settings,
        "systems": {n: c.as_dict() for n, c in columns.items()},
        "real": real.as_dict(),
    }
    if found:
        scores["differences"] = [pair.as_dict() for pair in found]
    _write_json(folder / "scores.json", scores)
    if extra:
        _write_json(extra, scores)
    with atomic_write(folder / "table.md") as file:
        notes = "".join(f"\n{note}\n" for note in [*settings["warnings"], *settings["notes"]])
        file.write(f"{_describe(everything, settings)}\n\n{tables.markdown(everything)}\n{notes}")
        if found:
            file.write("".join(f"\n{line}\n" for line in (*about, differences.markdown())))
    written = [folder / "table.md", folder / "scores.json"]
    for name, table in {"table": tables.table(everything), **({"differences": differences} if found else {})}.items():
        for suffix in (".csv", ".tex"):
            written.append(folder / f"{name}{suffix}")
            tabular.write(table, written[-1])
    if frontier(points, real, folder / "frontier.png"):
        written.append(folder / "frontier.png")
    if guesses(everything, folder / "guesses.png"):
        written.append(folder / "guesses.png")
    print(f"\nwritten: {written[0]}, {', '.join(path.name for path in written[1:])}")


def _describe(columns: Mapping[str, Scored], settings: Mapping[str, Any]) -> str:
    lines = [f"n-grams of {settings['n_grams']}; BLEU with smoothing {settings['bleu_smoothing']}"]
    if any(scored.intervals for scored in columns.values()):
        lines.append(f"±: half of the {LEVEL:.0%} interval over {settings['bootstrap']} pairs of random halves")
    seeds = [f"{name} ({len(scored.seeds)} seeds)" for name, scored in columns.items() if scored.seeds]
    if seeds:
        lines.append(f"{', '.join(seeds)}: mean ± standard deviation over the seeds")
    return "\n".join(lines)


def _print_notes(settings: Mapping[str, Any]) -> None:
    for note in settings["notes"]:
        print(note)


def _write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
