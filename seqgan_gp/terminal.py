"""Output that never ends a run: characters that a terminal lacks, and terminals that have gone."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO, TypeVar

Item = TypeVar("Item")


class Forgiving:
    """A text stream that drops output once nobody can read it. All else is up to the stream that it wraps."""

    def __init__(self, stream: TextIO):
        self.stream, self.gone = stream, False

    def write(self, text: str) -> int:
        self._try(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self.stream.flush)

    def _try(self, work: Callable[[], object]) -> None:
        if self.gone:
            return
        try:
            work()
        except OSError:  # a closed terminal, a pipe without a reader, a full disk under a log
            self.gone = True
            with contextlib.suppress(OSError, ValueError):  # Python flushes once more at its end
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def show_any_character() -> None:
    """Let both streams replace the characters that their encoding lacks. Output to a file or a pipe is UTF-8.

    A stream that the caller has closed becomes one that drops its output.
    """
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
def forgiving() -> Iterator[None]:
    """Within, output that nobody can read is dropped, and raises no error."""
    before: tuple[Any, Any] = sys.stdout, sys.stderr
    both: tuple[Any, Any] = Forgiving(before[0]), Forgiving(before[1])
    sys.stdout, sys.stderr = both
    try:
        yield
    finally:
        for stream in both:
            stream.flush()
        sys.stdout, sys.stderr = before


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
    """Show a bar on stderr while items pass, if that takes more than some seconds.

    Args:
        what: the work, in words for the user.
        total: the number of the items, if it is known.
    """
    from tqdm import tqdm

    interval = 0.5 if sys.stderr.isatty() else 30  # a log file needs no more than a line every half minute
    return tqdm(items, what, total, delay=5, mininterval=interval, unit_scale=True, unit="")
