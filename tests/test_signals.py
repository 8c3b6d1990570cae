"""Test what signals do to a run: it saves a checkpoint, says how to go on, and resumes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import LONG, ROOT, TINY, steps, train, weights
from untrained import choosing

from seqgan_gp.cli import main
from seqgan_gp.pretrained import Generator
from seqgan_gp.training import folder, stopping

INTERRUPTED = """
import contextlib, io, json, signal, sys
from pathlib import Path
from seqgan_gp import artefacts
from seqgan_gp.cli import main
from seqgan_gp.training import trainer

step, save, asked = trainer.Trainer.step, artefacts.save, {}

def interrupted(self):
    parts = step(self)
    if self.progress.step == 4:
        signal.raise_signal(asked["number"])
    return parts

def impatient(folder, *arguments):
    if asked["times"] == 2 and "0000004" in folder.name:
        signal.raise_signal(asked["number"])
    save(folder, *arguments)

trainer.Trainer.step, artefacts.save = interrupted, impatient
out, *options = sys.argv[1:]
for times in (1, 2):
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        asked.update(number=number, times=times)
        name = f"{number.name}-{times}"
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = main(["train", *options, f"--output={out}/{name}"])
        Path(out, f"{name}.json").write_text(json.dumps([code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, starts):
    """Runs that get a signal at their fourth step, and those named -2 another one while they save."""
    out = tmp_path_factory.mktemp("interrupted")
    done = starts.run(str(out), *TINY, program=INTERRUPTED)
    (out / "code.json").write_text(json.dumps(done.returncode))
    return out


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1], ids=lambda number: number.name
)
def test_ctrl_c_saves_a_checkpoint_and_says_how_to_go_on(interrupted, run, tmp_path, number):
    code, said = json.loads((interrupted / f"{number.name}-1.json").read_text())
    assert code == 130
    expected = "stopped after step 4, checkpoint saved; continue with the same command and --resume"
    assert said.splitlines()[-1] == expected and "Traceback" not in said
    assert steps(interrupted / f"{number.name}-1") == [3, 4]
    shutil.copytree(interrupted / f"{number.name}-1", tmp_path / "run")
    assert train(tmp_path / "run", "--resume") == 0
    whole, parts = weights(run), weights(tmp_path / "run")
    assert all(torch.equal(v, parts[k]) for k, v in whole.items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_signal_ends_a_run_at_once_and_harms_no_checkpoint(interrupted, tmp_path, number):
    if number == signal.SIGINT:
        code, said = json.loads((interrupted / "SIGINT-2.json").read_text())
        assert code == 130 and "Traceback" not in said
    else:  # it ends the process
        assert json.loads((interrupted / "code.json").read_text()) == -signal.SIGTERM
        assert not (interrupted / "SIGTERM-2.json").exists()
    assert steps(interrupted / f"{number.name}-2") == [3]
    shutil.copytree(interrupted / f"{number.name}-2", tmp_path / "run")
    assert train(tmp_path / "run", "--resume") == 0
    assert steps(tmp_path / "run") == [3, 6]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_terminal_that_closes_twice_and_an_impatient_scheduler_do_not_break_off_the_saving(interrupted, number):
    code, said = json.loads((interrupted / f"{number.name}-2.json").read_text())
    assert code == 130 and "checkpoint saved" in said and steps(interrupted / f"{number.name}-2") == [3, 4]


def test_a_background_job_that_a_shell_lets_ignore_ctrl_c_still_takes_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as `command &` in a script does
    try:
        with stopping.StopRequest().listening() as stop:
            signal.getsignal(signal.SIGINT)(signal.SIGINT, None)  # raised, it would end pytest, too
            assert stop.requested
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_the_user_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        with stopping.StopRequest().listening() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_handled_as_before_once_a_run_has_ended(run, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert train(tmp_path / "run", "--train.steps=1") == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with stopping.StopRequest().listening() as stop:
        assert not stop.requested
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before


@pytest.mark.slow
def test_ctrl_c_ends_pytest_where_a_run_in_its_process_takes_it(tmp_path):
    program = tmp_path / "test_interrupted.py"
    program.write_text(
        "import signal\nfrom conftest import train\nfrom seqgan_gp.training import trainer\n\n"
        "def test_one(tmp_path, monkeypatch):\n"
        "    step = trainer.Trainer.step\n"
        "    monkeypatch.setattr(trainer.Trainer, 'step', lambda self: (signal.raise_signal(2), step(self))[1])\n"
        "    assert train(tmp_path / 'run') == 130\n\n"
        "def test_two():\n    print('went on')\n"
    )
    own = (ROOT / "tests" / "conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(own.replace("Path(__file__).parent.parent", f"Path({str(ROOT)!r})"))
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:randomly", "-c", "/dev/null", str(program)]
    helpers = os.environ | {"PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, env=helpers)
    assert done.returncode == 2 and "KeyboardInterrupt" in done.stdout and "went on" not in done.stdout


@pytest.mark.slow
def test_a_signal_from_outside_is_a_wish_to_stop(tmp_path):
    command = [sys.executable, str(ROOT / "run.py"), *TINY, *LONG, f"--output={tmp_path / 'run'}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    metrics = tmp_path / "run" / folder.METRICS
    while not (metrics.exists() and "train/penalty" in metrics.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 130 and "--resume" in error and "Traceback" not in error
    assert len(steps(tmp_path / "run")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_a_signal_ends_leaves_no_unfinished_file(tmp_path, monkeypatch, number):
    def interrupted(self, *args, **kwargs):
        yield "one"
        os.kill(os.getpid(), number)
        yield "two"

    choosing(tmp_path / "run")
    out = tmp_path / "out" / "samples.txt"
    out.parent.mkdir()
    out.write_text("mine\n")
    monkeypatch.setattr(Generator, "sample", interrupted)
    before = signal.signal(number, signal.SIG_DFL)  # as in a terminal; nohup ignores SIGHUP
    try:
        with pytest.raises(SystemExit) as end:
            main(["sample", str(tmp_path / "run"), "--num", "2", "--out", str(out)])
        assert end.value.code == 128 + number and signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert [path.name for path in out.parent.iterdir()] == ["samples.txt"] and out.read_text() == "mine\n"
