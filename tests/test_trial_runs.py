"""Test the runs of a study, mostly of a stand-in for training: side by side, failed, interrupted and resumed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, SIZES
from trial_files import write

from studies import report, runner
from studies.__main__ import main

STAND_IN = (sys.executable, str(ROOT / "tests" / "stand_in.py"))


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(runner, "COMMAND", STAND_IN)


def started(out: Path) -> list[str]:
    """The runs that were started, each with how, since the last look."""
    file = out / "runs" / "started.txt"
    lines = file.read_text().splitlines() if file.is_file() else []
    file.unlink(missing_ok=True)
    return lines


def test_a_command_has_one_thread_and_its_output_stands_behind_that_of_those_before(tmp_path, monkeypatch):
    code = "import os, sys; print(os.environ['OMP_NUM_THREADS'], sys.argv[1:]); sys.exit(len(sys.argv))"
    monkeypatch.setattr(runner, "COMMAND", (sys.executable, "-c", code))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    log = tmp_path / "a.log"
    log.write_text("before\n")
    assert [runner.Commands()(arguments, log) for arguments in (["a"], ["b", "c"])] == [2, 3]
    assert log.read_text().splitlines() == ["before", "1 ['a']", "1 ['b', 'c']"]


def test_the_figure_and_the_number_of_samples_are_those_asked_for(tmp_path, stand_in, monkeypatch):
    drawn = []
    monkeypatch.setattr(report, "draw", lambda results, place, curves, path: drawn.append((place, list(curves))))
    file, out = tmp_path / "t.yaml", tmp_path / "out"
    one = {"trials": {"one": {"expect": "x"}}}
    for changes in ({}, {"figure": ["mauve", "fed"]}, {"table": ["unique"]}):
        write(file, **one, **changes)
        assert main(["trials", str(file), f"--out={out}"]) == 0
    table = ["unique", "jsd_4"]
    assert drawn == [(("unique", "jsd_4"), table), (("mauve", "fed"), table), (("unique", "unique"), ["unique"])]


def test_two_at_a_time_one_of_which_fails_costs_the_others_nothing(tmp_path, stand_in, monkeypatch, capsys):
    of_each = {
        "good": {"expect": "x"},
        "bad": {"expect": "x", "keys": {"corpus.column": "fails"}},
        "nan": {"expect": "it falls over", "keys": {"corpus.column": "diverges"}},
    }
    file, out = write(tmp_path / "t.yaml", seeds=2, trials=of_each), tmp_path / "out"
    command = ["trials", str(file), f"--out={out}", "--jobs=2"]
    assert main(command) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"error: bad-seed0 ended with exit code 1: see \S+/logs/bad-seed0.log; 1 more failed; .* tries again", error
    )
    ended = sorted(path.stem for path in (out / "results").iterdir())
    assert ended == ["good-seed0", "good-seed1", "nan-seed0", "nan-seed1"]
    assert len(started(out)) == 6

    monkeypatch.setenv("MENDED", "yes")
    assert main(command) == 0
    assert sorted(started(out)) == ["bad-seed0 --overwrite", "bad-seed1 --overwrite"]
    table = (out / "study.md").read_text()
    assert "| good | 0.9000 ± 0.0000 | 0.5000 ± 0.0000 | 3 | 0 | 0 of 2 |" in table
    assert "| nan |  |  | 3 | 0 | 2 of 2 |" in table and "- nan: it falls over" in table
    assert "| real sentences | 1.0000 | 0.1000 |" in table
    assert (out / "study.png").stat().st_size > 10_000
    assert json.loads((out / "study.json").read_text())["runs"]["good"][1]["curves"]["unique"] == [[0.03, 0.9]]

    assert main(command) == 0 and started(out) == []  # all is there
    of_each["good"]["keys"] = {"critic.kernel": 5}
    write(file, seeds=2, trials=of_each)
    assert main(command) == 0
    assert sorted(started(out)) == ["good-seed0 --overwrite", "good-seed1 --overwrite"]


def study(file: Path, out: Path) -> subprocess.Popen:
    """A process of its own that runs the trials of a file two at a time, as a terminal does."""
    code = f"import sys; from studies import __main__, runner; runner.COMMAND = {STAND_IN!r}; "
    code += f"sys.exit(__main__.main({['trials', str(file), f'--out={out}', '--jobs=2']!r}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def hear() -> None:  # a shell's background job ignores Ctrl-C, and hands that on
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=hear)


def wait_for(condition) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_an_interrupted_study_saves_says_how_to_go_on_and_goes_on(tmp_path, number, stand_in):
    of_each = {name: {"expect": "x", "keys": {"train.log_every": 100_000}} for name in ("one", "two")}
    file, out = write(tmp_path / "t.yaml", trials={**of_each, "three": {"expect": "x"}}), tmp_path / "out"
    process = study(file, out)
    states = [out / "runs" / f"{name}-seed0" / "checkpoints" / "state.json" for name in of_each]
    wait_for(lambda: all(state.is_file() for state in states))
    process.send_signal(number)
    process.send_signal(number)  # an impatient user, or `timeout`
    error = process.communicate(timeout=300)[1].splitlines()[-1]
    assert process.returncode == 130
    assert error == f"interrupted: 0 of 3 runs are done, those under way are saved; the same command goes on with {out}"
    assert sorted(started(out)) == ["one-seed0 --overwrite", "two-seed0 --overwrite"]  # and not the third
    # Once each: a second signal would break off the saving.
    assert all((state.parent.parent / "interrupted-1-times").is_file() for state in states)
    assert not any((out / "results").iterdir())

    for state in states:
        assert int(state.read_text()) < 100_000
        state.write_text("99990")
    assert main(["trials", str(file), f"--out={out}", "--jobs=2"]) == 0
    assert sorted(started(out)) == ["one-seed0 --resume", "three-seed0 --overwrite", "two-seed0 --resume"]
    assert json.loads((out / "results" / "one-seed0.json").read_text())["steps"] == 100_000


def test_an_unfinished_run_of_other_keys_makes_way(tmp_path, stand_in):
    file, out = write(tmp_path / "t.yaml", trials={"one": {"expect": "x"}}), tmp_path / "out"
    assert main(["trials", str(file), f"--out={out}"]) == 0
    for keys, how in (({}, "--resume"), ({"critic.kernel": 5}, "--overwrite")):
        (out / "results" / "one-seed0.json").unlink()
        write(file, trials={"one": {"expect": "x", "keys": keys}})
        started(out)
        assert main(["trials", str(file), f"--out={out}"]) == 0
        assert started(out) == [f"one-seed0 {how}"]


def test_training_is_not_for_nothing_where_scoring_fails(tmp_path, stand_in, capsys):
    scoring = {"samples": 50, "families": ["ngrams"]}
    file, out = write(tmp_path / "t.yaml", trials={"one": {"expect": "x"}}, scoring=scoring), tmp_path / "out"
    command = ["trials", str(file), f"--out={out}"]
    for how in (["one-seed0 --overwrite"], []):
        assert main(command) == 2  # a stand-in leaves no weights
        assert "one-seed0 has no checkpoint" in capsys.readouterr().err
        assert started(out) == how
    write(file, trials={"one": {"expect": "x"}})
    assert main(command) == 0 and started(out) == []


def test_a_study_of_objectives_reads_results_that_hold_no_more_than_its_own_scores(tmp_path, stand_in):
    # What a study wrote before it shared its runs with the trials.
    arguments = [
        "--config=text_drafts.yaml",
        "--train.seconds=9.0",
        f"--train.steps={10**9}",
        "--evaluation.samples=2000",
    ]
    arguments += ["--seed=0", "--train.threads=1", "--reranking.candidates=1"]
    scores = {"grammatical": 0.5, "unique": 0.75, "self_bleu_4": 0.625}
    curves = {key: [[1.0, 2.0], [8.5, 1.0]] for key in ("wasserstein", "critic_loss", "generator_loss", "penalty")}
    results = {
        "wgan-gp": {"arguments": arguments, "diverged": None, "steps": 70, "scores": scores, "real": scores},
        "wgan-gp-one-sided": {
            "arguments": [*arguments, "--penalty.sided=one"],
            "diverged": "error: diverged",
            "steps": 30,
            "scores": None,
            "real": scores,
        },
    }
    (tmp_path / "results").mkdir()
    for name, result in results.items():
        (tmp_path / "results" / f"{name}-seed0.json").write_text(json.dumps({**result, "curves": curves}))
    command = ["objectives", "--systems", *results, "--seconds=9", "--seeds=1", f"--out={tmp_path}"]
    assert main(command) == 0 and started(tmp_path) == []
    table = (tmp_path / "study.md").read_text()
    assert "| wgan-gp | 0.5000 | 0.7500 | 0.6250 | 70 | 8 | 0 of 1 |" in table
    assert "| wgan-gp-one-sided |  |  |  | 30 | 8 | 1 of 1 |" in table


@pytest.mark.slow
def test_trials_of_both_methods_end_in_a_table_with_the_families_asked_for(tmp_path, monkeypatch):
    tiny = dict(option.removeprefix("--").split("=", 1) for option in SIZES)
    del tiny["train.steps"]
    asked = {
        "seconds": 0.5,
        "samples": 20,
        "table": ["grammatical", "jsd_4", "fed", "well_formed"],
        "keys": {**tiny, "likelihood.validation": 20, "likelihood.validate_every": 3},
        "scoring": {"samples": 60, "families": ["ngrams", "embedding", "oracle"]},
        "trials": {"gan": {"expect": "noise"}, "lstm": {"expect": "noise", "config": "mle.yaml"}},
    }
    file, out = write(tmp_path / "t.yaml", **asked), tmp_path / "out"
    assert main(["trials", str(file), f"--out={out}", "--jobs=2"]) == 0
    for name in ("gan", "lstm"):
        result = json.loads((out / "results" / f"{name}-seed0.json").read_text())
        assert result["seconds"] >= 0.5 and result["scores"]["count"] == result["real"]["count"] == 60
        assert result["real"]["grammatical"] == 1 and result["real"]["fed"] < result["scores"]["fed"]
        assert 0 <= result["scores"]["well_formed"] <= 1
    # Other scores of the same checkpoints: nothing is trained again.
    trained = [(out / "runs" / f"{name}-seed0" / "metrics.jsonl").stat().st_mtime for name in ("gan", "lstm")]
    write(file, **{**asked, "scoring": {"samples": 30, "families": ["ngrams"]}})
    assert main(["trials", str(file), f"--out={out}"]) == 0
    result = json.loads((out / "results" / "lstm-seed0.json").read_text())
    assert result["scores"]["count"] == 30 and "fed" not in result["scores"]
    assert trained == [(out / "runs" / f"{name}-seed0" / "metrics.jsonl").stat().st_mtime for name in ("gan", "lstm")]
