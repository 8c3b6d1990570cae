"""Load real data of any kind from a file, a folder or the Hugging Face hub, and hold rows out of it."""

from __future__ import annotations

import glob
import os
import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from .decoding import is_packed, read_bytes, suffix_of
from .errors import UserError

HOLDOUT = 2_000  # rows to hold out at most, by default
BATCH = 10_000  # rows that are read at a time
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")

Place: TypeAlias = Literal["folder", "file", "hub", "nowhere"]
Split = TypeVar("Split")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Kind:
    """A kind of data, in the words that messages to the user need.

    Args:
        name: the word that stands before the name of a source, such as "corpus".
        rows: the word for rows, such as "sentences".
        remedy: which sources there are, as an order to the user.
        split_remedy: how splits of a folder have to be named, as an order to the user.
        least_held_out: the smallest number of rows that can be held out.
    """

    name: str
    rows: str
    remedy: str
    split_remedy: str
    least_held_out: int


def note(line: str) -> None:
    """Print a line on stderr, once, however many processes there are."""
    if os.environ.get("RANK", "0") == "0":
        print(line, file=sys.stderr)


def place_of(source: str, suffixes: Collection[str]) -> Place:
    """Find out where a source is; a line on stderr announces that the hub will be asked.

    Args:
        source: a path or a hub id.
        suffixes: a name that ends in one of these means a file, even if there is none.
    """
    path = Path(source)
    if path.is_dir():
        return "folder"
    if os.path.lexists(path) or suffix_of(path) in suffixes:  # a broken link is no hub id either
        return "file"
    if is_hub_id(source, suffixes):
        note(f"{source}: no such file or folder here, asking the hub")
        return "hub"
    return "nowhere"


def is_hub_id(source: str, suffixes: Collection[str]) -> bool:
    """Whether a source that is not here has the form of a hub id, and not that of a file."""
    path = Path(source)
    return not (os.path.lexists(path) or suffix_of(path) in suffixes) and HUB_ID.fullmatch(source) is not None


def load_hub(kind: Kind, source: str, streaming: bool = False) -> dict[str, Any]:
    """Load the splits of a data set of the hub.

    Args:
        streaming: open them as streams, which download nothing but what is read.

    Raises:
        UserError: it cannot be loaded.
    """
    # Without a network the hub's client would retry for minutes: short time-outs, unless the user set their own.
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    import datasets

    _be_quiet()
    try:
        return dict(datasets.load_dataset(source, streaming=streaming))
    except Exception as error:  # each loader has its own exceptions
        for folder in () if streaming else _caches():
            if complaint := _unwritable(folder):
                raise UserError(
                    f"{kind.name} '{source}' needs the cache {folder}, which cannot be written ({complaint}): "
                    "set HF_HOME to a folder that you can write to"
                ) from None
        raise _not_loaded(kind, source, error) from None


def read_columns(
    kind: Kind, source: str, split: Any, columns: Sequence[str], rows: int | None = None
) -> tuple[Mapping[str, Any], Iterator[Mapping[str, list]]]:
    """Read columns of a split of the hub, many rows at a time.

    Args:
        split: a data set or a stream of the library `datasets`.
        columns: the wanted columns; those that are missing are left out.
        rows: the number of rows to read at most.

    Returns:
        The features of all columns of the split, and an iterator over lists for each wanted column.
    """
    import datasets
    import pyarrow

    features = split.features
    if features is None:  # of a stream that nobody has described
        first: Mapping[str, Any] = next(naming(kind, source, split.iter(1)), {})
        features = datasets.Features.from_arrow_schema(pyarrow.table(first).schema)
    if rows is not None:
        split = split.take(rows)
    there = [column for column in columns if column in features]
    return features, naming(kind, source, split.select_columns(there or [*features]).iter(BATCH))


