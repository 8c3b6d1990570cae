"""Carry out the command `score`: rank candidates by the discriminator or the critic of a run, and keep the best."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .artefacts import locate, read_config, saved_networks
from .config.text import TextConfig
from .decoding import STANDARD_INPUT
from .errors import UserError
from .evaluation.rules import Rule, load_rule
from .files import atomic_write
from .machine import best_device, prepare_command
from .metrics.edits import nearest
from .places import check_files
from .pretrained import Critic, Discriminator
from .text.conditions import Labels
from .text.cutting import Pair
from .text.lines import Sentences, batches
from .text.reading import label_finder, notify_of_column, read_rows, read_sentences
from .text.tables import Row, Wanted, form_of
from .text.unknown import Unknowns
from .text.words import one_line
from .text.writing import form_of as form_to_write
from .text.writing import ranked

SHOWN = 20  # rows on the terminal, unless the user says how many
WIDE = 60  # characters of a text on the terminal
PART = 2_000  # candidates that are scored or written at a time
SAMPLED = re.compile(r"sample-\d+ (.+)")  # a header of FASTA that `sample` has written, and its label
TRAINING = "train"  # the name of the run's own training text


@dataclass(frozen=True)
class Scores:
    """The scores of N candidates, and the numbers of tokens that the networks do not see.

    Args:
        networks: the scores of each network by its name, float32 (N,), the one that ranks first.
        unknown: the number of unknown tokens, int32 (N,).
        cut: whether a candidate is longer than the networks read, bool (N,).
    """

    networks: dict[str, np.ndarray]
    unknown: np.ndarray
    cut: np.ndarray


def score(options: argparse.Namespace) -> int:
    """Score the sequences of a file, and print or write the best, the best first.

    The discriminator ranks where the run has one, else the critic. Candidates wait in files of a temporary folder, so
    that memory holds some thirty bytes for each.
    """
    if [options.candidates, options.reference, options.nearest].count(STANDARD_INPUT) > 1:
        raise UserError("- is given twice, and standard input can be read once: write it to a file first")
    form = form_to_write(options.out)  # refuses a form before the work
    check_files({"--out": options.out}, [options.candidates, options.reference, options.nearest, options.valid])
    rule = load_rule(options.valid) if options.valid is not None else None
    prepare_command()
    checkpoint, device = locate(options.run), best_device()
    critic = Critic.from_pretrained(checkpoint, device)
    judges = {"critic": critic}
    if Discriminator.part in saved_networks(checkpoint):
        judges = {"discriminator": Discriminator.from_pretrained(checkpoint, device), **judges}
    if critic.condition is None and options.given:
        raise UserError(f"{options.run} takes no label and no context: leave out --given")
    if critic.condition is not None and not options.given:
        raise UserError(f"{options.run} is conditional: pass --given with the column of the labels or contexts")
    near = _near(options.nearest, checkpoint, options.column) if options.nearest else None
    with tempfile.TemporaryDirectory() as folder:
        read = _reader(critic, checkpoint, options)
        candidates = _collect(options, rule, Path(folder) / "candidates", read)
        scores = _scored(judges, candidates, bool(options.given))
        judge, first = next(iter(scores.networks.items()))
        order = np.argsort(-first, kind="stable")
        percentiles = _percentiles(judges[judge], first, options.reference, options.column)
        to_file = options.out not in (None, "-")
        top = options.top or (len(order) if to_file else SHOWN)
        name = _beside(options, critic)
        fold = str.upper if critic.tokenizer.uppercase else str
        rows = _rows(candidates, scores, percentiles, order[:top], near, name, fold)
        if to_file:
            with atomic_write(options.out) as file:
                file.writelines(ranked(rows, form))
        else:
            _print(list(rows))
            if top < len(order):
                print(f"{len(order) - top:,} more: --top N shows more of them, --out FILE writes all")
    return 0


def _near(name: str, checkpoint: Path, column: str) -> list[str]:
    """The sequences among which the nearest is looked for: those of a file, or of the run's own training text."""
    path = checkpoint.parent.parent / "corpus" / "train.txt"
    if name != TRAINING or Path(name).exists():
        return read_sentences(name, column)
    if not path.is_file():
        raise UserError(f"{checkpoint} stands without its run's training text: pass --nearest FILE")
    return read_sentences(str(path), column)


