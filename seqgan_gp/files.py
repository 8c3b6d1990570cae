"""Files that are written whole or not at all, and stay so if the power fails."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from .errors import UserError


def atomic_write(path: str | Path) -> contextlib.AbstractContextManager[TextIO]:
    """Open a text file for writing. It gets its name when it is complete and on the disk, and any error deletes it.

    Devices and pipes are written to directly.

    Raises:
        UserError: the path is a folder.
        OSError: the disk fails; it names the path.
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
    if above := next((parent for parent in path.parents if parent.is_file()), None):
        raise UserError(f"{given}: {above} is a file, so that nothing can be written in it")
    with failing(given):
        if given.exists() and not given.is_file():  # a device or a pipe; /dev/stdout does not resolve to a path
            with given.open(mode, **options) as file:  # type: ignore[call-overload]
                yield file
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(part_of(path.name))
        try:
            with _opened(part, given, mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            sync(path.parent)
        finally:
            part.unlink(missing_ok=True)


def _opened(part: Path, given: Path, mode: str, **options: str) -> Any:
    """Open the unfinished file of `given`, which an error names."""
    try:
        return part.open(mode, **options)  # type: ignore[call-overload]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(given)) from None


def part_of(name: str) -> str:
    """A new hidden name for the unfinished file `name`. Nobody else's file has it."""
    return f".{name[:60]}.{secrets.token_hex(4)}.part"


PART_ENDING = r"\.[0-9a-f]{8}\.part"
PART = rf"\.[^/]+{PART_ENDING}"
"""The pattern of the names that `part_of` gives."""


@contextlib.contextmanager
def failing(path: str | Path) -> Iterator[None]:
    """Within, a failing disk raises an OSError that names a path: the error's own, or else this one.

    Libraries in Rust (safetensors, tokenizers) raise errors of their own with the number of the system's error in the
    text, and others raise a second error while they handle it.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    except Exception as error:
        number = _number_of(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from None


def _number_of(error: BaseException | None) -> int | None:
    """The number of the system's error behind an exception, if there is one."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            return int(found[1])
        error = error.__context__
    return None


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if path.is_file():
            raise OSError(error.errno, error.strerror, str(path)) from None
        # Some file systems cannot flush folders.
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until all files of a folder, and their names, are on the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            sync(Path(place) / name)
        sync(Path(place))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file.

    Raises:
        OSError: the disk fails; it names the copy.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
