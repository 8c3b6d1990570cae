"""Prepared corpora, kept so that the next run on the same text begins at once.

They are under `~/.cache/seqgan_gp`, or in the folder that SEQGAN_GP_CACHE names, by their text and its preparation.
You may delete that folder at any time. Small corpora are not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..files import atomic_write

FORMAT = 1  # of prepared corpora; another number makes older ones unknown
LARGE = 16 << 20  # bytes of text that is kept
WHOLE = "whole.json"  # the size and the time of each file; written last


def root() -> Path:
    """The folder of the cache."""
    asked = os.environ.get("SEQGAN_GP_CACHE")
    return Path(asked) if asked else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqgan_gp"


class Scratch:
    """A new folder to prepare a corpus in: in the cache if it can be written to, else where the system has its own.

    It is locked until `remove`, so that the next start on this host knows those that a killed run has left, and deletes
    them.

    Attributes:
        path: the folder.
    """

    PREFIX = f"scratch-{socket.gethostname()}-"
    LOCK = ".seqgan-gp.lock"

    def __init__(self) -> None:
        try:
            root().mkdir(parents=True, exist_ok=True)
            self._delete_left()
            self.path = Path(tempfile.mkdtemp(prefix=self.PREFIX, dir=root()))
        except OSError:
            self.path = Path(tempfile.mkdtemp(prefix="seqgan_gp-"))
        self._lock = FileLock(self.path / self.LOCK)
        with contextlib.suppress(OSError, NotImplementedError):  # a file system without locks
            self._lock.acquire(timeout=0)

    def _delete_left(self) -> None:
        for left in root().glob(f"{self.PREFIX}*"):
            if (left / self.LOCK).is_file():
                with contextlib.suppress(OSError, NotImplementedError), FileLock(left / self.LOCK, timeout=0):
                    shutil.rmtree(left, ignore_errors=True)

    def remove(self) -> None:
        """Delete the folder."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def identity(folder: Path, settings: Any) -> str | None:
    """A name for the text in a folder and the way to prepare it; None if the text is small.

    Args:
        settings: all that determines the preparation, for JSON.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if sum(path.stat().st_size for path in files) < LARGE:
        return None
    digest = hashlib.blake2b(json.dumps([FORMAT, settings], sort_keys=True).encode(), digest_size=16)
    for path in files:
        with path.open("rb") as file:
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


def find(name: str | None) -> Path | None:
    """The folder of a prepared corpus, if it is there and nobody has changed it."""
    if name is None:
        return None
    folder = root() / name
    try:
        whole = json.loads((folder / WHOLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return folder if whole == _files(folder) else None


def keep(folder: Path, name: str | None) -> Path:
    """Keep a prepared corpus under its name, if it has one. Returns the place where it is now."""
    if name is None:
        return folder
    files = _files(folder)
    with atomic_write(folder / WHOLE) as file:
        json.dump(files, file)
    with contextlib.suppress(OSError):
        if find(name) is None:
            shutil.rmtree(root() / name, ignore_errors=True)  # one that somebody has changed
        os.replace(folder, root() / name)
        return root() / name
    return folder


def _files(folder: Path) -> dict[str, list[int]]:
    """The size and the time of each file."""
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(stats.items()) if name != WHOLE}
