"""The request to stop, which Ctrl-C and other signals make."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

URGENT: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
# A closed terminal sends its signal twice, and so may a scheduler: a second one must not break off the saving.
PATIENT = [getattr(signal, name) for name in ("SIGHUP", "SIGUSR1", "SIGBREAK") if hasattr(signal, name)]


class StopRequest:
    """The wish to stop, which the loop reads between steps.

    Ctrl-C, a termination signal, a closed terminal (SIGHUP) and a scheduler's warning (SIGUSR1) set it. A second Ctrl-C
    or termination signal ends the process at once. A closed terminal that the user has told us to ignore (nohup) stays
    ignored.
    """

    def __init__(self) -> None:
        self.requested = False

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if number in URGENT:
            signal.signal(number, URGENT[number])

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        # A shell lets its background jobs ignore SIGINT, and who sends it all the same means it.
        heard = [n for n in (*URGENT, *PATIENT) if n in URGENT or signal.getsignal(n) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._set) for number in heard}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
