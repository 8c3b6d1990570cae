"""The studies: what they write, what they skip, and what they say of runs that fail."""

import argparse
import json

import numpy as np
import pytest
from conftest import TINY, train

from seqgan_gp import Generator
from seqgan_gp.errors import UserError
from studies import augmentation, runner, samples, systems, toys
from studies.__main__ import main


def test_every_system_is_a_valid_experiment():
    assert len(systems.SYSTEMS) >= 12
    for changes in systems.SYSTEMS.values():
        toys.settings(changes)


@pytest.mark.parametrize(
    "name, word", [("toys", "wgan-gp"), ("objectives", "wgan-gp"), ("trials", "score_on: development")]
)
def test_help_teaches(name, word, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert word in text and len(text.splitlines()) > 20


def test_an_unknown_system_is_named(tmp_path, capsys):
    assert main(["toys", "--systems", "wgan", f"--out={tmp_path}"]) == 2
    assert "there is no wgan; there are wgan-gp" in capsys.readouterr().err


def test_toys_of_every_system_end_in_a_table_and_two_figures(tmp_path):
    assert main(["toys", "--steps=3", "--width=16", f"--out={tmp_path}"]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"study.json", "study.md", "8-gaussians.png", "25-gaussians.png"}
    scores = json.loads((tmp_path / "study.json").read_text())["scores"]["25-gaussians"]
    assert scores.keys() == {"real", *systems.SYSTEMS}
    assert all(scores[name]["distance"] > scores["real"]["distance"] for name in systems.SYSTEMS)


def test_a_toy_that_diverges_ends_and_is_called_so():
    game = toys.play(toys.settings(["--train.critic.lr=1e30"]), toys.MIXTURES["8-gaussians"].draw, steps=50, width=8)
    assert game.diverged


@pytest.mark.slow
def test_objectives_at_equal_time_go_on_where_they_stopped(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(systems.SYSTEMS, "broken", ("--train.critic.lr=1e30",))
    options = [o.removeprefix("--") for o in TINY if not o.startswith("--train.steps")]
    command = ["objectives", "--systems", "r3gan", "broken", "--seeds=1", "--seconds=0.5", "--jobs=1", "--samples=20"]
    command += [f"--out={tmp_path}", "--options", *options]
    assert main(command) == 0
    table = (tmp_path / "study.md").read_text()
    assert "| r3gan |" in table and "| 0 of 1 |" in table
    assert "| broken |" in table and "| 1 of 1 |" in table
    runs = json.loads((tmp_path / "study.json").read_text())["runs"]
    assert runs["r3gan"][0]["curves"]["wasserstein"][-1][0] >= 0.5
    assert "diverged" in runs["broken"][0]["diverged"]
    assert (tmp_path / "study.png").stat().st_size > 10_000

    def never(*_, **__):
        raise AssertionError("a finished run was started again")

    monkeypatch.setattr(runner.Commands, "__call__", never)
    assert main(command) == 0  # all is there

    monkeypatch.setattr(runner.Commands, "__call__", lambda self, arguments, log: 1)
    (tmp_path / "results" / "r3gan-seed0.json").unlink()
    assert main(command) == 2
    assert "r3gan-seed0 ended with exit code 1" in capsys.readouterr().err


def test_augmentation_gains_where_generated_sentences_know_more_and_loses_where_they_mislead():
    """Forty words tell either label, two in a sentence; the few real ones have not met them all."""
    rng = np.random.default_rng(0)

    def labelled(size, flip=False):
        labels = [("x", "y")[i % 2] for i in range(size)]
        sentences = [" ".join(rng.choice([f"{(label == 'x') ^ flip}{k}" for k in range(40)], 2)) for label in labels]
        return augmentation.Labelled(sentences, labels)

    real, test = labelled(400), labelled(300)
    options = argparse.Namespace(seed=0, sizes=[10, 200], draws=5)
    right, wrong = (augmentation.study(real, labelled(1000, flip), test, options) for flip in (False, True))
    assert right["exchange"]["generated to real"] > 0.95 and right["exchange"]["real to generated"] > 0.95
    assert wrong["exchange"]["generated to real"] < 0.05 and wrong["exchange"]["real to generated"] < 0.05
    few = right["sizes"][10]
    assert min(few["with generated"]) > max(few["alone"]) and len(few["alone"]) == 5
    assert wrong["sizes"][10]["alone"] == few["alone"]  # the same draws
    assert max(wrong["sizes"][10]["with generated"]) < min(few["alone"])
    row = augmentation.table(right, 1000, 300).splitlines()[-3]
    gain = np.mean(right["sizes"][200]["with generated"]) - np.mean(right["sizes"][200]["alone"])
    assert row.startswith("| 200 |") and f"| {gain:.3f} ±" in row
    with pytest.raises(UserError, match="2 sentences drawn have one label only: give larger --sizes"):
        augmentation.accuracy(augmentation.Labelled(["a", "b"], ["x", "x"]), test)


def test_augmentation_of_a_run_ends_in_a_table(tmp_path, run, capsys):
    assert train(tmp_path / "run", "--corpus.train=grammar:types", "--corpus.label=label") == 0
    options = ["--sizes", "50", "100", "--generated", "60", "--draws", "2", f"--out={tmp_path / 'out'}"]
    assert main(["augmentation", str(tmp_path / "run"), *options]) == 0
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    assert (
        study["generated"] == 60
        and study["test"] == 100
        and study["exchange"].keys()
        == {
            "real to real",
            "generated to real",
            "real to generated",
        }
    )
    assert all(len(values) == 2 for size in study["sizes"].values() for values in size.values())
    assert "| 100 | " in (tmp_path / "out" / "study.md").read_text()
    capsys.readouterr()
    assert main(["augmentation", str(run), f"--out={tmp_path / 'out'}"]) == 2
    assert "has no labels: train one with corpus.label" in capsys.readouterr().err
    assert main(["augmentation", str(tmp_path / "run"), "--sizes", "500", f"--out={tmp_path / 'out'}"]) == 2
    assert "there are 400 real sentences, not 500" in capsys.readouterr().err


def test_samples_stand_beside_real_sentences_as_they_come(tmp_path, run, capsys):
    other = tmp_path / "other"
    assert train(other, "--seed=1") == 0
    out = tmp_path / "out"
    assert main(["samples", str(run), str(other), "--num=7", f"--out={out}"]) == 0
    sentences = json.loads((out / "study.json").read_text())["sentences"]
    assert list(sentences) == [run.name, "other", "real"]
    assert sentences["other"] == list(Generator.from_pretrained(other).sample(7, seed=1))
    held_out = (run / "corpus" / "test.txt").read_text().splitlines()
    assert len(set(sentences["real"])) == 7 and set(sentences["real"]) <= set(held_out)
    assert len((out / "study.md").read_text().splitlines()) == 9

    assert main(["samples", str(run), "--num=3", "--no-real", f"--out={out}"]) == 0
    assert list(json.loads((out / "study.json").read_text())["sentences"]) == [run.name]
    assert samples.table({"a": ["x | y", " "]}).splitlines()[2:] == ["| x \\| y |", "| (empty) |"]

    capsys.readouterr()
    for options, complaint in (
        ([str(run), str(run)], f"two runs are named {run.name}"),
        ([str(run), "--num=101"], "has 100 held-out sentences"),
        ([str(run), "--num=0"], "--num is 0"),
        ([str(run), "--seed=-1"], "--seed is -1"),
        ([str(tmp_path / "nothing")], "nothing"),
    ):
        assert main(["samples", *options, f"--out={out}"]) == 2
        error = capsys.readouterr().err
        assert complaint in error and len(error.strip().splitlines()) == 1
