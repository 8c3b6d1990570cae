"""Scores on the terminal and in files: a table, its settings, JSON and a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import atomic_write
from ..metrics.bleu import SMOOTHING
from . import tables
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


def print_and_write(columns: Mapping[str, Scored], settings: Mapping[str, Any], file: str | None) -> None:
    """Print the table of evaluate; write its scores to `file`, if there is one, those of `samples` at the top level."""
    print(_describe(settings), end="\n\n")
    print(tables.terminal(columns))
    _print_notes(settings)
    if file:
        samples = columns["samples"].as_dict()
        others = {name: scored.as_dict() for name, scored in columns.items() if name != "samples"}
        _write_json(file, {**samples, **others, "settings": settings})


def publish(
    folder: Path,
    extra: str | None,
    columns: Mapping[str, Scored],
    real: Scored,
    points: Mapping[str, Sequence[tuple[str, Scored]]],
    settings: Mapping[str, Any],
) -> None:
    """Print the table of compare or sweep, and write table.md, scores.json and the figures of these scores.

    Args:
        folder: for the files; created if it is not there.
        extra: another file for the same JSON.
        columns: the scores of each system.
        real: the scores of real text.
        points: the points of each line of the frontier (`figures.frontier`).
        settings: of the comparison, for the table and the JSON.
    """
    everything = {**columns, "real": real}
    print(_describe(settings), end="\n\n")
    print(tables.terminal(everything))
    _print_notes(settings)
    scores = {"settings": settings, "systems": {n: c.as_dict() for n, c in columns.items()}, "real": real.as_dict()}
    _write_json(folder / "scores.json", scores)
    if extra:
        _write_json(extra, scores)
    with atomic_write(folder / "table.md") as table:
        notes = "".join(f"\n{note}\n" for note in [*settings["warnings"], *settings["notes"]])
        table.write(f"{_describe(settings)}\n\n{tables.markdown(everything)}\n{notes}")
    written = ["table.md", "scores.json"]
    written += ["frontier.png"] * frontier(points, real, folder / "frontier.png")
    written += ["guesses.png"] * guesses(everything, folder / "guesses.png")
    print(f"\nwritten: {folder}/{', '.join(written)}")


def _describe(settings: Mapping[str, Any]) -> str:
    lines = [f"n-grams of {settings['n_grams']}; BLEU with smoothing {settings['bleu_smoothing']}"]
    if settings["bootstrap"]:
        lines.append(f"±: half of the {LEVEL:.0%} interval over {settings['bootstrap']} pairs of random halves")
    return "\n".join(lines)


def _print_notes(settings: Mapping[str, Any]) -> None:
    for note in settings["notes"]:
        print(note)


def _write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