def load_files(kind: Kind, source: str, loader: str, splits: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Load files with a loader of the library `datasets`, and leave nothing in its cache, which may be stale.

    Raises:
        UserError: the library cannot load them.
    """
    import datasets

    _be_quiet()
    # The library takes names for patterns.
    names = {split: [glob.escape(os.path.abspath(file)) for file in files] for split, files in splits.items()}
    with tempfile.TemporaryDirectory() as cache:
        try:
            return dict(datasets.load_dataset(loader, data_files=names, cache_dir=cache, keep_in_memory=True))
        except Exception as error:
            raise _not_loaded(kind, source, error) from None


def open_parquet(
    kind: Kind, file: Path, columns: Sequence[str], check: Callable[[Sequence[str]], None]
) -> tuple[Mapping[str, Any], Iterator[Mapping[str, list]]]:
    """Open a .parquet file: the features of some columns, and their rows, many at a time, as a list for each column.

    Other columns are not read, since they may hold things that the library `datasets` does not know.

    Args:
        columns: the names of the wanted columns.
        check: gets the names of all columns, and raises a UserError if one is missing.

    Raises:
        UserError: the file is missing or damaged, or several columns have one of the names.
    """
    import datasets
    import pyarrow.parquet

    if not file.exists():
        raise UserError(f"{file}: no such file; {kind.remedy}")
    try:
        opened = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(read_bytes(file)) if is_packed(file) else str(file))
        schema = opened.schema_arrow
        for column in columns:
            if (times := schema.names.count(column)) > 1:
                raise UserError(f"{file}: {times} columns are named '{column}': rename all but one")
        check(schema.names)
        chosen = pyarrow.schema([field for field in schema if field.name in columns], schema.metadata)
        features = datasets.Features.from_arrow_schema(chosen)
    except UserError:
        raise
    except Exception as error:
        raise _not_loaded(kind, str(file), error) from None
    batches = opened.iter_batches(BATCH, columns=list(columns))
    return features, naming(kind, str(file), (batch.to_pydict() for batch in batches))


def naming(kind: Kind, source: str, items: Iterable[Item]) -> Iterator[Item]:
    """Items that a library reads; any error of its own becomes one line.

    Raises:
        UserError: the library cannot load them.
    """
    try:
        yield from items
    except UserError:
        raise
    except Exception as error:
        raise _not_loaded(kind, source, error) from None


def load_parquet(kind: Kind, files: Sequence[Path]) -> Any:
    """Load .parquet files, one behind the other, as a data set of `datasets` in memory.

    Raises:
        UserError: a file is missing or damaged, or the columns of two files differ.
    """
    import datasets
    import pyarrow
    import pyarrow.parquet

    loaded = []
    for file in files:
        if not file.exists():
            raise UserError(f"{file}: no such file; {kind.remedy}")
        try:
            origin = pyarrow.BufferReader(read_bytes(file)) if is_packed(file) else str(file)
            table = pyarrow.parquet.ParquetFile(origin).read()
            loaded.append(datasets.Dataset(datasets.table.InMemoryTable(table)))
        except UserError:
            raise
        except Exception as error:
            raise _not_loaded(kind, str(file), error) from None
        if loaded[-1].column_names != loaded[0].column_names:
            columns = [", ".join(part.column_names) for part in (loaded[0], loaded[-1])]
            raise UserError(f"{file}: its columns are {columns[1]}, and those of {files[0]} are {columns[0]}")
    try:
        return datasets.concatenate_datasets(loaded)
    except Exception as error:
        raise _not_loaded(kind, str(files[0].parent), error) from None


def _be_quiet() -> None:
    import datasets
    import huggingface_hub

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    huggingface_hub.logging.set_verbosity_error()


def _not_loaded(kind: Kind, source: str, error: Exception) -> UserError:
    cause = " ".join(str(error.__cause__ or error).split())[:300]
    return UserError(f"{kind.name} '{source}' cannot be loaded ({type(error).__name__}: {cause}); {kind.remedy}")


def _caches() -> tuple[str, ...]:
    import datasets
    import huggingface_hub

    return str(huggingface_hub.constants.HF_HUB_CACHE), str(datasets.config.HF_DATASETS_CACHE)


def _unwritable(folder: str) -> str | None:
    """Say why nothing can be written into a folder, if that is so; the folder is made if it can be."""
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return str(error.strerror)
    return None


def with_train(kind: Kind, source: str, splits: dict[str, Split]) -> dict[str, Split]:
    """Make sure that a split is named train; a single split gets that name.

    Raises:
        UserError: there are several splits, and none is named train.
    """
    if "train" in splits:
        return splits
    if len(splits) > 1:
        raise UserError(f"{source}: no split named train among {', '.join(splits)}; {kind.split_remedy}")
    return {"train": next(iter(splits.values()))}


def default_holdout(kind: Kind, size: int) -> int:
    """Compute how many of `size` rows to hold out by default: a tenth, but at most 2,000."""
    return min(HOLDOUT, max(kind.least_held_out, size // 10))


def check_holdout(kind: Kind, source: str, size: int, number: int, remedy: str) -> None:
    """Raise a UserError if fewer rows would be left to train on than are held out."""
    if size < 2 * max(number, kind.least_held_out):
        raise UserError(f"{source}: {size} {kind.rows} are too few to hold out {number} of them: {remedy}")


def divide(order: Sequence[int], number: int) -> tuple[list[int], list[int]]:
    """Divide rows in a random order into training rows and held-out rows, each in ascending order.

    Args:
        order: the numbers of all rows.
        number: how many rows to hold out; the first ones of `order` are taken.
    """
    return sorted(order[number:]), sorted(order[:number])
