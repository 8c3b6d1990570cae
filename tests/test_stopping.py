"""Test when a run ends and what is due before, on a clock that only a test moves."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import LONG, rows, steps, train

from seqgan_gp import artefacts
from seqgan_gp.training import curves, likelihood, loop, monitor, text_evaluator, trainer


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


def test_a_resumed_run_has_the_time_that_was_left(tmp_path, clock, capsys):
    assert train(tmp_path / "run", *LONG, "--train.seconds=3") == 0
    assert train(tmp_path / "run", *LONG, "--train.seconds=5", "--resume") == 0
    assert steps(tmp_path / "run") == [3, 5]
    assert column(tmp_path / "run", "train/seconds")[-1] == 5
    assert train(tmp_path / "run", *LONG, "--train.seconds=5", "--resume") == 0  # a whole run stays one
    assert train(tmp_path / "run", *LONG, "--train.seconds=4", "--resume") == 2
    assert "has trained for 5 s already, train.seconds is 4: resume with more seconds" in capsys.readouterr().err


def test_time_is_shared_out_among_the_generator_the_reviser_and_the_reranker(tmp_path, clock):
    options = ["--train.seconds=8", "--reranking.candidates=4", "--reranking.share=0.25", "--train.log_every=1"]
    options += ["--revision.passes=1", "--revision.share=0.5", "--revision.optimizer.lr=0.01"]
    assert train(tmp_path / "run", *LONG, *options) == 0
    names = ("generator", "reviser", "discriminator")
    found = [[row["step"] for row in rows(tmp_path / "run") if f"train/{name}_lr" in row] for name in names]
    assert found == [[1, 2], [3, 4, 5, 6], [7, 8]]
    assert column(tmp_path / "run", "train/reviser_lr") == pytest.approx([0.01, 0.0075, 0.005, 0.0025])


def test_time_is_shared_out_between_the_game_and_the_reranker(tmp_path, clock):
    options = ["--train.seconds=8", "--reranking.candidates=4", "--reranking.share=0.5", "--train.log_every=1"]
    assert train(tmp_path / "run", *LONG, *options, "--reranking.optimizer.lr=0.01") == 0
    played = [row["step"] for row in rows(tmp_path / "run") if "train/generator_loss" in row]
    learned = [row["step"] for row in rows(tmp_path / "run") if "train/discriminator_loss" in row]
    assert (played, learned) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert column(tmp_path / "run", "train/discriminator_lr") == pytest.approx([0.01, 0.0075, 0.005, 0.0025])


def test_time_that_other_programs_take_is_not_time_to_train_and_both_are_shown(tmp_path, clock, monkeypatch, capsys):
    clock.before(monkeypatch, trainer.Trainer, "step", clock.wait, 100.0)
    assert train(tmp_path / "run", *LONG, "--train.seconds=4", "--train.log_every=1") == 0
    assert column(tmp_path / "run", "train/seconds") == [1, 2, 3, 4]
    said = capsys.readouterr()
    assert "trained 4 of 4 s, 4 steps in " in said.err and "4 s of training took 404 s of wall-clock" in said.out


@pytest.mark.parametrize("method", ["adversarial", "likelihood"])
def test_scoring_and_saving_are_neither_time_to_train_nor_slow_steps(tmp_path, clock, monkeypatch, method):
    clock.before(monkeypatch, text_evaluator.Evaluator, "__call__", clock.work, 100.0)
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


@pytest.mark.parametrize(
    "stop, drawn", [(None, [1, 2, 4, 6, 8, 9]), (3, [1, 2, 3]), (4, [1, 2, 4])], ids=["end", "behind", "up to date"]
)
def test_pictures_take_a_two_hundredth_of_the_time_and_the_last_one_is_drawn(tmp_path, clock, monkeypatch, stop, drawn):
    """A picture takes a second, and a step a hundred."""
    found = []

    def draw(rows, panels, path, real):
        clock.work(1.0)
        found.append(rows[-1]["step"])
        path.write_bytes(b"a picture")

    def stopped(one, original=trainer.Trainer.step):
        clock.wait(99.0)
        if one.progress.step + 1 == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(one)

    monkeypatch.setattr(monitor, "time", loop.time)
    monkeypatch.setattr(curves, "draw", draw)
    monkeypatch.setattr(trainer.Trainer, "step", stopped)
    code = train(tmp_path / "run", "--train.steps=9", "--evaluation.every=1", "--train.log_every=1")
    assert code == (130 if stop else 0) and found == drawn
