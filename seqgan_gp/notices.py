"""Warnings to the user: lines that name a surprise in an input and end nothing."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import one_line

PACKAGE = str(Path(__file__).parent)


class Notice(UserWarning):
    """A warning of this package about a user's input."""


def notify(message: str) -> None:
    """Warn, and name the line of the user's own code that called this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(one_line(message), Notice, stacklevel=level)


def percent(fraction: float) -> str:
    """A fraction in words, such as 12% or 0.03%."""
    return f"{fraction:.0%}" if fraction >= 0.095 else f"{100 * fraction:.2g}%"


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Give no notices within: the input is not the user's, or he has been told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        yield


@contextlib.contextmanager
def as_lines() -> Iterator[None]:
    """Within, print each notice as one line on stderr, once, as the commands do. Other warnings are as before."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        before, told = warnings.showwarning, set[str]()

        def show(message: Warning | str, category: type[Warning], *place: Any, **rest: Any) -> None:
            if not issubclass(category, Notice):
                before(message, category, *place, **rest)
            elif str(message) not in told:
                told.add(str(message))
                print(f"warning: {message}", file=sys.stderr)

        warnings.showwarning = show
        yield
