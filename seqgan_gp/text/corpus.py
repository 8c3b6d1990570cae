"""Load the sentences of an experiment, perhaps each with a label or with a context that it answers.

They come from a grammar, a file, a folder of files, or a data set of the Hugging Face hub.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import decoding, folders, sources
from ..errors import UserError
from ..terminal import progress
from .cutting import Pair, Tally, check_lines
from .grammar import Grammar
from .lines import Sentences
from .reading import ReadingOptions, read_dataset, read_file
from .tables import FORMS, KIND

GRAMMAR = "grammar:"


@dataclass(frozen=True)
class Corpus:
    """Training sentences, held-out sentences, and the grammar that they were drawn from, if there is one."""

    train: Sentences
    test: Sentences
    grammar: Grammar | None = None


class CorpusOptions(ReadingOptions, Protocol):
    """The options of a corpus: those of `config.CorpusConfig`, beside those of `ReadingOptions`.

    Attributes:
        train: `grammar:NAME` (a grammar of `data/`, or a path), a file (.txt with one sentence on each
            line, .csv, .tsv, .json, .jsonl, .parquet, FASTA; all may be packed), a folder of such files, or
            a hub id.
        test: the source of the held-out sentences, given like `train`. If it is None, they are the
            split named `test` of `train`, or else a random part of `train`.
        size: the number of training sentences to draw from a grammar.
        holdout: the number of sentences to hold out. If it is None, 2,000 sentences are held out, or a
            tenth of all where that is less.
        streaming: the number of rows to take of a hub data set, or None for all of them.
        seed: the seed of the draw and of the split.
        given: of a grammar, the column is `label`, or `context` of a grammar of pairs.
    """

    train: str
    test: str | None
    size: int
    holdout: int | None
    streaming: int | None
    seed: int


def load_corpus(options: CorpusOptions, folder: Path) -> Corpus:
    """Load the sentences of an experiment into files, so that they need not fit in memory.

    Args:
        folder: the folder for the files.

    Raises:
        UserError: the source is missing, a column is unknown, a row lacks a label or a context, a file
            is no text, or there are too few sentences.
    """
    given = options.given is not None
    grammar = load_grammar(options.train)
    if grammar:
        # One stream: the held-out sentences come first, so that they stay the same when `size` changes.
        draw = _stream(grammar, options.seed, options.given)
        sizes = {"test": options.holdout or sources.HOLDOUT, "train": options.size}
        splits = {
            name: Sentences.write(progress(draw(size), f"drawing {name} sentences", size), folder / name, given)
            for name, size in sizes.items()
        }
    else:
        splits = _load_splits(options.train, options, "both" if options.test is None else "train", folder)
    if options.test is not None:
        splits["test"] = _load_test(options.test, options, folder / "apart")
    elif "test" not in splits:
        splits = _hold_out(splits["train"], options)
    train, test = splits["train"], splits["test"]
    if len(train) < 2 or len(test) < 2:
        short = options.test if options.test is not None and len(test) < 2 else options.train
        raise UserError(
            f"{short}: {len(train)} training and {len(test)} held-out sentences; at least two of each are needed"
        )
    return Corpus(train, test, grammar)


def load_grammar(source: str) -> Grammar | None:
    """Load the grammar that `source` names as `grammar:NAME`; None if `source` is of another form."""
    return Grammar.load(source.removeprefix(GRAMMAR)) if source.startswith(GRAMMAR) else None


def _load_test(source: str, options: CorpusOptions, folder: Path) -> Sentences:
    """Load the held-out sentences from a source of their own."""
    if grammar := load_grammar(source):
        draw = _stream(grammar, options.seed + 1, options.given)
        return Sentences.write(draw(options.holdout or sources.HOLDOUT), folder / "test", options.given is not None)
    splits = _load_splits(source, options, "test", folder)
    return splits.get("test") or splits["train"]


def _hold_out(sentences: Sentences, options: CorpusOptions) -> dict[str, Sentences]:
    """Hold random sentences out; both parts keep the order of the source."""
    size = len(sentences)
    holdout = options.holdout or sources.default_holdout(KIND, size)
    fewer = f"pass --corpus.holdout {max(2, size // 10)}, or " if size >= 4 else "pass "
    remedy = f"{fewer}held-out sentences with --corpus.test FILE"
    sources.check_holdout(KIND, options.train, size, holdout, remedy)
    test = np.sort(_draw(size, holdout, random.Random(options.seed)))
    return {"train": sentences.take(np.delete(np.arange(size), test)), "test": sentences.take(test)}


def _draw(size: int, number: int, rng: random.Random) -> list[int]:
    """Draw different numbers below `size`: the first ones of a shuffle of all, without making the shuffle."""
    moved: dict[int, int] = {}
    drawn = []
    for last in range(size - 1, size - 1 - number, -1):
        place = rng.randrange(last + 1)
        drawn.append(moved.get(place, place))
        moved[place] = moved.get(last, last)
    return drawn


def _stream(grammar: Grammar, seed: int, given: str | None) -> Callable[[int], Iterator[Pair]]:
    """Build a function that draws the next `size` sentences of a grammar each time it is called."""
    if given is None:
        sentences = grammar.sentences(seed)
        return lambda size: ((sentence, None) for sentence in itertools.islice(sentences, size))
    records = grammar.records(seed)
    first = next(grammar.records(seed))
    if given not in first:
        columns = " and ".join(name for name in first if name != "text")
        raise UserError(f"the grammar has no column '{given}': what it tells of its sentences is {columns}")
    return lambda size: ((record["text"], record[given]) for record in itertools.islice(records, size))


def _load_splits(source: str, options: CorpusOptions, role: folders.Role, folder: Path) -> dict[str, Sentences]:
    """Load each needed split of a file, a folder or a hub data set; there is always a split named train or test."""
    if not source:
        raise UserError(f"the name of the corpus is empty; {KIND.remedy}")
    streams: dict[str, Iterator[Pair]]
    choice = None
    match sources.place_of(source, FORMS):
        case "folder":
            choice = folders.choose(KIND, source, lambda file: decoding.suffix_of(file) in FORMS, role)
            folders.check_one_kind(KIND, choice, _kind_of, FORMS)
            streams = {split: _read_files(choice, split, options) for split in choice.splits}
        case "file":
            streams = {"train": read_file(Path(source), options)}
        case "hub":
            hub = sources.load_hub(KIND, source, streaming=options.streaming is not None)
            loaded = sources.with_train(KIND, source, hub)
            held_out = "test" if "test" in loaded else "train"
            needed = {"both": {"train", held_out}, "train": {"train"}, "test": {held_out}}[role]
            streams = {name: _read_hub(loaded[name], source, options) for name in sorted(needed)}
        case "nowhere":
            raise UserError(f"corpus '{source}' not found; {KIND.remedy}")
    splits: dict[str, Sentences] = {}
    tallies = {split: Tally() for split in streams}
    for split, stream in streams.items():
        tally = tallies[split]
        splits[split] = Sentences.write(
            progress(tally.count(stream), f"reading {source}"), folder / split, options.given is not None
        )
    if choice:
        if "test" in splits and not choice.splits["test"]:
            del splits["test"]  # sentences to train on are held out in its place
        choice.say(KIND)
    for split in splits:
        if not tallies[split].lines:
            raise UserError(
                f"{source}: no sentences in column '{options.column}' of split {split}; the corpus is empty"
            )
        least = 4 if role == "both" and "test" not in splits else 2  # two to hold out
        if line := check_lines(source, tallies[split], least, options.split):
            sources.note(line)
    return splits


def _read_files(choice: folders.Choice, split: str, options: CorpusOptions) -> Iterator[Pair]:
    """Read the files of a split of a folder; one without text is left out."""
    for file in list(choice.splits[split]):
        try:
            yield from read_file(file, options)
        except decoding.EmptyFileError:
            choice.leave_out(file, "empty")


def _read_hub(split: Any, source: str, options: CorpusOptions) -> Iterator[Pair]:
    columns = [column for column in (options.column, options.given) if column is not None]
    return read_dataset(*sources.read_columns(KIND, source, split, columns, options.streaming), source, options)


def _kind_of(file: Path) -> str:
    """The kind of a file, as one folder must have: its suffix; those of FASTA are one kind."""
    suffix = decoding.suffix_of(file)
    return "FASTA" if FORMS[suffix] == "fasta" else suffix
