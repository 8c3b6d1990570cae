"""The places that a command writes to, which it checks before its work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from .errors import UserError

TERMINAL = (None, "-")  # places that are no files


def check_files(outputs: Mapping[str, str | None], reads: Iterable[str | None] = ()) -> None:
    """Check the files that a command is to write, by option. None and - stand for the terminal.

    Args:
        reads: what the command reads. Names that are no files, such as those of grammars, do not matter.

    Raises:
        UserError: a place is a folder or cannot be written to, or it is a file that the command reads or writes.
    """
    inputs = [name for name in reads if name is not None and os.path.isfile(name)]
    written: dict[Path, str] = {}
    for option, place in outputs.items():
        if place in TERMINAL:
            continue
        path = Path(place)
        if path.is_dir():
            raise UserError(f"{option} {place} is a folder: give the name of a file")
        _check_above(option, path)
        if path.exists() and not path.is_file():  # a device or a pipe
            continue
        if any(path.exists() and path.samefile(read) for read in inputs):
            raise UserError(f"{option} {place} is a file that this command reads, and would be lost: give another name")
        if other := written.get(path.resolve()):
            raise UserError(f"{option} {place} is the file of {other}, too: give another name")
        written[path.resolve()] = option


def check_folder(option: str, place: str) -> None:
    """Check the folder that a command is to write to.

    Raises:
        UserError: it is a file, or cannot be written to.
    """
    path = Path(place)
    if path.exists() and not path.is_dir():
        raise UserError(f"{option} {place} is a file: give the name of a folder")
    _check_above(option, path / "file")


def _check_above(option: str, path: Path) -> None:
    """Raise a UserError if the folder of a path cannot be made or written to."""
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(f"{option} {path}: {above} is a file, not a folder; give another place")
    if not os.access(above, os.W_OK):
        raise UserError(f"{option} {path}: {above} cannot be written to; give another place")
