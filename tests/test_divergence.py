"""Test that a run which diverges stops and keeps its last good checkpoint."""

import pytest
import torch
from conftest import train, weights

from seqgan_gp import artefacts
from seqgan_gp.training import trainer
from seqgan_gp.training.window import Window


def test_a_diverging_run_stops_and_keeps_its_last_good_checkpoint(tmp_path, capsys):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    good = weights(tmp_path / "run")
    options = ["--train.critic.lr=1e30", "--train.generator.lr=1e30"]
    assert train(tmp_path / "run", "--resume", "--train.steps=60", *options) == 2
    assert "diverged" in capsys.readouterr().err
    assert all(torch.equal(v, weights(tmp_path / "run")[k]) for k, v in good.items())
    assert all(v.isfinite().all() for v in good.values())


@pytest.mark.parametrize("key", ["critic_loss", "generator_loss"])
def test_a_loss_that_is_not_finite_stops_the_run_at_that_step(tmp_path, capsys, monkeypatch, key):
    step = trainer.Trainer.step

    def spoilt(self):
        parts = step(self)
        return parts | ({key: torch.tensor(float("inf"))} if self.progress.step == 5 else {})

    monkeypatch.setattr(trainer.Trainer, "step", spoilt)
    assert train(tmp_path / "run", "--train.log_every=100", "--evaluation.every=100") == 2
    assert f"{key} is inf at step 5; the last good checkpoint is" in capsys.readouterr().err
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000003"]


def test_weights_spoilt_by_the_last_update_are_not_saved(tmp_path, capsys, monkeypatch):
    step = trainer.Trainer.step

    def spoilt(self):
        parts = step(self)
        if self.progress.step == 6:
            with torch.no_grad():
                self.critic.output.weight[0, 0] = float("nan")
        return parts

    monkeypatch.setattr(trainer.Trainer, "step", spoilt)
    assert train(tmp_path / "run") == 2
    assert "critic.output.weight is nan at step 6" in capsys.readouterr().err
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000003"]


def test_a_device_is_asked_once_a_window_and_the_step_and_term_are_exact():
    from accelerate import Accelerator

    window = Window(Accelerator(cpu=True))
    window.free_to_read = False  # as on an accelerator
    for i in range(1, 5):
        parts = {"penalty": torch.tensor(float("nan"))} if i == 3 else {}
        assert window.append(i, parts | {"critic_loss": torch.tensor(float(i) if i < 3 else float("nan"))}) is None
    _, diverged = window.read()
    assert diverged[:2] == (3, "penalty")
    window.clear()
    window.append(1, {"critic_loss": torch.tensor(1.0), "penalty": torch.tensor(5.0)})
    window.append(2, {"critic_loss": torch.tensor(2.0)})
    assert window.read() == ({"critic_loss": 1.5, "penalty": 5.0}, None)  # a lazy penalty is of its own steps
