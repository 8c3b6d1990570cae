"""Where the real sentences come from: a grammar, files, a folder of files, or a data set of the Hugging Face hub."""

from __future__ import annotations

import glob
import itertools
import os
import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from .grammar import Grammar
from .words import one_line, read_lines

GRAMMAR = "grammar:"
HOLDOUT = 2_000
REMEDY = "give grammar:NAME, a file, a folder of files, or a hub id"
LOADERS = {".txt": "text", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


class Given(NamedTuple):
    """What each training and each held-out sentence is given: a label, or a context that it answers."""

    train: list[str]
    test: list[str]


@dataclass
class Corpus:
    """Training and held-out sentences, the grammar that they were drawn from and what they are given, if they are."""

    train: list[str]
    test: list[str]
    grammar: Grammar | None = None
    given: Given | None = None


class Split(NamedTuple):
    """Sentences, and what each is given, unless there is nothing."""

    text: list[str]
    given: list[str] | None = None

    def take(self, rows: Sequence[int]) -> Split:
        return Split([self.text[i] for i in rows], self.given and [self.given[i] for i in rows])


def load_corpus(
    train: str, test: str | None, column: str, size: int, holdout: int | None, seed: int, given: str | None = None
) -> Corpus:
    """Load the sentences of an experiment.

    Args:
        train: `grammar:NAME` (a grammar of `data/`, or a path), a file (.txt with a sentence a line, .csv, .tsv,
            .json, .jsonl, .parquet), a folder of such files, or a hub id.
        test: the same for held-out sentences; without it, those of a split named `test` if the data set has one, else
            `holdout` sentences drawn at random from `train`.
        column: the column that holds the text; plain text files have no other.
        size: how many sentences to draw from a grammar.
        holdout: how many sentences to hold out; None for 2,000, or a tenth of them where that is less.
        seed: of the draw.
        given: the column that holds what each sentence is given; of a grammar, `label` or, in a grammar of pairs,
            `context`.

    Raises:
        UserError: nothing there, an unknown column, a row without what it needs, not UTF-8, or too few sentences.
    """
    grammar = load_grammar(train)
    if grammar:
        # One stream: the held-out sentences come first, so that they stay the same when `size` changes.
        draw = _stream(grammar, seed, given)
        splits = {"test": draw(holdout or HOLDOUT), "train": draw(size)}
    else:
        splits = _load_splits(train, column, given)
    if test is not None:
        if other_grammar := load_grammar(test):
            held_out = _stream(other_grammar, seed + 1, given)(holdout or HOLDOUT)
        else:
            other = _load_splits(test, column, given)
            held_out = other.get("test") or other["train"]
    elif "test" in splits:
        held_out = splits["test"]
    else:
        size = len(splits["train"].text)
        holdout = holdout or min(HOLDOUT, max(2, size // 10))
        if size < max(4, 2 * holdout):
            fewer = f"pass --corpus.holdout {max(2, size // 10)}, or " if size >= 4 else "pass "
            raise UserError(
                f"{train}: {size} sentences are too few to hold out {holdout} of them: "
                f"{fewer}held-out sentences with --corpus.test FILE"
            )
        order = random.Random(seed).sample(range(size), size)
        held_out = splits["train"].take(sorted(order[:holdout]))
        splits["train"] = splits["train"].take(sorted(order[holdout:]))
    training = splits["train"]
    if len(training.text) < 2 or len(held_out.text) < 2:
        raise UserError(
            f"{train}: {len(training.text)} training and {len(held_out.text)} held-out sentences; "
            "at least two of each are needed"
        )
    both = Given(training.given, held_out.given) if training.given and held_out.given else None
    return Corpus(training.text, held_out.text, grammar, both)


def _stream(grammar: Grammar, seed: int, given: str | None) -> Callable[[int], Split]:
    """Draws the next so many sentences of a grammar."""
    if given is None:
        sentences = grammar.sentences(seed)
        return lambda size: Split(list(itertools.islice(sentences, size)))
    records = grammar.records(seed)
    first = next(grammar.records(seed))
    if given not in first:
        columns = " and ".join(name for name in first if name != "text")
        raise UserError(f"the grammar has no column '{given}': what it tells of its sentences is {columns}")

    def draw(size: int) -> Split:
        rows = list(itertools.islice(records, size))
        return Split([row["text"] for row in rows], [row[given] for row in rows])

    return draw


def load_grammar(source: str) -> Grammar | None:
    """The grammar that `source` names; None where it means anything else."""
    return Grammar.load(source.removeprefix(GRAMMAR)) if source.startswith(GRAMMAR) else None


def _load_splits(source: str, column: str, given: str | None) -> dict[str, Split]:
    """The sentences of each split of a file, a folder or a hub data set; there is always a split named train."""
    if not source:
        raise UserError(f"the name of the corpus is empty; {REMEDY}")
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in LOADERS)
        splits = _load_files(files, {"data_dir": source}, source, column, given)
    elif path.exists() or path.suffix.lower() in LOADERS:
        # The library takes names for patterns.
        splits = _load_files([path], {"data_files": glob.escape(source)}, source, column, given)
    elif re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", source):
        print(f"{source}: no such file or folder here, asking the hub", file=sys.stderr)
        splits = _columns(lambda datasets: datasets.load_dataset(source), source, column, given)
    else:
        raise UserError(f"corpus '{source}' not found; {REMEDY}")
    if "train" not in splits:
        if len(splits) > 1:
            raise UserError(
                f"{source}: no split named train among {', '.join(splits)}; name the files train* and test*"
            )
        splits = {"train": next(iter(splits.values()))}
    for name, split in splits.items():
        if not split.text:
            raise UserError(f"{source}: no sentences in column '{column}' of split {name}; the corpus is empty")
    return splits


def _load_files(
    files: list[Path], where: dict[str, str], source: str, column: str, given: str | None
) -> dict[str, Split]:
    suffixes = sorted({file.suffix.lower() for file in files})
    if len(suffixes) != 1:  # the library would load one kind and pass over the others
        found = f"several kinds ({', '.join(suffixes)})" if suffixes else f"none of {', '.join(LOADERS)}"
        raise UserError(f"{source}: a folder must hold files of one kind, and holds {found}; name one file or folder")
    loader = LOADERS.get(suffixes[0], "text")
    if loader != "parquet":
        for file in files:
            read_lines(file)  # names the bad line where a file is not UTF-8
    options: dict[str, Any] = {}
    if loader == "csv":  # "NA" and "007" are text
        options = {"keep_default_na": False, "converters": dict.fromkeys((column, given or column), str)}
        options["sep"] = "\t" if suffixes[0] == ".tsv" else ","
    if loader == "text":
        # Lines of plain text have one column, whatever the other file of the experiment has.
        column = "text"
        if given is not None:
            others = ", ".join(suffix for suffix, kind in LOADERS.items() if kind != "text")
            raise UserError(f"{source}: lines of text have no column '{given}': give a file of {others}")
    return _columns(lambda datasets: datasets.load_dataset(loader, **where, **options), source, column, given)


def _columns(load: Callable[[Any], Any], source: str, column: str, given: str | None) -> dict[str, Split]:
    # Without a network the hub's client would retry for minutes: short time-outs, unless the user set their own.
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    import datasets  # takes a second: grammar corpora do without
    import huggingface_hub

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    huggingface_hub.logging.set_verbosity_error()
    try:
        splits = load(datasets)
    except Exception as error:  # every loader has its own
        cause = " ".join(str(error.__cause__ or error).split())[:300]
        raise UserError(f"corpus '{source}' cannot be loaded ({type(error).__name__}: {cause}); {REMEDY}") from None
    made = {}
    for name, split in splits.items():
        for key, wanted in (("column", column), *([("label or --corpus.context", given)] if given else [])):
            if wanted not in split.column_names:
                columns = ", ".join(split.column_names)
                raise UserError(f"{source}: no column '{wanted}'; pass --corpus.{key} with one of: {columns}")
        feature = split.features[column]
        if getattr(feature, "dtype", None) not in ("string", "large_string"):
            raise UserError(f"{source}: column '{column}' holds {getattr(feature, 'dtype', feature)}, not text")
        if given is None:
            made[name] = Split(list(one_line(filter(None, split[column]))))
        else:
            text, what = _lines(split[column]), _lines(_names(split, given, source))
            _check_full({column: text, given: what}, source)
            made[name] = Split(text, what)
    return made


def _names(split: Any, column: str, source: str) -> list[str | None]:
    """The values of a column of text, of numbers of classes, or of classes with names."""
    feature, values = split.features[column], split[column]
    if hasattr(feature, "int2str"):  # a missing class is -1 or nothing
        return [None if value is None or value < 0 else feature.int2str(value) for value in values]
    kind = str(getattr(feature, "dtype", feature))
    if kind not in ("string", "large_string", "bool") and "int" not in kind:
        raise UserError(f"{source}: column '{column}' holds {kind}; text or whole numbers are needed")
    return [None if value is None else str(value) for value in values]


def _lines(values: Iterable[str | None]) -> list[str]:
    """Each on one line, the missing and the blank ones empty."""
    return [next(one_line([value or ""]), "") for value in values]


def _check_full(columns: Mapping[str, Sequence[str]], source: str) -> None:
    """Raise a UserError for rows that lack one of their columns."""
    for name, values in columns.items():
        empty = [row for row, value in enumerate(values, 1) if not value]
        if empty:
            raise UserError(
                f"{source}: column '{name}' is empty in {len(empty):,} of {len(values):,} rows, first in row "
                f"{empty[0]:,}: fill it in, or leave these rows out"
            )
