"""Commands in processes of their own that start at once: forks of a process that has imported everything.

`Starts` talks to that process, which this file is, too. A command gets what a shell would give to it: streams, which
may be closed, a terminal, an environment and a working directory. It ends as a program does. It may be killed just
before its n-th change of a file.
"""

import contextlib
import gc
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).parent.parent
EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CLOSED = -1  # instead of a stream


class Moment:
    """Counts the changes of files, and kills this process before one of them."""

    def __init__(self, number: int | None):
        self.number, self.seen = number, 0

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
            self.seen += 1
            if self.seen == self.number:
                os.kill(os.getpid(), signal.SIGKILL)


class Starts:
    """Starts commands one after another."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def begin(
        self,
        arguments: Sequence[str],
        streams: Sequence[int],
        cwd: Path = ROOT,
        env: Mapping[str, str] = os.environ,
        terminal: bool = False,
        ignored: Sequence[int] = (),
        moment: int | None = None,
        seconds: float | None = None,
        program: str | None = None,
    ) -> int:
        """Start a command, and return the number of its process.

        Args:
            streams: the numbers of stdin, stdout and stderr, or CLOSED.
            terminal: the streams are a terminal, which is that of the command.
            ignored: signals that the command ignores from the start.
            moment: kill it before this change of a file.
            seconds: kill it after this time.
            program: Python to run with these arguments, as `python -c` does, instead of a command.
        """
        closed = [number for number, stream in enumerate(streams) if stream == CLOSED]
        how = dict(terminal=terminal, ignored=ignored, moment=moment, seconds=seconds, closed=closed, program=program)
        self.connection.send({"arguments": arguments, "cwd": str(cwd), "env": dict(env), **how})
        for stream in streams:
            if stream != CLOSED:
                reduction.send_handle(self.connection, stream, self.process.pid)
        return self.connection.recv()

    def ended(self) -> bool:
        return self.connection.poll()

    def end(self) -> tuple[int, int]:
        """Wait for the command that was started last: its exit code, or -9 if killed, and its changes of files."""
        return self.connection.recv()

    def run(
        self, *arguments: str, stdout: int | None = None, stderr: int | None = None, closed: Sequence[int] = (), **how
    ) -> subprocess.CompletedProcess:
        """Run a command to its end. What it writes is kept, unless there is another stream for it.

        Args:
            closed: the numbers of the streams that are closed.
            how: more options of `begin`.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as nothing:
            kept = [nothing.fileno(), out.fileno() if stdout is None else stdout]
            kept.append(err.fileno() if stderr is None else stderr)
            self.begin(arguments, [CLOSED if n in closed else stream for n, stream in enumerate(kept)], **how)
            code, self.changes = self.end()
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    def close(self) -> None:
        self.connection.close()
        self.process.wait()


def open_stream(number: int, mode: str, errors: str) -> io.TextIOWrapper | None:
    """A standard stream as Python opens it."""
    try:
        os.fstat(number)
    except OSError:
        return None
    stream = open(number, mode, closefd=False)  # noqa: SIM115
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    return io.TextIOWrapper(stream, encoding, errors, line_buffering=number == 2 or stream.isatty())


def become(asked: dict, streams: list[int]) -> Moment:
    """Make this process, which is a fork, the one that was asked for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # pytest may run under nohup
    for number in asked["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    if asked["terminal"]:
        os.login_tty(streams[0])
    for number, stream in zip((n for n in range(3) if n not in asked["closed"]), streams, strict=True):
        if not asked["terminal"]:
            os.dup2(stream, number)
        with contextlib.suppress(OSError):  # a terminal is closed by now
            os.close(stream)
    for number in asked["closed"]:
        os.close(number)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv[1:] = asked["arguments"]
    sys.stdin = sys.__stdin__ = open_stream(0, "rb", "strict")
    sys.stdout = sys.__stdout__ = open_stream(1, "wb", "strict")
    sys.stderr = sys.__stderr__ = open_stream(2, "wb", "backslashreplace")
    moment = Moment(asked["moment"])
    sys.addaudithook(moment)
    if asked["seconds"]:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, asked["seconds"])
    return moment


def serve(connection: Connection) -> None:
    """Start commands until nobody asks any more."""
    import nltk  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch._dynamo  # noqa: F401
    from conftest import draw_a_dot

    import seqgan_gp.evaluation.commands
    import seqgan_gp.images.task
    import seqgan_gp.pretrained
    import seqgan_gp.training.experiment
    import seqgan_gp.training.likelihood
    import seqgan_gp.training.text
    import seqgan_gp.training.trainer  # noqa: F401
    from seqgan_gp.cli import main
    from seqgan_gp.training import curves

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for pytest and for commands
    curves.draw = draw_a_dot
    gc.freeze()  # or each fork would copy all objects when it ends
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            return
        streams = [reduction.recv_handle(connection) for _ in range(3 - len(asked["closed"]))]
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            connection.close()
            os.close(read)
            moment = become(asked, streams)
            try:
                if asked["program"]:
                    exec(asked["program"], {"__name__": "__main__"})
                    sys.exit()
                sys.exit(main(list(asked["arguments"])))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                os.write(write, str(moment.seen).encode())
        for number in (write, *streams):
            os.close(number)
        connection.send(pid)
        _, status = os.waitpid(pid, 0)
        seen = int(os.read(read, 100) or b"0")
        os.close(read)
        connection.send((os.waitstatus_to_exitcode(status), seen))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
