"""The lock of a run folder: one run at a time writes to it.

The lock is the kernel's (flock) on the file `.NAME.lock` beside the folder, which also names the holder. It ends with
the process, however that ends. On a folder that hosts share it holds between them where the file system passes locks
on, as NFS does on Linux, and Lustre with the mount option `flock`.

A file system without locks has a file in its place, which outlives a process that is killed. There the next run is
refused, and the message says which file to delete, since no host can see whether a process of another is alive. Where a
file system accepts locks and keeps them from other hosts (Lustre with `localflock`), nothing can be known. Then the
holder's name, which a run that ends deletes, is all there is: a run that finds one from another host says so.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import SoftFileLock, Timeout

from ..errors import UserError
from .folder import cannot_make

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BUSY = (errno.EAGAIN, errno.EWOULDBLOCK)
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


@contextlib.contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep other runs out of a run folder.

    Raises:
        UserError: another run has it, or the folder above cannot be made or written to.
    """
    output = output.resolve()
    if not output.name:
        raise UserError(f"{output} is the top of the file system: give another --output DIR")
    path = output.with_name(f".{output.name}.lock")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(path)
    except OSError as error:
        if error.errno in WITHOUT_LOCKS:
            with _without_locks(output, path):
                yield
            return
        raise _taken(output, _read(path)) if error.errno in BUSY else cannot_make(output, error) from None
    record = os.pread(descriptor, 1000, 0)
    if record and not _named(record):
        os.close(descriptor)
        raise UserError(f"{path} is a file of your own, and the lock needs its name: give another --output DIR")
    try:
        _warn(output, record)
        _write(descriptor)
        yield
    finally:
        # The name goes while the lock is held: whoever has opened the file sees that it is no longer the lock.
        with contextlib.suppress(OSError):  # a folder that may no longer be written to; the lock ends all the same
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path) -> int:
    """Lock the file that has the path, and return its descriptor. filelock does not say whether its file still has it.

    Raises:
        OSError: another process has the lock, or the file system has none.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(path))
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):  # the holder before us has just ended
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextlib.contextmanager
def _without_locks(output: Path, path: Path) -> Iterator[None]:
    """Hold a file in place of a lock."""
    path.unlink(missing_ok=True)
    soft, holder = SoftFileLock(f"{path}-file"), Path(f"{path}-holder")
    try:
        soft.acquire(timeout=0)
    except Timeout:
        raise _taken(output, _read(holder), f", or delete {soft.lock_file} if it has ended") from None
    try:
        with contextlib.suppress(OSError):
            holder.write_bytes(_record())
        yield
    finally:
        holder.unlink(missing_ok=True)
        soft.release()


def _record() -> bytes:
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": since}).encode()


def _write(descriptor: int) -> None:
    """Name this process as the holder. A full disk is no obstacle: the lock is the kernel's."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _record(), 0)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1000)
    except OSError:
        return b""


def _named(record: bytes) -> dict[str, str]:
    """The holder of a record; empty if it names none."""
    try:
        found = json.loads(record)
        return {key: " ".join(str(found[key]).split())[:80] for key in ("process", "host", "since")}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _taken(output: Path, record: bytes, remedy: str = "") -> UserError:
    known = _named(record)
    holder = " (process {process} on {host}, since {since})".format(**known) if known else ""
    return UserError(
        f"{output}: another run is writing to it{holder}: wait for its end{remedy}, or give another --output DIR"
    )


def _warn(output: Path, record: bytes) -> None:
    """Say that a run on another host has not ended by itself, in case that its lock does not reach this host."""
    known = _named(record)
    if known and known["host"] != socket.gethostname():
        print(
            f"{output}: a run on {known['host']} (process {known['process']}) did not end by itself; if it is still "
            "at work there, stop one of the two",
            file=sys.stderr,
        )
