"""Families of scores: those of the package, and those that a user adds from a module of their own."""

import json
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from scored import put, read

from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.evaluation import FAMILIES, Family, Metric, training_model
from seqgan_gp.evaluation.catalogue import RUN_METRICS, describe, metrics
from seqgan_gp.evaluation.families import choose_families
from seqgan_gp.evaluation.language_model import LanguageModelScores
from seqgan_gp.evaluation.real import FittedReal
from seqgan_gp.evaluation.scorer import Scorer
from seqgan_gp.evaluation.training_model import TrainingModel
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.training import likelihood

DOCS = (ROOT / "docs" / "evaluation.md").read_text()
VOWELS = re.search(r"```python\n(.*?)```", DOCS, re.DOTALL).group(1)  # the example works as it stands
COMMAND = re.search(r"seqgan-gp (compare .* --import my_scores .*)", DOCS).group(1).split()
WORDS = {"a": "banana anna", "b": "rhythm try", "r": "banana rhythm"}  # 6 of 10, 0 of 9 and 3 of 12 letters


@pytest.fixture
def vowels(tmp_path):
    """A folder with a module of the user's own, and sentences with many, no and some vowels."""
    (tmp_path / "my_scores.py").write_text(VOWELS)
    for name, sentence in WORDS.items():
        put(tmp_path / f"{name}.txt", [f"{sentence} {'x' * i}" for i in range(20)])
    return tmp_path


@pytest.fixture
def in_a_process(vowels, starts):
    """The program as it is installed: nothing but the options tells it of the working directory."""

    def run(*arguments):
        done = starts.run(*arguments, cwd=vowels)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def fraction(name):
    letters = "".join(WORDS[name].split()) * 20 + "x" * sum(range(20))
    return sum(letters.count(vowel) for vowel in "aeiou") / len(letters)


def test_a_family_of_the_users_own_is_compared_ranked_and_has_intervals(vowels, in_a_process):
    code, shown, said = in_a_process(*COMMAND, "--real", "r.txt")
    assert code == 0 and said.count("\n") == 1
    assert said.startswith("warning: --reference r.txt and --real r.txt hold the same sentences")
    assert "Vowels\n  vowel_fraction" in shown and "ranked by vowel_fraction" in shown
    assert "fraction of letters that are vowels; aim for the `real` column" in shown
    scores = read(vowels / "comparison" / "scores.json")
    nearest = sorted("ab", key=lambda name: abs(fraction(name) - fraction("r")))
    assert list(scores["systems"]) == nearest
    for name, scored in (*scores["systems"].items(), ("r", scores["real"])):
        assert scored["vowel_fraction"] == pytest.approx(fraction(name), abs=1e-6)
        low, high = scored["intervals"]["vowel_fraction"]
        assert low <= high and (low < high) == (name != "b")
        assert set(scored) == {"vowel_fraction", "intervals", *FAMILIES["ngrams"].metrics}
    assert "| vowel_fraction | 0." in (vowels / "comparison" / "table.md").read_text()


def test_a_family_of_the_users_own_is_evaluated(vowels, in_a_process):
    command = ["evaluate", "a.txt", "--reference", "r.txt", "--import", "my_scores", "--json", "s.json"]
    code, _, said = in_a_process(*command, "--metrics", "vowels")
    assert (code, said) == (0, "")
    scores = json.loads((vowels / "s.json").read_text())
    assert set(scores) == {"vowel_fraction", "matched", "real", "settings"}
    assert scores["vowel_fraction"] == pytest.approx(fraction("a"), abs=1e-6)


def test_an_encoder_of_the_users_own_is_found_in_the_working_directory(vowels, in_a_process):
    (vowels / "my_encoder.py").write_text(
        "import numpy as np\ndef encode(sentences):\n    return np.array([[len(s), s.count('a')] for s in sentences])\n"
    )
    command = ["evaluate", "a.txt", "--reference", "r.txt", "--metrics", "embedding", "--json", "s.json"]
    code, _, said = in_a_process(*command, "--encoder", "my_encoder:encode")
    assert (code, said) == (0, "")
    assert read(vowels / "s.json")["fed"] > 0