def _reader(critic: Critic, checkpoint: Path, options: argparse.Namespace) -> Callable[[str, Row, int], str]:
    """The function from a cell of --given, its row and its number to the context, or to the label that training finds
    in such a cell.
    """
    known = critic.condition
    if not isinstance(known, Labels):
        return lambda value, row, number: one_line(value)
    pattern = read_config(checkpoint, TextConfig).corpus.label_pattern
    find = label_finder(pattern, options.candidates, options.given) if pattern else None

    def read(value: str, row: Row, number: int) -> str:
        label = one_line(value)
        if label not in known.counts and (sampled := SAMPLED.fullmatch(label)):
            label = sampled[1]
        if find and label not in known.counts:
            label = find(value, row, number)
        if label not in known.counts:
            raise UserError(f"{row.place(options.candidates, number)}: {known.missing(label)}")
        return label

    return read


def _collect(
    options: argparse.Namespace, rule: Rule | None, path: Path, read: Callable[[str, Row, int], str]
) -> Sentences:
    """Copy the valid candidates to files: their texts, and beside each its header, or its name, a space, and its label
    or context. The name is the first word of the header in FASTA, and candidate-N in row N of other files.

    Args:
        read: from a cell with a label or a context, its row and its number to the label or the context.

    Raises:
        UserError: there are none, or a row lacks its label or context, or training did not have its label.
    """
    beside = options.given or options.id or ("header" if form_of(options.candidates) == "fasta" else None)
    option = "--given" if options.given else "--id"
    wanted = Wanted(options.column, beside, option="--column", given_option=option)
    notify_of_column([options.candidates], options.column)
    seen = kept = empty = 0

    def pairs() -> Iterator[Pair]:
        nonlocal seen, kept, empty
        for batch in batches(read_rows(options.candidates, wanted), PART):
            valid = rule([row.text or "" for row in batch]) if rule else [True] * len(batch)
            for number, (row, good) in enumerate(zip(batch, valid, strict=True), seen + 1):
                if options.given and not one_line(row.given or ""):
                    raise UserError(f"{row.place(options.candidates, number)}: column '{beside}' is empty: fill it in")
                if good:
                    kept += 1
                    empty += not (row.text or "").strip()
                    name = f"candidate-{number}"
                    cell = row.given or name
                    if not options.given:
                        yield row.text or "", " ".join(cell.splitlines())
                        continue
                    if form_of(options.candidates) == "fasta" and options.given in ("header", "id"):
                        name = cell.split(maxsplit=1)[0]
                    yield row.text or "", f"{name} {read(cell, row, number)}"
            seen += len(batch)

    candidates = Sentences.write(pairs(), path, given=True)
    if not kept:
        where = "standard input" if options.candidates == "-" else options.candidates
        refused = f"none of its {seen:,} sequences is valid by --valid {rule.name}" if rule and seen else "it is empty"
        raise UserError(f"{where}: {refused}: there is nothing to score")
    if rule:
        refused = f"{seen - kept:,} of {seen:,} candidates"
        print(f"{refused} are not valid by the rule and were left out", file=sys.stderr)
    if empty:
        print(f"warning: {empty:,} of {kept:,} candidates are empty, and are scored like others", file=sys.stderr)
    return candidates


def _beside(options: argparse.Namespace, critic: Critic) -> str | None:
    """The column of the texts that stand beside the candidates: label or context, or the id that --id names. None for
    their headers.
    """
    if options.given:
        return "label" if isinstance(critic.condition, Labels) else "context"
    return "id" if options.id else None


