"""The studies: what they write, what they skip, and what they say of runs that fail."""

import json

import pytest
from conftest import TINY

from studies import runner, systems, toys
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
