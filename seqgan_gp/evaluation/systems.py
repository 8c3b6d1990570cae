"""The systems that a user names on the command line, and the files of their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..decoding import STANDARD_INPUT
from ..errors import UserError


def named(file: str) -> str:
    """A file as messages name it."""
    return "standard input" if file == STANDARD_INPUT else file


def names_of(files: Sequence[str]) -> list[str]:
    """Short names of files or folders. Where two are the same, or one is that of real text, it is the whole path."""
    short = [Path(file).stem if Path(file).is_file() else Path(named(file)).name for file in files]
    names = [
        name if short.count(name) == 1 and name != "real" else str(Path(file))
        for name, file in zip(short, files, strict=True)
    ]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{name} is given twice: give each system once")
    return names


def seeds_of_systems(given: Sequence[str]) -> dict[str, list[str]]:
    """The files of each system: FILE alone, or its seeds as NAME=FILE,FILE; a name may also be given several times.

    Raises:
        UserError: a file stands for two seeds or systems, or a name is that of real text.
    """
    lone = [text for text in given if "=" not in text or Path(text).exists()]
    systems = {name: [file] for name, file in zip(names_of(lone), lone, strict=True)}
    given_names: dict[str, list[str]] = {}
    for text in given:
        if text not in lone:
            name, _, files = text.partition("=")
            given_names.setdefault(name, []).extend([files] if Path(files).exists() else files.split(","))
    for name, seeds in given_names.items():
        if name in ("", "real") or name in systems:
            raise UserError(f"{name}={seeds[0]}: give a system a name of its own, such as ours={seeds[0]}")
        if "" in seeds:
            raise UserError(f"{name}={','.join(seeds)}: a file is missing: give NAME=FILE,FILE")
    systems |= given_names
    once([file for files in systems.values() for file in files])
    return systems


def once(files: Sequence[str]) -> None:
    """Raise a UserError for a file that is given twice."""
    paths = [str(Path(file)) for file in files]
    for file in paths:
        if paths.count(file) > 1:
            raise UserError(f"{file} is given twice: give each seed of each system once")