def _scored(judges: dict[str, Any], candidates: Sentences, given: bool) -> Scores:
    """The scores of all candidates, batch by batch."""
    total = len(candidates)
    found = Scores(
        {name: np.empty(total, np.float32) for name in judges}, np.empty(total, np.int32), np.empty(total, bool)
    )
    first = next(iter(judges.values()))
    tokenizer, length = first.tokenizer, first.network.length
    unknowns = Unknowns(tokenizer, "the candidates")
    with tqdm(total=total, desc="scoring", unit="sequence", unit_scale=True, disable=None, delay=1) as bar:
        for start in range(0, total, PART):
            rows = slice(start, start + PART)
            texts = list(candidates.text[rows])
            ids = tokenizer.encode(texts, length).ids
            for name, judge in judges.items():
                beside = candidates.given[rows] if given and candidates.given is not None else None
                conditions = None if beside is None else [text.split(" ", 1)[1] for text in beside]
                found.networks[name][rows] = judge(ids, conditions).cpu().numpy()
            found.unknown[rows] = tokenizer.unknown_at(ids).sum(axis=1)
            found.cut[rows] = ~tokenizer.fits(texts, length)
            unknowns.add(texts, ids)
            bar.update(len(texts))
    unknowns.tell()
    if cut := int(found.cut.sum()):
        print(
            f"warning: {cut:,} candidates are longer than {length} tokens: the networks read no more", file=sys.stderr
        )
    return found


def _percentiles(judge: Critic, scores: np.ndarray, reference: str | None, column: str) -> np.ndarray | None:
    """The place of each score among those of held-out real text, float32 (N,); None where that text is not known."""
    import torch

    real = read_sentences(reference, column) if reference else None
    if real is None and judge.held_out is None:
        print("no percentiles: the run's held-out text is not here; --reference FILE gives some", file=sys.stderr)
        return None
    return judge.places(torch.from_numpy(scores).to(judge.device), real).cpu().numpy()


def _rows(
    candidates: Sentences,
    scores: Scores,
    percentiles: np.ndarray | None,
    order: np.ndarray,
    near: list[str] | None,
    beside: str | None,
    fold: Callable[[str], str],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The header and the cells of each row to show, by columns.

    Args:
        order: the candidates to show, the best first.
        near: the sequences among which the nearest is looked for.
        beside: as `_beside` gives it.
        fold: the case in which the run reads sequences.
    """
    assert candidates.given is not None
    bar = tqdm(total=len(order), desc="nearest", unit="sequence", unit_scale=True, disable=None if near else True)
    among = [*map(fold, near)] if near else None
    for start in range(0, len(order), PART):
        rows = order[start : start + PART]
        part = candidates.take(rows)
        assert part.given is not None
        texts = list(part.text)
        neighbours = nearest([*map(fold, texts)], among) if among else None
        for place, (row, text, header) in enumerate(zip(rows, texts, part.given, strict=True)):
            given = {}
            if beside in ("label", "context"):
                header, given[beside] = header.split(" ", 1)
            cells: dict[str, Any] = {"id": header if beside else header.split()[0], "text": text, **given}
            cells |= {name: round(float(values[row]), 4) for name, values in scores.networks.items()}
            if percentiles is not None:
                cells["percentile"] = round(float(percentiles[row]), 2)
            cells |= {"unknown": int(scores.unknown[row]), "cut": bool(scores.cut[row])}
            if neighbours and near:
                cells["nearest"] = near[neighbours.rows[place]]
                cells["edits"] = int(neighbours.distances[place])
                cells["identity"] = round(float(neighbours.identities[place]), 1)
            yield header, cells
        bar.update(len(rows))
    bar.close()


def _print(rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Print rows as a table, the texts cut where they are long."""
    names = list(rows[0][1])
    table = [names, *([_cell(value) for value in cells.values()] for _, cells in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(names))]
    numbers = [isinstance(value, int | float) for value in rows[0][1].values()]
    for row in table:
        cells = zip(row, widths, numbers, strict=True)
        print("  ".join(cell.rjust(w) if number else cell.ljust(w) for cell, w, number in cells).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    text = str(value)
    return text if len(text) <= WIDE else f"{text[: WIDE - 3]}..."
