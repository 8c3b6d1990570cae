"""Commands of a process that has imported everything, and forks for each: a start takes no time.

A command may be killed just before its n-th change of a file. `Starts` talks to the process, which this file is, too.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


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

    def __init__(self, log: Path):
        self.log = log
        environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
        command = [sys.executable, str(ROOT / "tests" / "starts.py")]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment)

    def __call__(self, *arguments: str, moment: int | None = None, seconds: float | None = None) -> tuple[int, int]:
        """The exit code of a command, -9 for a killed one, and how often it changed a file.

        Args:
            moment: kill it before this change of a file.
            seconds: kill it after this time.
        """
        asked = {"arguments": arguments, "moment": moment, "seconds": seconds, "log": str(self.log)}
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        return tuple(json.loads(self.process.stdout.readline()))

    def said(self) -> str:
        """What the last command wrote."""
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def child(asked: dict, count: int) -> None:
    """Run the command in this process, which is a fork, and end it."""
    from seqgan_gp.cli import main

    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    moment = Moment(asked["moment"])
    sys.addaudithook(moment)
    if asked["seconds"]:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, asked["seconds"])
    code = 1
    try:
        code = main(asked["arguments"])
    finally:
        os.write(count, str(moment.seen).encode())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    import matplotlib.figure  # noqa: F401

    import seqgan_gp.images.task
    import seqgan_gp.training.experiment
    import seqgan_gp.training.likelihood
    import seqgan_gp.training.text
    import seqgan_gp.training.trainer  # noqa: F401

    for line in sys.stdin:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            child(json.loads(line), write)
        os.close(write)
        _, status = os.waitpid(pid, 0)
        seen = int(os.read(read, 100) or b"0")
        os.close(read)
        print(json.dumps([os.waitstatus_to_exitcode(status), seen]), flush=True)


if __name__ == "__main__":
    serve()
