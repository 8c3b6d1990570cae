"""Test the folder of a run: what may be replaced, and what a failed start leaves."""

import os
from pathlib import Path

import pytest
import torch
from conftest import train, weights

from seqgan_gp import artefacts
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.training import folder


def test_an_existing_run_is_kept_unless_asked(run, tmp_path, capsys):
    before = sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*"))
    for options, complaint in [
        ([], "--resume"),
        (["--resume", "--generator.width=16"], "generator.width=12, not 16"),
        (["--resume", "--seed=5"], "seed=3, not 5"),
        (["--resume", "--objective=hinge"], "objective=wasserstein, not hinge"),
        (["--resume", "--train.critic.options={weight_decay: 0.5}"], "train.critic.options"),
        (["--resume", "--train.steps=3"], "at step 6 already"),
        (["--over"], "--over"),
    ]:
        assert train(run, *options) == 2
        assert complaint in capsys.readouterr().err
    assert sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*")) == before

    assert train(tmp_path / "none", "--resume") == 2
    assert "no run to resume" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert train(tmp_path / "mine", "--overwrite") == 2
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_overwrite_replaces_a_run(tmp_path):
    assert train(tmp_path / "run") == 0
    assert train(tmp_path / "run", "--overwrite", "--train.steps=2") == 0
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000002"]


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--corpus.train=missing.txt"], "missing.txt"),
        (["--corpus.train=grammar:txet"], "txet"),
        (["--tokenizer.file=missing.json"], "missing.json"),
        (["--tokenizer.kind=bpe", "--tokenizer.vocabulary=10"], "--tokenizer.vocabulary"),
        (["--tokenizer.length=0"], "tokenizer.length"),
        (["--trackers=[tensorbord]"], "did you mean tensorboard"),
        (["--trackers=[comet_ml]"], "comet_ml is not installed"),
        (["--over"], "--over"),
        (["--train.critic.name=Adamm"], "train.critic.name"),
        (["--train.generator.name=SGD", "--train.generator.options={betas: [0, 0.9]}"], "train.generator.options: SGD"),
        (["--train.critic.name=LBFGS"], "train.critic: LBFGS"),
        (["--train.critic.name=SparseAdam"], "train.critic: SparseAdam"),
        (["--corpus.train="], "empty"),
        (["--train.critic.options={betas: [0, 7]}"], "train.critic: Adam"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, capsys, options, complaint):
    assert train(tmp_path / "run", *options) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_failed_start_is_not_left_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.configs, "save", full)
    with pytest.raises(UserError, match="cannot be made \\(No space left"):
        folder.create(tmp_path / "run", TextConfig(), lambda part: None)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_that_one_stands_in_is_no_run_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train(Path(".")) == 2
    assert "give another --output DIR" in capsys.readouterr().err
    assert os.path.samefile(".", tmp_path) and list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_be_replaced_stays(tmp_path, monkeypatch, capsys):
    assert train(tmp_path / "run", "--train.steps=2") == 0
    before = weights(tmp_path / "run")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.configs, "save", full)
    assert train(tmp_path / "run", "--overwrite") == 2
    assert "No space left" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert all(torch.equal(v, weights(tmp_path / "run")[k]) for k, v in before.items())
