"""Test files of trials: what is refused, what each run is asked for, and the tables of their results."""

import json
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from trial_files import write

from seqgan_gp import config as configs
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from studies import report, runner, trials
from studies.__main__ import main


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"second": 3}, "there is no key second"),
        ({"seconds": "long"}, "seconds is 'long': a number is needed"),
        ({"seeds": True}, "seeds is True: a whole number is needed"),
        ({"seeds": 0}, "seeds is 0: at least 1"),
        ({"trials": {"one": {"keys": {}}}}, "trials.one: expect is missing"),
        ({"trials": {"a/b": {"expect": "x"}}}, "trials.a/b: a name makes files"),
        ({"trials": {"one": {"expect": "x", "config": "txt.yaml"}}}, "one-seed0: config 'txt.yaml' not found"),
        ({"trials": {"one": {"expect": "x", "keys": {"critic.kernl": 3}}}}, "one-seed0.*did you mean critic.kernel"),
        ({"keys": {"critic": {"kernel": 4}}}, "one-seed0: critic.kernel is 4: it must be odd"),
        ({"table": ["unque"]}, "there is no score unque"),
        ({"figure": ["unique"]}, "two scores are needed"),
        ({"score_on": "train"}, "score_on is train: give one of development, test"),
        ({"scoring": {"families": ["bleu"]}}, "scoring.families: there is no bleu"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_and_nothing_is_written(tmp_path, capsys, changes, complaint):
    file, out = write(tmp_path / "t.yaml", **changes), tmp_path / "out"
    assert main(["trials", str(file), f"--out={out}"]) == 2
    error = capsys.readouterr().err
    assert re.search(complaint, error) and error.count("\n") == 1
    assert not out.exists()


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    (tmp_path / "t.yaml").write_text("question: [")
    with pytest.raises(UserError, match=r"t\.yaml"):
        trials.load(tmp_path / "t.yaml")


def test_no_run_at_a_time_is_refused(tmp_path, capsys):
    assert main(["trials", str(write(tmp_path / "t.yaml")), f"--out={tmp_path}", "--jobs=0"]) == 2
    assert "--jobs is 0" in capsys.readouterr().err


@pytest.fixture
def commands(monkeypatch):
    """The commands of the package that a study runs; each of them fails at once."""
    given = []

    def fail(self, arguments, log):
        given.append(list(arguments))
        return 1

    monkeypatch.setattr(runner.Commands, "__call__", fail)
    return given


def asked_of(commands) -> list[TextConfig]:
    """The experiments that training was started with."""
    assert all(command[0] == "train" and command[-1] in ("--overwrite", "--resume") for command in commands)
    return [configs.parse(command[1:]).config for command in commands]


@pytest.mark.parametrize("path", sorted((ROOT / "studies" / "trials").glob("*.yaml")), ids=lambda p: p.stem)
def test_our_own_trials_are_valid_experiments(tmp_path, path, commands, capsys):
    once = yaml.safe_load(path.read_text()) | {"seeds": 1}
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(once, sort_keys=False))
    assert main(["trials", str(tmp_path / "t.yaml"), f"--out={tmp_path / 'out'}"]) == 2
    # What is no experiment is refused before a command is started.
    assert "ended with exit code 1" in capsys.readouterr().err and len(commands) == len(once["trials"])


def test_keys_are_those_of_a_config_dotted_or_nested(tmp_path, commands):
    asked = {
        "config": "coco.yaml",
        "keys": {"critic": {"kernel": 5}, "penalty.at": ["real", "generated"], "penalty.sided": "zero"},
        "trials": {"one": {"expect": "x", "seconds": 9, "keys": {"train": {"critic": {"options": {"eps": 1e-6}}}}}},
    }
    for score_on in ("development", "test"):
        commands.clear()
        file = write(tmp_path / "t.yaml", seeds=2, score_on=score_on, **asked)
        assert main(["trials", str(file), f"--out={tmp_path / score_on}"]) == 2
        for seed, parsed in enumerate(asked_of(commands)):
            assert (parsed.critic.kernel, parsed.penalty.at, parsed.penalty.sided) == (5, ["real", "generated"], "zero")
            assert (parsed.train.critic.options, parsed.train.seconds, parsed.seed) == ({"eps": 1e-6}, 9, seed)
            if score_on == "development":  # it never reads the test sentences, nor draws those of the config
                assert parsed.corpus.test is None and parsed.corpus.seed == 1
            else:
                assert parsed.corpus.test == "data/coco/test.txt" and parsed.corpus.seed == 0
        assert len(commands) == 2


def test_a_trial_changes_what_all_have_in_common(tmp_path, commands):
    of_each = {
        "plain": {"expect": "x"},
        "own": {"expect": "x", "config": "dna.yaml", "seconds": 7, "keys": {"critic.kernel": 7, "train.threads": 2}},
    }
    keys = {"critic.kernel": 5, "train.log_every": 3}
    file = write(tmp_path / "t.yaml", seeds=3, samples=50, keys=keys, trials=of_each)
    assert main(["trials", str(file), f"--out={tmp_path / 'out'}"]) == 2
    parsed = asked_of(commands)
    # Seed by seed, so that a study that is cut short has seen every trial.
    assert [(c.seed, c.train.seconds) for c in parsed] == [(s, t) for s in range(3) for t in (5, 7)]
    assert [(c.critic.kernel, c.train.threads) for c in parsed[:2]] == [(5, 1), (7, 2)]
    assert {c.train.log_every for c in parsed} == {3} and {c.evaluation.samples for c in parsed} == {50}
    assert [c.corpus.train for c in parsed[:2]] == ["grammar:text", "grammar:dna"]
    assert min(c.train.steps for c in parsed) >= 10**9  # time ends a run
    names = [Path(command[-2].removeprefix("--output=")).name for command in commands]
    assert names == [f"{trial}-seed{seed}" for seed in range(3) for trial in ("plain", "own")]