@pytest.mark.parametrize(
    "options, complaint",
    [
        (
            ["--metrics", "vowel"],
            "--metrics vowel: there is no such family of scores; did you mean vowels?",
        ),
        (["--metrics", "nothing like it"], "oracle, valid, neighbours, guesses, composition, vowels, or all"),
        (["--metrics", "all", "ngrams"], "--metrics all is every family"),
        (["--import", "no_scores"], "--import no_scores: there is no module no_scores"),
        (["--import", "broken"], "line 3 fails (ZeroDivisionError: division by zero)"),
        (["--encoder", "no_encoder:encode"], "--encoder no_encoder: there is no module no_encoder"),
        (["--encoder", "broken:encode"], "--encoder broken: "),
        (
            ["--encoder", "my_scores:encode"],
            "my_scores:encode: the module my_scores has no function 'encode'",
        ),
        (["--encoder", "my_scores:__doc__"], "has no function '__doc__'"),
        (["--encoder", "my_scores:"], "--encoder my_scores:: no encoder"),
        (["--metrics", "twice"], "--metrics twice: the family returns other and describes only mine"),
        (["--metrics", "vowels", "again"], "--metrics vowels and again both give the score vowel_fraction"),
        (["--rank", "vowel_fractoin"], "--rank vowel_fractoin: there is no such score; did you mean vowel_fraction?"),
    ],
)
def test_what_fails_in_a_module_of_the_users_own_is_one_line(vowels, in_a_process, options, complaint):
    (vowels / "broken.py").write_text("\n\n1 / 0\n")
    (vowels / "more.py").write_text(
        "from my_scores import *\nFAMILIES['again'] = FAMILIES['vowels']\n"
        "FAMILIES['twice'] = Family(lambda samples, real: lambda *rows: {'mine': 1.0, 'other': 2.0},\n"
        "                           {'mine': Metric('Mine', 'one')})\n"
    )
    before = set(vowels.iterdir()) | {vowels / "__pycache__"}
    imports = ["--import", "my_scores"] + (["--import", "more"] if {"twice", "again"} & set(options) else [])
    code, _, said = in_a_process("compare", "a.txt", "--reference", "r.txt", *imports, "--bootstrap", "0", *options)
    assert code == 2 and complaint in said and len(said.splitlines()) == 1
    assert set(vowels.iterdir()) <= before


def test_scores_that_are_no_numbers_are_undefined_and_others_become_plain_ones(files, monkeypatch):
    made = {"nothing": np.nan, "single": np.float32(0.25), "whole": 3}
    described = {key: Metric("Mine", "a number", "higher") for key in made}
    monkeypatch.setitem(FAMILIES, "mine", Family(lambda samples, real: lambda *rows: made, described))
    command = ["evaluate", "other.txt", "--reference", "reference.txt", "--metrics", "mine", "--json", "s.json"]
    assert main([*command, "--bootstrap", "3"]) == 0
    scores = read(files / "s.json")
    assert [scores[key] for key in made] == [None, 0.25, 3]
    assert scores["intervals"] == {"nothing": None, "single": [0.25, 0.25], "whole": [3, 3]}


