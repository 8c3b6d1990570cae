"""Writing that leaves either the whole file or none."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from .errors import UserError


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[TextIO]:
    """Open a text file for writing that takes its name only when all of it is written; on any error nothing is left.

    A device or a pipe is written to as it is.

    Raises:
        UserError: the path is a folder.
    """
    path = Path(path).resolve()  # a link keeps pointing where it did
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file")
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
