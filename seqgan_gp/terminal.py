"""Output that never ends a run: characters that a terminal lacks, and terminals that have gone."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TextIO, TypeVar

STDOUT = "standard output"
Item = TypeVar("Item")


class Output:
    """A text stream that fails once at most: it then drops all further output, as Python's own last flush would fail.

    Args:
        stream: the stream to write to. All else is up to it.
        forgiving: drop output that nobody can read from the start, and raise no error.
    """

    def __init__(self, stream: TextIO, forgiving: bool):
        self.stream, self.forgiving, self.gone = stream, forgiving, False

    def write(self, text: str) -> int:
        self._try(lambda: self.stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self.stream.flush)

    def _try(self, work: Callable[[], object]) -> None:
        if self.gone:
            return
        try:
            work()
        except OSError as error:  # a closed terminal, a pipe without a reader, a full disk under a log
            self.gone = True
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
            if not self.forgiving:
                error.filename = STDOUT
                raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def open_streams() -> None:
    """Give this process the streams that it needs: open ones, which replace the characters that they lack.

    Output to a file or a pipe is UTF-8. A stream that the caller has closed drops its output. Its number is taken at
    once: the next file to be opened, such as one of weights, would get it, and with it whatever libraries print there.
    """
    while (taken := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(taken, True)
    os.close(taken)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            if stream is sys.stdout and not stream.isatty():
                stream.reconfigure(encoding="utf-8", errors="replace")
            else:
                stream.reconfigure(errors="replace")


@contextlib.contextmanager
def guarded(name: Literal["stdout", "stderr"], forgiving: bool) -> Iterator[None]:
    """Within, one of the two streams is an `Output`. What it has not written yet fails at the end, at the latest."""
    before: Any = getattr(sys, name)
    output = Output(before, forgiving)
    setattr(sys, name, output)
    try:
        yield
    except Exception:
        output.forgiving = True  # that error is the one to tell
        raise
    finally:
        setattr(sys, name, before)
        output.flush()


def announce(name: Literal["stdout", "stderr"]) -> None:
    """Say at once that a command has begun, where torch is still to be imported: that takes seconds, and on a busy
    machine half a minute.
    """
    if "torch" not in sys.modules and os.environ.get("RANK", "0") == "0":
        with guarded(name, forgiving=True):
            print("loading ...", file=getattr(sys, name))


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
    """Show a bar on stderr while items pass, if that takes more than some seconds.

    Args:
        what: the work, in words for the user.
        total: the number of the items, if it is known.
    """
    from tqdm import tqdm

    interval = 0.5 if sys.stderr.isatty() else 30  # a log file needs no more than a line every half minute
    return tqdm(items, what, total, delay=5, mininterval=interval, unit_scale=True, unit="")
