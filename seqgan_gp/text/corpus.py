"""Load the sentences of an experiment, perhaps each with a label or with a context that it answers.

They come from a grammar, a file, a folder of files, or a data set of the Hugging Face hub.
"""

from __future__ import annotations

import glob
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .. import sources
from ..errors import UserError
from .grammar import Grammar
from .words import one_line, read_lines

GRAMMAR = "grammar:"
LOADERS = {".txt": "text", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
KIND = sources.Kind(
    name="corpus",
    rows="sentences",
    remedy="give grammar:NAME, a file, a folder of files, or a hub id",
    split_remedy="name the files train* and test*",
    least_held_out=2,
)


@dataclass(frozen=True)
class Sentences:
    """Sentences, and the label or the context that each of them is given.

    Args:
        text: the sentences.
        given: one label or context for each sentence, or None if the sentences are given nothing.
    """

    text: list[str]
    given: list[str] | None = None

    def __len__(self) -> int:
        """Count the sentences."""
        return len(self.text)

    def take(self, rows: Iterable[int]) -> Sentences:
        """Select the sentences with these numbers."""
        return Sentences([self.text[i] for i in rows], self.given and [self.given[i] for i in rows])


@dataclass(frozen=True)
class Corpus:
    """Training sentences, held-out sentences, and the grammar that they were drawn from, if there is one."""

    train: Sentences
    test: Sentences
    grammar: Grammar | None = None


class CorpusOptions(Protocol):
    """The options of a corpus: those of `config.CorpusConfig`.

    Attributes:
        train: `grammar:NAME` (a grammar of `data/`, or a path), a file (.txt with one sentence on each
            line, .csv, .tsv, .json, .jsonl, .parquet), a folder of such files, or a hub id.
        test: the source of the held-out sentences, given like `train`. If it is None, they are the
            split named `test` of `train`, or else a random part of `train`.
        column: the column that holds the text. Plain text files have only one column.
        size: the number of training sentences to draw from a grammar.
        holdout: the number of sentences to hold out. If it is None, 2,000 sentences are held out, or a
            tenth of all where that is less.
        seed: the seed of the draw and of the split.
        given: the column of labels or contexts, or None. A grammar has the column
            `label`, and a grammar of pairs also `context`.
    """

    train: str
    test: str | None
    column: str
    size: int
    holdout: int | None
    seed: int

    @property
    def given(self) -> str | None: ...


def load_corpus(options: CorpusOptions) -> Corpus:
    """Load the sentences of an experiment.

    Raises:
        UserError: the source is missing, a column is unknown, a row lacks a label or a context, the
            text is not UTF-8, or there are too few sentences.
    """
    grammar = load_grammar(options.train)
    if grammar:
        # One stream: the held-out sentences come first, so that they stay the same when `size` changes.
        draw = _stream(grammar, options.seed, options.given)
        splits = {"test": draw(options.holdout or sources.HOLDOUT), "train": draw(options.size)}
    else:
        splits = _load_splits(options.train, options.column, options.given)
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
    splits = _load_splits(source, options.column, options.given)
    return splits.get("test", splits["train"])


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


def _load_splits(source: str, column: str, given: str | None) -> dict[str, Sentences]:
    """Load each split of a file, a folder or a hub data set; there is always a split named train."""
    if not source:
        raise UserError(f"the name of the corpus is empty; {KIND.remedy}")
    path = Path(source)
    match sources.place_of(source, LOADERS):
        case "folder":
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in LOADERS)
            splits = _load_files(files, {"data_dir": source}, source, column, given)
        case "file":  # `datasets` takes the name of a file for a pattern
            splits = _load_files([path], {"data_files": glob.escape(source)}, source, column, given)
        case "hub":
            splits = _sentences(sources.load_dataset(KIND, source, source), source, column, given)
        case "nowhere":
            raise UserError(f"corpus '{source}' not found; {KIND.remedy}")
    splits = sources.with_train(KIND, source, splits)
    for name, split in splits.items():
        if not len(split):
            raise UserError(f"{source}: no sentences in column '{column}' of split {name}; the corpus is empty")
    return splits


def _load_files(
    files: list[Path], where: dict[str, str], source: str, column: str, given: str | None
) -> dict[str, Sentences]:
    """Load each split of some files.

    Args:
        where: the option of `datasets.load_dataset` that names the files.
    """
    suffixes = sorted({file.suffix.lower() for file in files})
    if len(suffixes) != 1:  # `datasets` would load files of one kind and skip the others
        found = f"several kinds ({', '.join(suffixes)})" if suffixes else f"none of {', '.join(LOADERS)}"
        raise UserError(f"{source}: a folder must hold files of one kind, and holds {found}; name one file or folder")
    loader = LOADERS.get(suffixes[0], "text")
    if loader != "parquet":
        for file in files:
            read_lines(file)  # names the line that is not UTF-8
    options: dict[str, Any] = {}
    if loader == "csv":  # "NA" and "007" are text
        options = {"keep_default_na": False, "converters": dict.fromkeys((column, given or column), str)}
        options["sep"] = "\t" if suffixes[0] == ".tsv" else ","
    if loader == "text":
        # Plain text has one column, even if `column` names a column of the other source of the experiment.
        column = "text"
        if given is not None:
            others = ", ".join(suffix for suffix, kind in LOADERS.items() if kind != "text")
            raise UserError(f"{source}: lines of text have no column '{given}': give a file of {others}")
    return _sentences(sources.load_dataset(KIND, source, loader, **where, **options), source, column, given)


def _sentences(splits: Mapping[str, Any], source: str, column: str, given: str | None) -> dict[str, Sentences]:
    """Read the sentences in each split of `datasets`.

    Raises:
        UserError: a column is missing or holds no text, or a row lacks a label or a context.
    """
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
            made[name] = Sentences(list(one_line(filter(None, split[column]))))
        else:
            text, values = _lines(split[column]), _lines(_names(split, given, source))
            _check_full({column: text, given: values}, source)
            made[name] = Sentences(text, values)
    return made


def _names(split: Any, column: str, source: str) -> list[str | None]:
    """Read the values of a column as text; the column holds text, whole numbers, or classes that have names."""
    feature, values = split.features[column], split[column]
    if hasattr(feature, "int2str"):  # a missing class is -1 or None
        return [None if value is None or value < 0 else feature.int2str(value) for value in values]
    kind = str(getattr(feature, "dtype", feature))
    if kind not in ("string", "large_string", "bool") and "int" not in kind:
        raise UserError(f"{source}: column '{column}' holds {kind}; text or whole numbers are needed")
    return [None if value is None else str(value) for value in values]


def _lines(values: Iterable[str | None]) -> list[str]:
    """Put each value on one line; missing and blank values become empty."""
    return [next(one_line([value or ""]), "") for value in values]


def _check_full(columns: Mapping[str, Sequence[str]], source: str) -> None:
    """Raise a UserError if a row has no value in one of the columns."""
    for name, values in columns.items():
        empty = [row for row, value in enumerate(values, 1) if not value]
        if empty:
            raise UserError(
                f"{source}: column '{name}' is empty in {len(empty):,} of {len(values):,} rows, first in row "
                f"{empty[0]:,}: fill it in, or leave these rows out"
            )
