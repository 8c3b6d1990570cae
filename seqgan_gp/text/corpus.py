"""Where the real sentences come from: a grammar, files, a folder of files, or a data set of the Hugging Face hub."""

from __future__ import annotations

import glob
import itertools
import os
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from .grammar import Grammar
from .words import one_line, read_lines

GRAMMAR = "grammar:"
HOLDOUT = 2_000
REMEDY = "give grammar:NAME, a file, a folder of files, or a hub id"
LOADERS = {".txt": "text", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


@dataclass
class Corpus:
    """Training and held-out sentences, and the grammar that they were drawn from if there is one."""

    train: list[str]
    test: list[str]
    grammar: Grammar | None = None


def load_corpus(train: str, test: str | None, column: str, size: int, holdout: int | None, seed: int) -> Corpus:
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

    Raises:
        UserError: nothing there, an unknown column, not UTF-8, or too few sentences.
    """
    grammar = load_grammar(train)
    if grammar:
        # One stream: the held-out sentences come first, so that they stay the same when `size` changes.
        stream = grammar.sentences(seed)
        splits = {
            "test": list(itertools.islice(stream, holdout or HOLDOUT)),
            "train": list(itertools.islice(stream, size)),
        }
    else:
        splits = _load_splits(train, column)
    if test is not None:
        if other_grammar := load_grammar(test):
            held_out = list(itertools.islice(other_grammar.sentences(seed + 1), holdout or HOLDOUT))
        else:
            other = _load_splits(test, column)
            held_out = other.get("test") or other["train"]
    elif "test" in splits:
        held_out = splits["test"]
    else:
        sentences = splits["train"]
        holdout = holdout or min(HOLDOUT, len(sentences) // 10 or 2)
        if len(sentences) < max(4, 2 * holdout):
            fewer = f"pass --corpus.holdout {max(2, len(sentences) // 10)}, or " if len(sentences) >= 4 else "pass "
            raise UserError(
                f"{train}: {len(sentences)} sentences are too few to hold out {holdout} of them: "
                f"{fewer}held-out sentences with --corpus.test FILE"
            )
        order = random.Random(seed).sample(range(len(sentences)), len(sentences))
        held_out = [sentences[i] for i in sorted(order[:holdout])]
        splits["train"] = [sentences[i] for i in sorted(order[holdout:])]
    if len(splits["train"]) < 2 or len(held_out) < 2:
        raise UserError(
            f"{train}: {len(splits['train'])} training and {len(held_out)} held-out sentences; "
            "at least two of each are needed"
        )
    return Corpus(splits["train"], held_out, grammar)


def load_grammar(source: str) -> Grammar | None:
    """The grammar that `source` names; None where it means anything else."""
    return Grammar.load(source.removeprefix(GRAMMAR)) if source.startswith(GRAMMAR) else None


def _load_splits(source: str, column: str) -> dict[str, list[str]]:
    """The sentences of each split of a file, a folder or a hub data set; there is always a split named train."""
    if not source:
        raise UserError(f"the name of the corpus is empty; {REMEDY}")
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in LOADERS)
        splits = _load_files(files, {"data_dir": source}, source, column)
    elif path.exists() or path.suffix.lower() in LOADERS:
        # The library takes names for patterns.
        splits = _load_files([path], {"data_files": glob.escape(source)}, source, column)
    elif re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", source):
        print(f"{source}: no such file or folder here, asking the hub", file=sys.stderr)
        splits = _columns(lambda datasets: datasets.load_dataset(source), source, column)
    else:
        raise UserError(f"corpus '{source}' not found; {REMEDY}")
    if "train" not in splits:
        if len(splits) > 1:
            raise UserError(
                f"{source}: no split named train among {', '.join(splits)}; name the files train* and test*"
            )
        splits = {"train": next(iter(splits.values()))}
    for name, sentences in splits.items():
        if not sentences:
            raise UserError(f"{source}: no sentences in column '{column}' of split {name}; the corpus is empty")
    return splits


def _load_files(files: list[Path], where: dict[str, str], source: str, column: str) -> dict[str, list[str]]:
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
        options = {"keep_default_na": False, "converters": {column: str}}
        options["sep"] = "\t" if suffixes[0] == ".tsv" else ","
    # Lines of plain text have one column, whatever the other file of the experiment has.
    column = "text" if loader == "text" else column
    return _columns(lambda datasets: datasets.load_dataset(loader, **where, **options), source, column)


def _columns(load: Callable[[Any], Any], source: str, column: str) -> dict[str, list[str]]:
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
    for split in splits.values():
        if column not in split.column_names:
            raise UserError(
                f"{source}: no column '{column}'; pass --corpus.column with one of: {', '.join(split.column_names)}"
            )
        feature = split.features[column]
        if getattr(feature, "dtype", None) not in ("string", "large_string"):
            raise UserError(f"{source}: column '{column}' holds {getattr(feature, 'dtype', feature)}, not text")
    return {name: list(one_line(filter(None, split[column]))) for name, split in splits.items()}
