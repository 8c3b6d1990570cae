"""Test when a run ends, what it saves, and how it resumes. Time passes only when a test says so."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import ROOT, TINY, rows, train, weights

from seqgan_gp import artefacts, config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.images.config import ImageConfig
from seqgan_gp.training import folder, likelihood, loop, setup, text, trainer


class Clock:
    """What this process has worked and what the clock on the wall shows, in seconds."""

    def __init__(self) -> None:
        self.worked = self.wall = 0.0

    def work(self, seconds: float) -> None:
        self.worked += seconds
        self.wall += seconds

    def wait(self, seconds: float) -> None:
        """Other programs have the cores."""
        self.wall += seconds

    def before(self, monkeypatch, owner: Any, method: str, spend: Any, seconds: float) -> None:
        """Each call of a method takes that long."""
        original = getattr(owner, method)

        def slow(*arguments, **options):
            spend(seconds)
            return original(*arguments, **options)

        monkeypatch.setattr(owner, method, slow)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """A step takes a second."""
    clock = Clock()
    clocks = SimpleNamespace(thread_time=lambda: clock.worked, perf_counter=lambda: clock.wall)
    monkeypatch.setattr(loop, "time", clocks)
    for kind in (trainer.Trainer, likelihood.LikelihoodTrainer):
        clock.before(monkeypatch, kind, "step", clock.work, 1.0)
    return clock


LONG = ["--train.steps=90", "--evaluation.every=1000000", "--train.checkpoint_every=1000000", "--train.keep=9"]


def steps(run) -> list[int]:
    """The steps that have a checkpoint."""
    return [int(path.name.removeprefix("step-")) for path in artefacts.checkpoints(run)]


def column(run, key: str) -> list[Any]:
    return [row[key] for row in rows(run) if key in row]


def test_time_ends_a_run_and_its_learning_rate(tmp_path, clock):
    options = [*LONG, "--train.seconds=5", "--train.decay_from=0", "--train.log_every=1", "--train.critic.lr=0.01"]
    assert train(tmp_path / "run", *options) == 0
    assert steps(tmp_path / "run") == [5]
    assert column(tmp_path / "run", "train/critic_lr") == pytest.approx([0.01, 0.008, 0.006, 0.004, 0.002])


def test_steps_end_a_run_where_they_come_before_its_time(tmp_path, clock):
    options = [*LONG, "--train.seconds=8", "--train.steps=4", "--train.decay_from=0", "--train.log_every=1"]
    assert train(tmp_path / "run", *options, "--train.generator.lr=0.01") == 0
    assert steps(tmp_path / "run") == [4]
    assert column(tmp_path / "run", "train/generator_lr") == pytest.approx([0.01, 0.0075, 0.005, 0.0025])


def test_a_resumed_run_has_the_time_that_was_left(tmp_path, clock):
    assert train(tmp_path / "run", *LONG, "--train.seconds=3") == 0
    assert train(tmp_path / "run", *LONG, "--train.seconds=5", "--resume") == 0
    assert steps(tmp_path / "run") == [3, 5]
    assert column(tmp_path / "run", "train/seconds")[-1] == 5


def test_time_is_shared_out_between_the_game_and_the_reranker(tmp_path, clock):
    options = ["--train.seconds=8", "--reranking.candidates=4", "--reranking.share=0.5", "--train.log_every=1"]
    assert train(tmp_path / "run", *LONG, *options, "--reranking.optimizer.lr=0.01") == 0
    played = [row["step"] for row in rows(tmp_path / "run") if "train/generator_loss" in row]
    learned = [row["step"] for row in rows(tmp_path / "run") if "train/discriminator_loss" in row]
    assert (played, learned) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert column(tmp_path / "run", "train/discriminator_lr") == pytest.approx([0.01, 0.0075, 0.005, 0.0025])


def test_time_that_other_programs_take_is_not_time_to_train(tmp_path, clock, monkeypatch):
    clock.before(monkeypatch, trainer.Trainer, "step", clock.wait, 100.0)
    assert train(tmp_path / "run", *LONG, "--train.seconds=4", "--train.log_every=1") == 0
    assert column(tmp_path / "run", "train/seconds") == [1, 2, 3, 4]


@pytest.mark.parametrize("method", ["adversarial", "likelihood"])
def test_scoring_and_saving_are_neither_time_to_train_nor_slow_steps(tmp_path, clock, monkeypatch, method):
    clock.before(monkeypatch, text.Evaluator, "__call__", clock.work, 100.0)
    clock.before(monkeypatch, artefacts, "save", clock.work, 50.0)
    clock.before(monkeypatch, likelihood.LikelihoodTrainer, "validation_loss", clock.work, 20.0)
    options = [f"--method={method}", "--evaluation.every=2", "--train.checkpoint_every=3", "--train.log_every=2"]
    validated = ["--likelihood.validate_every=3", "--likelihood.validation=40", "--train.seconds=7"]
    assert train(tmp_path / "run", "--train.steps=100", *options, *validated) == 0
    assert column(tmp_path / "run", "train/seconds") == [2, 3, 4, 6, 7]
    assert column(tmp_path / "run", "train/steps_per_second") == [1] * 5


def test_what_is_due_is_done_at_its_step_and_all_of_it_at_the_end(tmp_path):
    options = ["--train.steps=7", "--train.log_every=4", "--evaluation.every=3", "--train.checkpoint_every=2"]
    assert train(tmp_path / "run", *options, "--train.keep=9") == 0
    logged = rows(tmp_path / "run")
    assert [row["step"] for row in logged if "eval/jsd_4" in row] == [3, 6, 7]
    assert [row["step"] for row in logged if "train/penalty" in row] == [2, 3, 4, 6, 7]
    assert steps(tmp_path / "run") == [2, 4, 6, 7]
    assert sorted(p.name for p in (tmp_path / "run" / "samples").iterdir()) == [
        f"step-000000{step}.txt" for step in (3, 6, 7)
    ]
    assert [row["step"] for row in logged if any(key.startswith("real/") for key in row)] == [0]


def test_a_line_of_the_log_is_the_mean_of_the_steps_since_the_last(tmp_path):
    rare = ["--evaluation.every=100", "--train.checkpoint_every=100", "--train.decay_from=1"]
    assert train(tmp_path / "each", *rare, "--train.log_every=1") == 0
    assert train(tmp_path / "some", *rare, "--train.log_every=4") == 0
    for key in ("train/wasserstein", "train/penalty", "train/generator_loss"):
        each = column(tmp_path / "each", key)
        means = [sum(each[:4]) / 4, sum(each[4:]) / 2]
        assert column(tmp_path / "some", key) == pytest.approx(means, rel=1e-5)


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
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # pytest may run under nohup
for times in (1, 2):
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        asked.update(number=number, times=times)
        name = f"{number.name}-{times}"
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = main(["train", *options, f"--output={out}/{name}"])
        Path(out, f"{name}.json").write_text(json.dumps([code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Runs that get a signal at their fourth step, and those named -2 another one while they save."""
    out = tmp_path_factory.mktemp("interrupted")
    command = [sys.executable, "-c", INTERRUPTED, str(out), *TINY]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=500)
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