def test_a_result_is_the_last_evaluation_with_curves_over_the_seconds(tmp_path, monkeypatch):
    rows = [
        {"step": 0, "real/unique": 1.0, "real/jsd_4": 0.125},
        {"step": 2, "train/wasserstein": 3.0, "train/seconds": 1.5},
        {"step": 2, "eval/unique": 0.25, "eval/jsd_4": None},
        {"step": 5, "train/wasserstein": 2.0, "train/seconds": 4.5},
        {"step": 5, "eval/unique": 0.5, "eval/jsd_4": 0.75},
        {"step": 6, "validation/loss": 7.0},
    ]

    def leave(self, arguments, log):
        run = Path(arguments[-2].removeprefix("--output="))
        run.mkdir()
        (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return 0

    monkeypatch.setattr(runner.Commands, "__call__", leave)
    file = write(tmp_path / "t.yaml", trials={"one": {"expect": "x"}}, samples=70)
    assert main(["trials", str(file), f"--out={tmp_path / 'out'}", "--jobs=3"]) == 0
    (result,) = json.loads((tmp_path / "out" / "study.json").read_text())["runs"]["one"]
    assert (result["steps"], result["seconds"], result["diverged"]) == (6, 4.5, None)
    assert result["scores"] == {"unique": 0.5, "jsd_4": 0.75} and result["real"] == {"unique": 1.0, "jsd_4": 0.125}
    assert result["curves"] == {"wasserstein": [[1.5, 3.0], [4.5, 2.0]], "unique": [[1.5, 0.25], [4.5, 0.5]]} | {
        "jsd_4": [[4.5, 0.75]]
    }
    table = (tmp_path / "out" / "study.md").read_text()
    assert "5 seconds of training of each run, 3 at a time; 70 samples, scored on development sentences" in table
    assert "| one | 0.5000 | 0.7500 | 6 | 4 | 0 of 1 |" in table


def ended(unique, steps, seconds, diverged=None):
    scores = None if unique is None else {"unique": unique, "jsd_4": None}
    real = {"unique": 1.0, "jsd_4": 0.0}
    return {"diverged": diverged, "scores": scores, "real": real, "steps": steps, "seconds": seconds}


def test_a_table_has_the_mean_and_the_deviation_of_the_runs_that_did_not_diverge():
    failed = ended(0.9, 500, 4.0, "error: diverged"), ended(None, 0, 0.0)
    runs = {"one": [ended(0.4, 1000, 8.0), ended(0.6, 3000, 9.0), *failed], "two": [ended(0.5, 7, 5.0)]}
    lines = report.table(runs, ["unique", "jsd_4"], "trial").markdown().splitlines()
    assert lines[0] == "| trial | unique | jsd_4 | steps | seconds | diverged |"
    assert lines[2:] == [
        "| one | 0.5000 ± 0.1414 |  | 1,125 | 5 | 1 of 4 |",
        "| two | 0.5000 |  | 7 | 5 | 0 of 1 |",
        "| real sentences | 1.0000 | 0.0000 |  |  |  |",
    ]


def test_real_sentences_have_a_line_for_each_corpus():
    runs = {
        name: [{"diverged": None, "scores": {"unique": 0.5}, "real": {"unique": real}, "steps": 1, "seconds": 2.0}]
        for name, real in (("one", 0.9), ("two", 0.8), ("three", 0.9))
    }
    table = report.table(runs, ["unique"], "trial").markdown()
    assert "| real sentences | 0.9000 |" in table and "| real sentences of two | 0.8000 |" in table
    assert table.count("real sentences") == 2


def test_a_study_has_a_line_for_each_seed_and_tests_each_two_trials(tmp_path):
    runs = {name: [ended(base + seed / 100, 9, 4.0) for seed in range(3)] for name, base in (("a_b", 0.2), ("c", 0.7))}
    runs["c"].append(ended(0.99, 3, 1.0, "error: diverged"))
    text = report.write(runs, ["unique"], "trial", tmp_path)
    assert "| a_b | 0.2100 ± 0.0100 | 9 | 4 | 0 of 3 |" in text and "| c | 3 | 0.9900 | 3 | 1 | yes |" in text
    assert "| unique | -0.5000 (0.10) |" in text and "a_b - c (seeds)" in text
    assert "p cannot be below 0.10 with 3 and 3 seeds" in text  # without the one that diverged
    for name in ("table", "seeds", "differences"):
        assert r"a\_b" in (tmp_path / f"{name}.tex").read_text() and "a_b" in (tmp_path / f"{name}.csv").read_text()
    lone = report.write({name: seeds[:1] for name, seeds in runs.items()}, ["unique"], "trial", tmp_path / "lone")
    assert "seeds)" not in lone and "| a_b | 0.2000 | 9 | 4 | 0 of 1 |" in lone
