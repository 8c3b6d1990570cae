"""Load real data of any kind from a file, a folder or the Hugging Face hub, and hold rows out of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from .errors import UserError

HOLDOUT = 2_000  # rows to hold out at most, by default
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")

Place: TypeAlias = Literal["folder", "file", "hub", "nowhere"]
Split = TypeVar("Split")


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


def place_of(source: str, suffixes: Collection[str]) -> Place:
    """Find out where a source is; a line on stderr announces that the hub will be asked.

    Args:
        source: a path or a hub id.
        suffixes: a name that ends in one of these means a file, even if there is none.
    """
    path = Path(source)
    if path.is_dir():
        return "folder"
    if path.exists() or path.suffix.lower() in suffixes:
        return "file"
    if HUB_ID.fullmatch(source):
        print(f"{source}: no such file or folder here, asking the hub", file=sys.stderr)
        return "hub"
    return "nowhere"


def load_dataset(kind: Kind, source: str, loader: str, **options: Any) -> dict[str, Any]:
    """Load the splits of a data set with the library `datasets`.

    Args:
        source: the name of the data set in messages.
        loader: a loader of `datasets` for files, such as "csv", or a hub id.
        options: options of `datasets.load_dataset`, such as `data_dir`.

    Raises:
        UserError: the library cannot load it.
    """
    # Without a network the hub's client would retry for minutes: short time-outs, unless the user set their own.
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    import datasets  # the import takes a second, and grammars and .npz files do not need it
    import huggingface_hub

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    huggingface_hub.logging.set_verbosity_error()
    try:
        return dict(datasets.load_dataset(loader, **options))
    except Exception as error:  # each loader has its own exceptions
        cause = " ".join(str(error.__cause__ or error).split())[:300]
        raise UserError(
            f"{kind.name} '{source}' cannot be loaded ({type(error).__name__}: {cause}); {kind.remedy}"
        ) from None


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