def test_a_signal_that_the_user_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        with setup.StopRequest().listening() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_handled_as_before_once_a_run_has_ended(run, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert train(tmp_path / "run", "--train.steps=1") == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with setup.StopRequest().listening() as stop:
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
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:randomly", "-c", "/dev/null", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
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


# What a resumed run may ask for anew; everything else describes weights, data or moments that are there already.
FREE = (
    *("imports", "clipping", "trackers", "penalty", "evaluation"),
    *(f"train.{key}" for key in ("steps", "seconds", "decay_from", "average", "log_every", "checkpoint_every")),
    *("train.keep", "train.threads", "train.critic.lr", "train.generator.lr", "likelihood.optimizer.lr"),
    *(f"likelihood.{key}" for key in ("clip", "validate_every", "patience", "decay", "decays")),
)


SOURCES = ("corpus.train", "corpus.test", "images.train", "images.test")  # compared by the data themselves


def another(value: Any) -> Any:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return {None: 7}.get(value, f"{value}x") if value is None or isinstance(value, str) else type(value)()


@pytest.mark.parametrize("kind", [TextConfig, ImageConfig])
def test_only_what_leaves_weights_and_data_alone_may_change_on_resume(tmp_path, monkeypatch, kind):
    saved = kind()
    saved.trackers, saved.train.critic.options = ["tensorboard"], {"eps": 1e-3}
    saved.train.generator.options = {"eps": 1e-3}
    if kind is TextConfig:
        saved.likelihood.optimizer.options = saved.reranking.optimizer.options = {"eps": 1e-3}
    config.save(saved, tmp_path / artefacts.CONFIG)
    (tmp_path / folder.METRICS).touch()
    folder.check_free(tmp_path, saved, resume=True, overwrite=False)
    monkeypatch.setattr(folder.configs, "load", lambda path: saved)  # reading it a hundred times takes long
    refused = set()
    for key, value in config.flat(saved).items():
        asked = dataclasses.replace(saved)
        *sections, name = key.split(".")
        part = asked
        for section in sections:
            setattr(part, section, dataclasses.replace(getattr(part, section)))
            part = getattr(part, section)
        setattr(part, name, another(value))
        try:
            folder.check_free(tmp_path, asked, resume=True, overwrite=False)
        except UserError as error:
            assert f"{key}=" in str(error) and "\n" not in str(error)
            refused.add(key)
    free = {key for key in config.flat(saved) if any(key == k or key.startswith(f"{k}.") for k in FREE + SOURCES)}
    assert refused == config.flat(saved).keys() - free
