"""The commands, each of which does its slow imports only when it runs."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from typing import Any, NoReturn

from . import notices, terminal
from .errors import told
from .options import new_parser


def command(function: Callable[..., int]) -> Callable[..., int]:
    """Bad input and failing disks end in one line on stderr and exit code 2; Ctrl-C in 130."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> int:
        terminal.open_streams()
        with terminal.guarded("stderr", forgiving=True), notices.as_lines():
            try:
                with terminal.guarded("stdout", forgiving=False):
                    return function(*args, **kwargs)
            except KeyboardInterrupt as stop:
                print(str(stop) or "interrupted", file=sys.stderr)  # long work says how to go on
                return 130
            except BrokenPipeError as error:
                if error.filename == terminal.STDOUT:  # its reader, such as head, has what it wanted
                    return 0
                message = told(error)
            except Exception as error:
                message = told(error)
                if message is None:  # a mistake of ours
                    raise
            if os.environ.get("LOCAL_RANK", os.environ.get("RANK", "0")) == "0":  # once on each host
                print(f"error: {message}", file=sys.stderr)
            return 2

    return wrapped


@command
def train(arguments: list[str], prog: str = "seqgan-gp train") -> int:
    """Train as the YAML file and the options say."""
    if not {"-h", "--help"} & {*arguments}:
        terminal.announce("stdout")  # a log file may have it, and stderr has one line where the input is bad
    from . import config
    from .training.several import agreed

    with agreed():  # a file may be missing on one host alone
        invocation = config.parse(arguments, prog)
    from .training.experiment import run

    with terminal.guarded("stdout", forgiving=True):  # a closed terminal must not end a run
        code = run(*invocation)
        if code == 0 and invocation.config.report and os.environ.get("RANK", "0") == "0":
            from .report.command import at_end

            at_end(invocation.output)
        return code


@command
def main(arguments: list[str] | None = None) -> int:
    """The program `seqgan-gp`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:  # its options are the keys of the config
        return train(arguments[1:])
    options = new_parser().parse_args(arguments)
    if sys.stderr.isatty():  # stdout may be the samples
        terminal.announce("stderr")
    from . import extensions

    extensions.load(options.imports)
    with _ended_by_signals():
        return resolve_name(options.function)(options)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise SystemExit, so that no unfinished file stays. One that is ignored stays so.

    Training listens to signals itself.
    """

    def end(number: int, frame: object) -> NoReturn:
        sys.exit(128 + number)

    main_thread = threading.current_thread() is threading.main_thread()  # no other one may ask
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name) and main_thread]
    before = {n: signal.signal(n, end) for n in numbers if signal.getsignal(n) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
