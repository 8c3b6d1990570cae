"""Terminals that lack a character or have gone, and runs that meet in one folder."""

import errno
import io
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, TINY, rows, train
from filelock import FileLock
from starts import CLOSED

from seqgan_gp import artefacts
from seqgan_gp.cli import main
from seqgan_gp.training import loop

CHINESE = [f"我喜欢{a}和{b}" for a in "猫狗鸟鱼马牛羊" for b in "山水花树云雨"]


def knowing(encoding: str) -> dict[str, str]:
    """The environment of a terminal."""
    return os.environ | {"PYTHONIOENCODING": encoding}


@pytest.fixture(scope="module")
def chinese(tmp_path_factory, starts):
    """A run on Chinese lines, whose terminal knows ASCII only, and what it said."""
    folder = tmp_path_factory.mktemp("chinese")
    (folder / "c.txt").write_text("\n".join(CHINESE), encoding="utf-8")
    options = [*TINY, "--tokenizer.kind=character", f"--corpus.train={folder / 'c.txt'}", "--corpus.holdout=9"]
    return folder, starts.run("train", *options, f"--output={folder / 'run'}", env=knowing("ascii"))


def test_characters_that_the_terminal_lacks_stop_no_run(chinese):
    folder, done = chinese
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert [path.name for path in artefacts.checkpoints(folder / "run")] == ["step-0000003", "step-0000006"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_samples_in_a_pipe_are_utf_8_whatever_the_terminal_knows(chinese, starts, encoding):
    done = starts.run("sample", str(chinese[0] / "run"), "--num=20", env=knowing(encoding))
    assert done.returncode == 0 and set(done.stdout.decode("utf-8")) & set("".join(CHINESE))


def test_a_table_with_intervals_is_shown_on_any_terminal(tmp_path, starts):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("".join(f"one {name} {i}\n" for i in range(20)))
    files = (str(tmp_path / "a.txt"), f"--reference={tmp_path / 'b.txt'}")
    done = starts.run("evaluate", *files, "--bootstrap=2", "--metrics", "ngrams", env=knowing("ascii"))
    assert done.returncode == 0 and "±" in done.stdout.decode("utf-8")


class Closed(io.StringIO):
    """A terminal that has gone: every write fails."""

    def __init__(self, number: int):
        super().__init__()
        self.number, self.asked = number, 0

    def write(self, text: str) -> int:
        self.asked += 1
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.EBADF, errno.ENOSPC])
def test_a_run_goes_on_where_its_terminal_has_gone(tmp_path, monkeypatch, number):
    closed = Closed(number)
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", closed)
    assert train(tmp_path / "run", "--train.steps=4") == 0
    assert closed.asked > 0 and rows(tmp_path / "run")[-1]["step"] == 4


def shell(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell, in which Python keeps what it writes until it has a block of it, as by default."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, cwd=ROOT, env=environment, timeout=300
    )


@pytest.fixture
def full():
    """A disk without room."""
    with open("/dev/full", "wb") as file:
        yield file.fileno()


@pytest.mark.parametrize(
    "closed, filled",
    [([1], []), ([], ["stdout"]), ([2], []), ([0, 1, 2], []), ([], ["stderr"]), ([], ["stdout", "stderr"])],
    ids=str,
)
def test_streams_that_the_caller_has_closed_or_filled_end_no_run(tmp_path, starts, full, closed, filled):
    done = starts.run("train", *TINY, f"--output={tmp_path / 'run'}", closed=closed, **dict.fromkeys(filled, full))
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert rows(tmp_path / "run")[-1]["step"] == 6


def test_a_run_whose_reader_has_seen_enough_trains_to_its_end(tmp_path, starts):
    read, write = os.pipe()
    starts.begin(["train", *TINY, f"--output={tmp_path / 'run'}"], (CLOSED, write, write))
    os.close(write)
    assert os.read(read, 1)
    os.close(read)
    assert starts.end()[0] == 0 and rows(tmp_path / "run")[-1]["step"] == 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no terminals of this kind")
