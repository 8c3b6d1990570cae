"""Load the sentences of an experiment, perhaps each with a label or with a context that it answers.

They come from a grammar, a file, a folder of files, or a data set of the Hugging Face hub.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .. import decoding, folders, sources
from ..errors import UserError
from .cutting import check_lines
from .grammar import Grammar
from .reading import ReadingOptions, Sentences, read_dataset, read_file
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
        seed: the seed of the draw and of the split.
        given: of a grammar, the column is `label`, or `context` of a grammar of pairs.
    """

    train: str
    test: str | None
    size: int
    holdout: int | None
    seed: int


def load_corpus(options: CorpusOptions) -> Corpus:
    """Load the sentences of an experiment.

    Raises:
        UserError: the source is missing, a column is unknown, a row lacks a label or a context, a file
            is no text, or there are too few sentences.
    """
    grammar = load_grammar(options.train)
    if grammar:
        # One stream: the held-out sentences come first, so that they stay the same when `size` changes.
        draw = _stream(grammar, options.seed, options.given)
        splits = {"test": draw(options.holdout or sources.HOLDOUT), "train": draw(options.size)}
    else:
        splits = _load_splits(options.train, options, "both" if options.test is None else "train")
    if options.test is not None:
        splits["test"] = _load_test(options.test, options)
    elif "test" not in splits:
        splits = _hold_out(splits["train"], options)
    train, test = splits["train"], splits["test"]
    if len(train) < 2 or len(test) < 2:
        raise UserError(
            f"{options.train}: {len(train)} training and {len(test)} held-out sentences; "
            "at least two of each are needed"
        )
    return Corpus(train, test, grammar)


def load_grammar(source: str) -> Grammar | None:
    """Load the grammar that `source` names as `grammar:NAME`; None if `source` is of another form."""
    return Grammar.load(source.removeprefix(GRAMMAR)) if source.startswith(GRAMMAR) else None


def _load_test(source: str, options: CorpusOptions) -> Sentences:
    """Load the held-out sentences from a source of their own."""
    if grammar := load_grammar(source):
        return _stream(grammar, options.seed + 1, options.given)(options.holdout or sources.HOLDOUT)
    splits = _load_splits(source, options, "test")
    return splits.get("test") or splits["train"]


def _hold_out(sentences: Sentences, options: CorpusOptions) -> dict[str, Sentences]:
    """Hold random sentences out; both parts keep the order of the source."""
    size = len(sentences)
    holdout = options.holdout or sources.default_holdout(KIND, size)
    fewer = f"pass --corpus.holdout {max(2, size // 10)}, or " if size >= 4 else "pass "
    remedy = f"{fewer}held-out sentences with --corpus.test FILE"
    sources.check_holdout(KIND, options.train, size, holdout, remedy)
    train, test = sources.divide(random.Random(options.seed).sample(range(size), size), holdout)
    return {"train": sentences.take(train), "test": sentences.take(test)}


def _stream(grammar: Grammar, seed: int, given: str | None) -> Callable[[int], Sentences]:
    """Build a function that draws the next `size` sentences of a grammar each time it is called."""
    if given is None:
        sentences = grammar.sentences(seed)
        return lambda size: Sentences(list(itertools.islice(sentences, size)))
    records = grammar.records(seed)
    first = next(grammar.records(seed))
    if given not in first:
        columns = " and ".join(name for name in first if name != "text")
        raise UserError(f"the grammar has no column '{given}': what it tells of its sentences is {columns}")

    def draw(size: int) -> Sentences:
        rows = list(itertools.islice(records, size))
        return Sentences([row["text"] for row in rows], [row[given] for row in rows])

    return draw


def _load_splits(source: str, options: CorpusOptions, role: folders.Role) -> dict[str, Sentences]:
    """Load each needed split of a file, a folder or a hub data set; there is always a split named train or test."""
    if not source:
        raise UserError(f"the name of the corpus is empty; {KIND.remedy}")
    match sources.place_of(source, FORMS):
        case "folder":
            splits = _load_folder(source, options, role)
        case "file":
            splits = {"train": read_file(Path(source), options)}
        case "hub":
            loaded = sources.with_train(KIND, source, sources.load_hub(KIND, source))
            splits = {name: read_dataset(split, source, options) for name, split in loaded.items()}
        case "nowhere":
            raise UserError(f"corpus '{source}' not found; {KIND.remedy}")
    for name, split in splits.items():
        if not len(split):
            raise UserError(f"{source}: no sentences in column '{options.column}' of split {name}; the corpus is empty")
        least = 4 if role == "both" and "test" not in splits else 2  # two to hold out
        if line := check_lines(source, split.text, least, options.split):
            sources.note(line)
    return splits


def _load_folder(source: str, options: CorpusOptions, role: folders.Role) -> dict[str, Sentences]:
    """Load the splits of a folder, and say which file went where; files without text are left out."""
    choice = folders.choose(KIND, source, lambda file: decoding.suffix_of(file) in FORMS, role)
    folders.check_one_kind(KIND, choice, _kind_of, FORMS)
    splits = {}
    for split, files in choice.splits.items():
        parts = []
        for file in list(files):
            try:
                parts.append(read_file(file, options))
            except decoding.EmptyFileError:
                choice.leave_out(file, "empty")
        if split == "test" and not parts:
            continue  # sentences to train on are held out in its place
        given = [one for part in parts for one in part.given or []]
        text = [one for part in parts for one in part.text]
        splits[split] = Sentences(text, None if options.given is None else given)
    choice.say(KIND)
    return splits


def _kind_of(file: Path) -> str:
    """The kind of a file, as one folder must have: its suffix; those of FASTA are one kind."""
    suffix = decoding.suffix_of(file)
    return "FASTA" if FORMS[suffix] == "fasta" else suffix
