"""Writing that leaves either the whole file or none."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from .errors import UserError


def atomic_write(path: str | Path) -> contextlib.AbstractContextManager[TextIO]:
    """Open a text file for writing that takes its name only when all of it is written; on any error nothing is left.

    A device or a pipe is written to as it is.

    Raises:
        UserError: the path is a folder.
    """
    return _atomic(path, "w", encoding="utf-8", newline="\n")


def atomic_binary(path: str | Path) -> contextlib.AbstractContextManager[BinaryIO]:
    """The same for bytes."""
    return _atomic(path, "wb")


@contextlib.contextmanager
def _atomic(path: str | Path, mode: str, **options: str) -> Iterator[Any]:
    path = Path(path).resolve()  # a link keeps pointing where it did
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file")
    if path.exists() and not path.is_file():
        with path.open(mode, **options) as file:  # type: ignore[call-overload]
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open(mode, **options) as file:  # type: ignore[call-overload]
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
