"""Several processes of one run: they fail together, and on several hosts they share the run folder."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from ..errors import UserError, told
from ..machine import best_device

FOLDER = "a run on several hosts needs one folder that all of them share, such as one on NFS: give it with --output DIR"


def processes() -> int:
    """The number of processes of this run on all hosts, as its launcher says."""
    return int(os.environ.get("WORLD_SIZE", 1))


def hosts() -> int:
    """The number of hosts, or 2 for more than one."""
    return 2 if processes() > int(os.environ.get("LOCAL_WORLD_SIZE", processes())) else 1


@contextlib.contextmanager
def agreed() -> Iterator[None]:
    """A stage that ends alike in all processes: they wait for one another at its end, and where one has failed, all do.

    Every process enters it. Otherwise those that wait for one that has failed would say that a connection is closed, or
    wait until their time is out.

    Raises:
        UserError: it has failed in another process, whose message this is; or in this one.
    """
    failed: Exception | None = None
    try:
        yield
    except Exception as error:
        if processes() == 1:
            raise
        failed = error
    if processes() == 1:
        return
    line = None if failed is None else told(failed) or f"{type(failed).__name__}: {failed}"
    lines = _gather((socket.gethostname(), line))
    if failed is not None and told(failed) is None:  # a mistake of ours, whose traceback helps
        raise failed
    for number, (host, said) in enumerate(lines):
        if said is not None:
            raise UserError(said if number == 0 else f"process {number} on {host}: {said}") from failed


def check_shared(output: Path) -> None:
    """Raise a UserError in all processes unless each sees the folder in which the first one makes the run folder.

    Every process calls this. The first one writes a file there whose name nobody has seen before, since a host may
    have a folder of its own under the same name, with an older run.
    """
    if hosts() == 1:
        return
    above = output.resolve().parent
    host, name = map(str, _gather((socket.gethostname(), f".{output.name}.{uuid.uuid4().hex}"))[0])
    first = os.environ.get("RANK", "0") == "0"
    try:
        with agreed():
            if first:
                above.mkdir(parents=True, exist_ok=True)
                (above / name).touch()
        with agreed():
            if not (above / name).exists():
                raise UserError(f"{above} is not the folder of that name on {host}: {FOLDER}")
    finally:
        if first:
            (above / name).unlink(missing_ok=True)


def _gather(one: tuple[str, str | None]) -> list[tuple[str, str | None]]:
    """What each process gives, in the order of their numbers."""
    from accelerate import PartialState
    from accelerate.utils import gather_object

    # Connects the processes, if they are not yet. The first one may prepare a large corpus while the others wait.
    PartialState(cpu=best_device().type == "cpu", timeout=timedelta(hours=3))
    return gather_object([one])
