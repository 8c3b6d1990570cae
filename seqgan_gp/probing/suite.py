"""The command probe: all probes of a run, of several runs, or of the checkpoints of each."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, TypeVar

from ..artefacts import checkpoints, locate, step_of
from ..errors import UserError
from ..files import atomic_write
from ..machine import prepare_command
from ..metrics.bootstrap import subset
from ..notices import silenced
from ..places import check_folder
from .acceptability import acceptability
from .against import against
from .calibration import calibration
from .corruptions import Pair, corrupt_all
from .geometry import scores, slopes
from .joining import across, along, beside, pivot
from .linear import probe_layers
from .minimal_pairs import classes, minimal_pairs
from .neighbours import neighbours
from .phenomena import class_of
from .pointing import pointing_game
from .properties import of_any, of_grammar, sift
from .results import Result
from .saliency import saliency
from .subjects import CRITIC, RERANKER, Subjects, Text, load
from .units import dead_units

Named: TypeAlias = Iterator[tuple[str, Result]]
"""Results with the names of their files."""

Key = TypeVar("Key", int, str)

PAIRS = 500  # of each family of corruptions
POINTED = 100  # pairs of each family for the pointing game, whose saliency takes many passes
SHOWN = 12  # sentences whose tokens are coloured


@dataclass(frozen=True)
class Part:
    """A part of the command.

    Args:
        meaning: for the help.
        results: the results of a run.
        shown: the names of those whose tables go to the terminal.
    """

    meaning: str
    results: Callable[[Probing], Named]
    shown: tuple[str, ...]


class Probing:
    """A run to probe.

    Args:
        subjects: its networks and its text.
        seed: of all choices.
    """

    def __init__(self, subjects: Subjects, seed: int = 0):
        self.subjects, self.seed = subjects, seed

    @cached_property
    def pairs(self) -> list[Pair]:
        """Real sentences with their corruptions, and the minimal pairs of the grammar, if there is one."""
        subjects, critic = self.subjects, self.subjects.critic
        tokenizer, length = critic.tokenizer, critic.network.length
        known = classes(subjects.grammar) if subjects.grammar else None
        made = corrupt_all(subjects.sentences, tokenizer, length, self.seed, subjects.given, known, PAIRS)
        if subjects.grammar:
            text = subjects.sentences, subjects.grammar, tokenizer, length
            made += minimal_pairs(*text, seed=self.seed, given=subjects.given, most=PAIRS)
        return made

    @cached_property
    def wrong(self) -> list[Pair]:
        """Some of the pairs of each family whose changed sentence may be wrong."""
        taken: Counter[str] = Counter()
        some = []
        for pair in self.pairs:
            if pair.proof != "fine" and taken[pair.family] < POINTED:
                taken[pair.family] += 1
                some.append(pair)
        return some


def _acceptability(run: Probing) -> Named:
    found = {name: acceptability(scorer, run.pairs) for name, scorer in run.subjects.scorers.items()}
    yield "acceptability", beside(found)
    critic = found[CRITIC]
    yield "acceptability-critic", critic
    yield "acceptability-by-length", critic.by("length")
    if any(pair.place >= 0 for pair in critic.pairs):
        yield "acceptability-by-place", critic.by("place")
    if any(pair.span is not None for pair in critic.pairs):
        yield "acceptability-by-span", critic.by("span")


def _layers(run: Probing) -> Named:
    subjects, seed = run.subjects, run.seed
    critic, grammar = subjects.critic, subjects.grammar
    text = subjects.sentences, critic.tokenizer, critic.network.length
    candidates = of_any(*text, seed=seed, given=subjects.given) + (
        of_grammar(grammar, *text, given=subjects.given) if grammar else []
    )
    properties, left_out = sift(candidates)
    for line in left_out:
        print(line, file=sys.stderr)
    if not properties:
        print(f"layers: left out, {len(subjects.sentences)} sentences are too few", file=sys.stderr)
        return
    probes = probe_layers(subjects.readers, properties, seeds=(seed, seed + 1, seed + 2))
    yield "layers-best", probes.best()
    yield "layers", probes


def _saliency(run: Probing) -> Named:
    subjects, seed = run.subjects, run.seed
    pairs = [pair for pair in run.wrong if pair.place >= 0]
    game = pointing_game(subjects.critic, pairs)
    yield "pointing-game", pivot(game, "method")
    yield "pointing-game-in-full", game
    rows = subset(len(pairs), min(SHOWN, len(pairs)), seed)
    changed = [pairs[row] for row in rows.tolist()]
    given = None if subjects.given is None else [str(pair.changed_given) for pair in changed]
    yield "saliency", saliency(subjects.critic, [pair.changed for pair in changed], given)


def _scores(run: Probing) -> Named:
    subjects, seed = run.subjects, run.seed
    critic, grammar = subjects.critic, subjects.grammar
    told = {
        name: against(scorer, subjects.sentences, subjects.generated, subjects.given, subjects.given)
        for name, scorer in subjects.scorers.items()
    }
    yield "generated", beside(told)
    changed = [pair.changed for pair in run.wrong]
    groups = {"real": subjects.sentences, "generated": subjects.generated, "corrupted": changed}
    given = None
    if subjects.given is not None:
        other = [str(pair.changed_given) for pair in run.wrong]
        given = {"real": subjects.given, "generated": subjects.given, "corrupted": other}
    yield "scores", scores(critic, groups, given)
    yield "slopes", slopes(critic, subjects.sentences, subjects.generated, subjects.given, subjects.penalty, seed)
    if RERANKER in subjects.scorers:
        reranker = subjects.scorers[RERANKER]
        text = subjects.sentences, subjects.candidates, subjects.given, subjects.given
        yield "calibration", calibration(reranker, *text)
    known = class_of(grammar) if grammar else {}
    words = known.keys() & {text.strip() for text in critic.tokenizer.texts}  # a token may be a part of a word
    found = neighbours(critic, known if len(words) > 1 else None)
    yield "neighbours", found
    if len(words) > 1:
        yield "neighbours-by-class", found.by_class()
    yield "dead-units", dead_units(critic, subjects.sentences, subjects.given)


PARTS: dict[str, Part] = {
    "acceptability": Part(
        "which changes of a real sentence lower its score, in pairs", _acceptability, shown=("acceptability",)
    ),
    "layers": Part(
        "which properties of a sentence linear probes read from each layer", _layers, shown=("layers-best",)
    ),
    "saliency": Part(
        "which tokens the score depends on, and whether they are those that are wrong",
        _saliency,
        shown=("pointing-game",),
    ),
    "scores": Part(
        "scores of real and generated text, slopes, calibration, embeddings, dead units",
        _scores,
        shown=("generated", "scores", "slopes"),
    ),
}


def results(subjects: Subjects, parts: Sequence[str] = tuple(PARTS), seed: int = 0) -> dict[str, Result]:
    """The results of some parts of a run, by the names of their files.

    Raises:
        UserError: there is no such part, or a probe cannot be made of these sentences.
    """
    _check_parts(parts)
    found: dict[str, Result] = {}
    run = Probing(subjects, seed)
    for part in parts:
        start = time.perf_counter()
        with silenced():
            found |= dict(PARTS[part].results(run))
        print(f"  {part}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if not found:
        raise UserError(f"{len(subjects.sentences)} sentences are too few for {', '.join(parts)}: give more of them")
    return found


def _check_parts(parts: Sequence[str]) -> None:
    if unknown := [part for part in parts if part not in PARTS]:
        raise UserError(f"--parts {unknown[0]}: no such part; there are {', '.join(PARTS)}")


def _check_checkpoints(run: str) -> None:
    locate(run)  # says if there is no such run
    if (number := len(checkpoints(Path(run)))) < 2:
        raise UserError(
            f"{run} is a run folder with {number} checkpoints: --checkpoints all needs two; train with --train.keep 10"
            if number
            else f"{run} is no run folder, so it has no checkpoints to compare: leave out --checkpoints all"
        )


def probe(options: argparse.Namespace) -> int:
    """Probe each run of the options, print the main tables, and write all tables and figures."""
    parts = tuple(dict.fromkeys(options.parts or PARTS))
    if options.samples and len(options.runs) > 1:
        raise UserError("--samples is for one run: leave it out, and each run draws its own")
    _check_parts(parts)
    check_folder("--out", options.out)
    out = Path(options.out)
    if options.checkpoints == "all":
        for run in options.runs:
            _check_checkpoints(run)
    prepare_command()
    text = Text(options.sentences, options.reference, options.column, options.samples, options.seed)
    names = _names(options.runs)
    found: dict[str, dict[str, Result]] = {}
    for name, run in zip(names, options.runs, strict=True):
        print(f"probing {run}", file=sys.stderr)
        subjects = load(run, text, options.language_model)
        for note in subjects.notes:
            print(note, file=sys.stderr)
        subjects.critic.tokens([*subjects.sentences, *subjects.generated])  # tells of unknown ones, once
        made = results(subjects, parts, options.seed)
        if options.checkpoints == "all":
            made |= _along_training(run, text, parts, options.seed)
        found[name] = made
        _write(out / name if len(names) > 1 else out, made, f"{run}: {len(subjects.sentences):,} held-out sentences")
    if len(names) > 1:
        averaged = {key: across(same) for key, same in _shared(found).items()}
        _write(out, averaged, f"{len(names)} runs: {', '.join(map(str, options.runs))}")
    return 0


def _along_training(run: str, text: Text, parts: Sequence[str], seed: int) -> dict[str, Result]:
    """The results of the critic of each checkpoint of a run, joined."""
    each: dict[int, dict[str, Result]] = {}
    for folder in checkpoints(Path(run)):
        print(f"probing {folder}", file=sys.stderr)
        each[step_of(folder)] = results(load(folder, text).of_critic(), parts, seed)
    return {f"{key}-along-training": along(same) for key, same in _shared(each).items()}


def _shared(found: Mapping[Key, Mapping[str, Result]]) -> dict[str, dict[Key, Result]]:
    """The results that all runs or checkpoints have and that can be joined, by their names."""
    first = next(iter(found.values()))
    names = [name for name, result in first.items() if result.drawn and all(name in made for made in found.values())]
    return {name: {key: made[name] for key, made in found.items()} for name in names}


def _names(runs: Sequence[str]) -> list[str]:
    """A name for the folder of each run. Where two are the same, it is the whole path, with - between its parts."""
    short = [Path(run).resolve().name if Path(run).exists() else run.replace("/", "-") for run in runs]
    names = [
        name if short.count(name) == 1 else run.strip("/").replace("/", "-")
        for name, run in zip(short, runs, strict=True)
    ]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{repeated[0]} is given twice: give each run once")
    return names


def _write(folder: Path, made: Mapping[str, Result], heading: str) -> None:
    """Write each result, and a page with all tables and figures. Print the main tables."""
    page = [f"# Probes of {heading}"]
    for name, result in made.items():
        result.save(folder, name)
        page.append(f"## {result.title}\n\n{result.note}\n\n{result.markdown()}\n\n![{result.title}]({name}.png)")
    with atomic_write(folder / "probes.md") as file:
        file.write("\n\n".join(page) + "\n")
    for name in (name for part in PARTS.values() for name in part.shown):
        if name in made:
            print(f"\n{made[name]}")
    print(f"\nwritten: {folder}/probes.md, and {len(made)} results as .md, .json and .png")