@pytest.mark.parametrize("ignored", [False, True], ids=["", "nohup"])
def test_a_terminal_that_closes_stops_a_run_with_a_checkpoint_or_under_nohup_not_at_all(tmp_path, starts, ignored):
    run, long = tmp_path / "run", ["--train.steps=150", "--train.checkpoint_every=200", "--train.log_every=1"]
    terminal, its_end = os.openpty()
    options = ["train", *TINY, *long, "--evaluation.every=200", f"--output={run}"]
    starts.begin(options, [its_end] * 3, terminal=True, ignored=[signal.SIGHUP] if ignored else [])
    os.close(its_end)
    while b"from step 0" not in os.read(terminal, 10_000):
        pass
    while not ((run / "metrics.jsonl").exists() and len(rows(run)) > 3):
        time.sleep(0.02)
    os.close(terminal)
    code, _ = starts.end()
    last = max(row["step"] for row in rows(run))
    assert int(artefacts.checkpoints(run)[-1].name.removeprefix("step-")) == last or not ignored
    assert (code, last == 150) == ((0, True) if ignored else (130, False))
    assert artefacts.checkpoints(run)


def test_what_a_library_prints_gets_into_no_file(tmp_path):
    """Libraries in C write to the numbers 1 and 2, which the next files that Python opens would have."""
    program = (
        "import os; from seqgan_gp import cli\n"
        "@cli.command\n"
        "def work():\n"
        f"    with open({str(tmp_path / 'weights')!r}, 'w') as file:\n"
        "        os.write(1, b'warning'); os.write(2, b'warning'); file.write('1.0')\n"
        "    return 0\n"
        "raise SystemExit(work())"
    )
    assert shell(f"{sys.executable} -c {shlex.quote(program)} <&- >&- 2>&-").returncode == 0
    assert (tmp_path / "weights").read_text() == "1.0"


@pytest.mark.parametrize("arguments", [["sample", "RUN", "--num=40"], ["--version"]], ids=lambda a: a[0])
def test_results_that_cannot_be_written_are_one_line(run, starts, full, arguments):
    command = [str(run) if a == "RUN" else a for a in arguments]
    done = starts.run(*command, stdout=full)
    assert done.returncode == 2 and done.stderr == b"error: standard output: No space left on device\n"
    assert starts.run(*command, stdout=full, stderr=full).returncode == 2
    read, write = os.pipe()
    os.close(read)  # a reader that has enough
    done = starts.run(*command, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_mistake_is_told_where_a_pipe_has_broken_too():
    program = (
        "from seqgan_gp import cli, errors\n"
        "@cli.command\n"
        "def work():\n"
        "    print('result')\n"
        "    raise errors.UserError('the mistake')\n"
        "raise SystemExit(work())"
    )
    done = shell(f"(sleep 1; {sys.executable} -c {shlex.quote(program)}) | true")
    assert (done.returncode, done.stderr) == (2, b"error: the mistake\n")


def test_a_checkpoint_is_saved_before_samples_are_shown(tmp_path, monkeypatch):
    def fail(bar, text):
        raise RuntimeError("cannot show this")

    monkeypatch.setattr(loop.tqdm, "write", fail)
    with pytest.raises(RuntimeError, match="cannot show"):
        train(tmp_path / "run")
    assert [path.name for path in artefacts.checkpoints(tmp_path / "run")] == ["step-0000003"]


def test_two_runs_cannot_write_to_one_folder(tmp_path, capsys):
    with FileLock(tmp_path / ".run.lock"):  # as a run that is under way holds it
        for options in ([], ["--resume"], ["--overwrite"]):
            assert train(tmp_path / "run", *options) == 2
            assert "another run is writing to it: wait for its end" in capsys.readouterr().err
    assert train(tmp_path / "run") == 0
    assert train(tmp_path / "run", "--overwrite", "--train.steps=1") == 0


def test_a_run_that_was_killed_blocks_nobody(tmp_path, starts):
    options = [*TINY, "--train.steps=100000", "--train.checkpoint_every=2", f"--output={tmp_path / 'run'}"]
    process = starts.begin(["train", *options], (CLOSED,) * 3)
    try:
        while not artefacts.checkpoints(tmp_path / "run"):
            assert not starts.ended()
            time.sleep(0.1)
        assert main(["train", *options]) == 2  # while it runs
    finally:
        os.kill(process, signal.SIGKILL)
        starts.end()
    step = int(artefacts.checkpoints(tmp_path / "run")[-1].name.removeprefix("step-"))
    assert train(tmp_path / "run", "--resume", f"--train.steps={step + 1}", "--train.checkpoint_every=2") == 0