def test_help_lists_the_families_and_their_scores(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for command in ("evaluate", "compare", "sweep"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        words = capsys.readouterr().out.replace(",", " ").split()
        assert {*FAMILIES, *metrics()} <= set(words)


def test_defaults_are_the_families_whose_needs_are_met():
    usual = ["ngrams", "embedding", "classifier"]
    assert list(choose_families(None, False, True)) == usual
    assert list(choose_families(None, True, False)) == [*usual, "oracle"]
    opt_in = ["neighbours", "guesses", "composition"]
    assert list(choose_families(["all"], False, True)) == [*usual, "language-model", *opt_in]
    assert list(choose_families(["all"], True, True, True)) == list(FAMILIES)
    assert list(choose_families(None, False, False, True)) == [*usual, "valid"]
    assert list(choose_families(["oracle", "ngrams", "oracle"], True, False)) == ["oracle", "ngrams"]
    with pytest.raises(UserError, match="--train"):
        choose_families(["all"], True, False)


def test_text_files_are_scored_without_torch(files):
    code = """
import sys
from seqgan_gp.evaluation import FAMILIES, Family, Metric
assert not {"torch", "sklearn"} & set(sys.modules)
from seqgan_gp.cli import main
options = ["--reference", "reference.txt", "--train", "train.txt", "--grammar", "text", "--bootstrap", "2"]
assert main(["evaluate", "samples.txt", *options]) == main(["compare", "samples.txt", "other.txt", *options]) == 0
assert {"sklearn"} & set(sys.modules) and not {"torch", "seqgan_gp.config", "tokenizers"} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=files, env=environment, check=True, capture_output=True)


def test_every_score_of_a_run_is_described(run):
    keys = {key for line in (run / "metrics.jsonl").read_text().splitlines() for key in json.loads(line)}
    scores = {key.partition("/")[2] for key in keys if key.startswith(("eval/", "real/"))}
    assert "well_formed" in scores and [key for key in scores if describe(key) is None] == []
    assert (
        describe("obedience_question") == RUN_METRICS["obedience_*"] and describe("class_7") == RUN_METRICS["class_*"]
    )
    assert describe("wrong") is describe("question_obedience") is describe("blue_4") is None
    assert not RUN_METRICS.keys() & metrics().keys()


def test_language_models_tell_quality_and_diversity(monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 8)
    stream = Grammar.load("text").sentences(0)
    training, reference, fresh = ([next(stream) for _ in range(n)] for n in (400, 200, 400))
    real = FittedReal(reference, training, model=TrainingModel(training, "word"))
    rng = random.Random(0)
    shuffled = [" ".join(rng.sample(s.split(), len(s.split()))) for s in fresh]
    good, bad, collapsed = (LanguageModelScores.of(samples, real)() for samples in (fresh, shuffled, fresh[:4] * 100))
    assert good["lm_nll"] < bad["lm_nll"] - 0.5  # words out of order are improbable
    assert good["reverse_lm_nll"] < collapsed["reverse_lm_nll"] - 0.5  # who has seen four sentences expects no others
    # Between the entropy of the grammar (2.3 nats a token, the end counted) and knowing nothing but the words.
    assert 2.2 < good["lm_nll"] < 4.5


@pytest.mark.usefixtures("one_thread")
def test_the_models_of_real_text_are_fitted_once_for_all_systems(files, monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    learned, fit = [], likelihood.fit

    def remembered(sentences, *rest, **more):
        learned.append(sentences)
        return fit(sentences, *rest, **more)

    monkeypatch.setattr(likelihood, "fit", remembered)
    command = ["evaluate", "other.txt", "--reference", "reference.txt", "--train", "train.txt"]
    assert main([*command, "--metrics", "language-model"]) == 0
    training = (files / "train.txt").read_text().splitlines()
    assert len(learned) == 4 and learned.count(training) == 1  # and one of each column


def test_the_reference_is_encoded_once_for_all_systems():
    encoded = []

    def encode(sentences):
        encoded.append(list(sentences))
        return np.array([[len(s), s.count(" ")] for s in sentences])

    reference, samples = ["a b", "c", "d e f"], ["g h", "i"]
    real = FittedReal(reference, fit_encoder=lambda real: encode)
    scorer = Scorer({"embedding": FAMILIES["embedding"]})
    for _ in range(3):
        scorer("mine", samples, real)
    assert encoded.count(reference) == 1 and encoded.count(samples) == 3
