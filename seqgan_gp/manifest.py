"""Manifests: the names, sizes and hashes of the files that a folder was written with, in `manifest.json`.

A manifest finds damage. It is no signature: whoever may write to the folder can write another manifest.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from .errors import UserError
from .files import atomic_write

MANIFEST = "manifest.json"
FORMAT = "seqgan_gp 1"


def files_of(folder: Path) -> list[str]:
    """The names of all files of a folder, with the folders below it, but for its manifest."""
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in found if name != MANIFEST)


def write(folder: Path, names: Iterable[str], kind: str) -> None:
    """Write the manifest of these files of a folder, which is of a kind: run or checkpoint. Each file is read once."""
    entries = {name: {"size": (folder / name).stat().st_size, "sha256": _hash(folder / name)} for name in names}
    with atomic_write(folder / MANIFEST) as file:
        json.dump({"format": FORMAT, "kind": kind, "files": entries}, file, indent=1)


def kind_of(folder: Path) -> str | None:
    """The kind of folder that this program wrote here; None if it wrote none."""
    try:
        return _load(folder)[0]
    except UserError:
        return None


def read(folder: Path) -> dict[str, tuple[int, str]]:
    """The size and the hash of each file in a folder's manifest, by name; empty without a manifest.

    Raises:
        UserError: the manifest is damaged.
    """
    return _load(folder)[1]


def _load(folder: Path) -> tuple[str | None, dict[str, tuple[int, str]]]:
    path = folder / MANIFEST
    if not path.is_file():
        return None, {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        kind = str(found["kind"])
        files = {str(name): (int(entry["size"]), str(entry["sha256"])) for name, entry in found["files"].items()}
        if not all(_is_below(name) for name in files):
            raise ValueError("it names files outside its folder")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        cause = " ".join(str(error).split())[:100]
        raise UserError(f"{path} is damaged ({type(error).__name__}: {cause})") from None
    return kind, files


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def check(folder: Path, remedy: str, names: Iterable[str] | None = None) -> None:
    """Raise a UserError if a file is not what the manifest says. Files that it does not list are not checked.

    Args:
        remedy: what the user can do about it.
        names: check only these, where they exist; by default all files that are listed, and these must exist.
    """
    try:
        entries = read(folder)
    except UserError as error:
        raise UserError(f"{error}; {remedy}") from None
    for name in entries if names is None else set(names) & entries.keys():
        path, (size, sha256) = folder / name, entries[name]
        if not path.is_file():
            if names is None:
                raise UserError(f"{path} is missing; {remedy}")
        elif path.stat().st_size != size:
            raise UserError(f"{path} is damaged: it has {path.stat().st_size:,} bytes, not {size:,}; {remedy}")
        elif _hash(path) != sha256:
            raise UserError(f"{path} is damaged: its bytes are not those that were written; {remedy}")


def _hash(path: Path) -> str:
    status = os.stat(path)
    return _hashed(str(path.resolve()), status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _hashed(path: str, inode: int, size: int, changed: int) -> str:
    """The hash of a file, once for each of its versions: one command may load several networks of a checkpoint."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
