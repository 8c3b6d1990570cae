"""Atomic writing: it leaves either the whole file or none."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from .errors import UserError


def atomic_write(path: str | Path) -> contextlib.AbstractContextManager[TextIO]:
    """Open a text file for writing. It gets its name when it is complete, and any error deletes it.

    Devices and pipes are written to directly.

    Raises:
        UserError: the path is a folder.
    """
    return _atomic(path, "w", encoding="utf-8", newline="\n")


def atomic_binary(path: str | Path) -> contextlib.AbstractContextManager[BinaryIO]:
    """Open a binary file for writing; see `atomic_write`."""
    return _atomic(path, "wb")


@contextlib.contextmanager
def _atomic(path: str | Path, mode: str, **options: str) -> Iterator[Any]:
    given, path = Path(path), Path(path).resolve()  # write to the target of a link, so that the link stays
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file")
    if given.exists() and not given.is_file():  # a device or a pipe; /dev/stdout does not resolve to a path
        with given.open(mode, **options) as file:  # type: ignore[call-overload]
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


def place_file(source: Path, target: Path) -> None:
    """Give a file a second name; on another file system, or on one without such names, copy it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
