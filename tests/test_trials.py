"""Test studies with equal time, with a stand-in for training: parallel runs, failures, interruptions and resuming."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import SIZES

from seqgan_gp import Generator, cli
from seqgan_gp import config as configs
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.text.tokenizer import Tokenizer
from studies import report, runner, trials
from studies.__main__ import main

ROOT = Path(__file__).parent.parent
STAND_IN = (sys.executable, str(ROOT / "tests" / "stand_in.py"))


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(runner, "COMMAND", STAND_IN)


def write(path: Path, **changes) -> Path:
    """A file of three short trials."""
    asked = {
        "question": "Which?",
        "seconds": 5,
        "table": ["unique", "jsd_4"],
        "keys": {"train": {"log_every": 3}},
        "trials": {name: {"expect": f"{name} wins"} for name in ("one", "two", "three")},
    }
    path.write_text(yaml.safe_dump({**asked, **changes}, sort_keys=False))
    return path


def started(out: Path) -> list[str]:
    """The runs that were started, each with how, since the last look."""
    file = out / "runs" / "started.txt"
    lines = file.read_text().splitlines() if file.is_file() else []
    file.unlink(missing_ok=True)
    return lines


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


@pytest.fixture
def ended(tmp_path, run, monkeypatch):
    """A study whose one run has ended; commands run in this process, and their names are kept."""
    out, called = tmp_path / "out", []

    def here(self, arguments, log):
        called.append(arguments[0])
        return cli.main(list(arguments))

    monkeypatch.setattr(runner.Commands, "__call__", here)
    (out / "results").mkdir(parents=True)
    shutil.copytree(run, out / "runs" / "one")
    known = {"arguments": ["--config=text.yaml"], "diverged": None, "scoring": None, "scores": {}, "real": {}}
    (out / "results" / "one.json").write_text(json.dumps(known))

    def score(samples, *families):
        scoring = runner.Scoring(samples, families, "test_trials:lengths")
        return runner.finish({"one": runner.Job(known["arguments"], scoring)}, out, 1)["one"]

    return out, called, score


def test_scoring_that_is_done_is_not_done_again(ended):
    _, called, score = ended
    assert score(20, "ngrams") == score(20, "ngrams")
    assert called == ["sample", "compare"]
    assert score(25, "ngrams")["scores"]["count"] == 25 and called == ["sample", "compare"] * 2


def test_scoring_is_of_new_samples_of_the_last_checkpoint_against_the_held_out_sentences(ended, run):
    out, called, score = ended
    result = score(30, "ngrams", "oracle", "embedding")
    assert called == ["sample", "compare"]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert result["scores"]["count"] == result["real"]["count"] == 30
    assert result["real"]["grammatical"] == 1 and result["real"]["novel"] is None  # sentences of the training
    assert result["scores"]["novel"] is not None and result["scores"]["well_formed"] == last["eval/well_formed"]
    folder = out / "runs" / "one"
    sampled = (folder / "scored" / "one.txt").read_text().splitlines()
    assert sampled == list(Generator.from_pretrained(run).sample(30, seed=1))
    found = json.loads((folder / "scored" / "scores.json").read_text())
    assert found["systems"]["one"]["fed"] == result["scores"]["fed"] and found["real"]["fed"] == result["real"]["fed"]
    settings = found["settings"]
    assert (settings["encoder"], settings["grammar"], settings["bootstrap"]) == ("test_trials:lengths", "text", 0)
    assert settings["reference"] == str(folder / "corpus" / "test.txt") and settings["reference_size"] == 100
    assert settings["train"] == str(folder / "corpus" / "train.txt") and "words" in settings["n_grams"]


def test_scoring_is_in_the_unit_of_the_tokens_and_without_a_grammar_where_there_is_none(ended, monkeypatch, tmp_path):
    out, _, score = ended
    folder, asked = out / "runs" / "one", []
    Tokenizer.train("character", ["a b c"], 10).save(folder / "tokenizer.json")
    parsed = configs.parse(["--corpus.train=mine.txt"]).config
    for place in (folder, *(folder / "checkpoints").glob("step-*")):
        configs.save(parsed, place / "config.yaml")

    def listen(self, arguments, log):
        asked.append(list(arguments))
        (folder / "scored").mkdir(exist_ok=True)
        scores = {"systems": {"one": {"unique": 0.5}}, "real": {"unique": 0.75}}
        (folder / "scored" / "scores.json").write_text(json.dumps(scores))
        return 0

    monkeypatch.setattr(runner.Commands, "__call__", listen)
    result = score(20, "ngrams", "classifier")
    assert (result["scores"]["unique"], result["real"]["unique"]) == (0.5, 0.75)
    compare = asked[1]
    assert "--unit=character" in compare and compare[compare.index("--metrics") + 1 :] == ["ngrams", "classifier"]
    assert not [option for option in compare if option.startswith("--grammar")]


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


def lengths(sentences):
    """An encoder."""
    return np.array([[len(s), s.count(" ")] for s in sentences], dtype=float)


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
    arguments = ["--config=text.yaml", "--train.seconds=9.0", f"--train.steps={10**9}", "--evaluation.samples=2000"]
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


def test_a_table_has_the_mean_and_the_deviation_of_the_runs_that_did_not_diverge():
    def ended(unique, steps, seconds, diverged=None):
        scores = None if unique is None else {"unique": unique, "jsd_4": None}
        real = {"unique": 1.0, "jsd_4": 0.0}
        return {"diverged": diverged, "scores": scores, "real": real, "steps": steps, "seconds": seconds}

    failed = ended(0.9, 500, 4.0, "error: diverged"), ended(None, 0, 0.0)
    runs = {"one": [ended(0.4, 1000, 8.0), ended(0.6, 3000, 9.0), *failed], "two": [ended(0.5, 7, 5.0)]}
    lines = report.table(runs, ["unique", "jsd_4"], "trial").splitlines()
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
    table = report.table(runs, ["unique"], "trial")
    assert "| real sentences | 0.9000 |" in table and "| real sentences of two | 0.8000 |" in table
    assert table.count("real sentences") == 2


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
