"""Terminals that lack a character or have gone, and runs that meet in one folder."""

import errno
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, TINY, rows, train
from filelock import FileLock

from seqgan_gp import artefacts
from seqgan_gp.cli import main
from seqgan_gp.training import loop

CHINESE = [f"我喜欢{a}和{b}" for a in "猫狗鸟鱼马牛羊" for b in "山水花树云雨"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "seqgan_gp", *arguments]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """A run on Chinese lines, whose terminal knows ASCII only, and what it said."""
    folder = tmp_path_factory.mktemp("chinese")
    (folder / "c.txt").write_text("\n".join(CHINESE), encoding="utf-8")
    options = [*TINY, "--tokenizer.kind=character", f"--corpus.train={folder / 'c.txt'}", "--corpus.holdout=9"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    trained = command("train", *options, f"--output={folder / 'run'}")
    return folder, subprocess.run(trained, capture_output=True, cwd=ROOT, env=environment)


def test_characters_that_the_terminal_lacks_stop_no_run(chinese):
    folder, done = chinese
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert [path.name for path in artefacts.checkpoints(folder / "run")] == ["step-0000003", "step-0000006"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_samples_in_a_pipe_are_utf_8_whatever_the_terminal_knows(chinese, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    sampled = command("sample", str(chinese[0] / "run"), "--num=20")
    done = subprocess.run(sampled, capture_output=True, cwd=ROOT, env=environment)
    assert done.returncode == 0 and set(done.stdout.decode("utf-8")) & set("".join(CHINESE))


def test_a_table_with_intervals_is_shown_on_any_terminal(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("".join(f"one {name} {i}\n" for i in range(20)))
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    files = (str(tmp_path / "a.txt"), f"--reference={tmp_path / 'b.txt'}")
    scored = command("evaluate", *files, "--bootstrap=2", "--metrics", "ngrams")
    done = subprocess.run(scored, capture_output=True, cwd=ROOT, env=environment)
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


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full", "2>&-", ">&- 2>&-"])
def test_streams_that_the_caller_has_closed_or_filled_end_no_run(tmp_path, redirected):
    line = " ".join([*command("train", *TINY, f"--output={tmp_path / 'run'}"), redirected])
    done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=ROOT)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert rows(tmp_path / "run")[-1]["step"] == 6


def test_a_run_whose_reader_has_seen_enough_trains_to_its_end(tmp_path):
    line = " ".join([*command("train", *TINY, f"--output={tmp_path / 'run'}"), "2>&1", "|", "head", "-c", "1"])
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, cwd=ROOT)
    assert done.returncode == 0 and rows(tmp_path / "run")[-1]["step"] == 6


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


def test_a_run_that_was_killed_blocks_nobody(tmp_path):
    options = [*TINY, "--train.steps=100000", "--train.checkpoint_every=2", f"--output={tmp_path / 'run'}"]
    process = subprocess.Popen(command("train", *options), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        while not artefacts.checkpoints(tmp_path / "run"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        assert main(["train", *options]) == 2  # while it runs
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    step = int(artefacts.checkpoints(tmp_path / "run")[-1].name.removeprefix("step-"))
    assert train(tmp_path / "run", "--resume", f"--train.steps={step + 1}", "--train.checkpoint_every=2") == 0
