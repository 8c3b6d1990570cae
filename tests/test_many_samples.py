"""More samples than the dear families score: the cap, training text that passes by in parts, and memory."""

import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from conftest import ROOT
from scored import read

from seqgan_gp import scoring
from seqgan_gp.cli import main
from seqgan_gp.evaluation import FAMILIES, Family, Metric, training_model
from seqgan_gp.evaluation.families import CAP
from seqgan_gp.evaluation.real import FittedReal, random_subset
from seqgan_gp.evaluation.scorer import Scorer
from seqgan_gp.scoring import NGramScores, Real
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.training import likelihood

pytestmark = pytest.mark.usefixtures("one_thread")

DEAR = {"embedding", "classifier", "language-model", "oracle"}
GRAMMAR = ["--grammar", "text", "--train", "train.txt"]


def scores_of(*options):
    assert main(["evaluate", "samples.txt", *options, "--json", "scores.json"]) == 0
    with open("scores.json") as file:
        return json.load(file)


def without_settings(scores):
    return {key: value for key, value in scores.items() if key != "settings"}


def test_the_table_says_how_many_sentences_a_dear_family_scored(files, capsys):
    scores = scores_of(*GRAMMAR, "--cap", "30", "--bootstrap", "2")
    capped = {name: {"samples": 30, "reference": 30} for name in DEAR - {"language-model"}}
    assert scores["capped"] == scores["real"]["capped"] == capped
    assert scores["count"] == scores["real"]["count"] == 100  # n-grams are of all
    assert scores["settings"]["cap"] == dict.fromkeys(capped, 30)
    lines = capsys.readouterr().out.splitlines()
    for group in ("Embedding", "Classifier", "Oracle"):
        assert lines[lines.index(group) + 1].split()[:3] == ["sentences", "30/30", "30/30"]
    assert sum("--cap" in line for line in lines) == 3
    assert main(["compare", "samples.txt", "other.txt", *GRAMMAR, "--cap", "30", "--bootstrap", "2"]) == 0
    compared = read(files / "comparison" / "scores.json")
    assert compared["systems"]["other"]["capped"] == compared["real"]["capped"] == capped
    table = (files / "comparison" / "table.md").read_text()
    assert (
        "| random sentences for oracle, samples/real (`--cap`) | 30/30 | 30/30 | 30/30 |  |\n| grammatical |" in table
    )


def test_a_column_with_fewer_sentences_than_the_cap_has_all(files, capsys):
    scores = scores_of("--reference", "reference.txt", "--cap", "100", "--metrics", "classifier")
    # All 200 of the reference are too many for the first column, and its halves are not.
    assert scores["capped"] == {"classifier": {"samples": 100, "reference": 100}}
    assert "capped" not in scores["matched"] and "capped" not in scores["real"]
    assert ["sentences", "100/100", "all", "all"] in [line.split()[:4] for line in capsys.readouterr().out.splitlines()]


def test_below_the_cap_nothing_changes(files, capsys):
    every = [*GRAMMAR, "--reference", "reference.txt"]
    usual, most, none = (scores_of(*every, *cap) for cap in ([], ["--cap", "200"], ["--cap", "0"]))
    assert without_settings(usual) == without_settings(most) == without_settings(none)
    assert "capped" not in usual and "--cap" not in capsys.readouterr().out
    assert set(usual["settings"]["cap"].values()) == {CAP} == {10_000} and none["settings"]["cap"] == {}
    assert {name for name, family in FAMILIES.items() if family.cap} == {*DEAR, "neighbours"}


def test_one_sentence_is_no_cap(files, capsys):
    assert main(["evaluate", "samples.txt", *GRAMMAR, "--cap", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--cap is 1: give at least 2 sentences, or 0" in error


def test_all_dear_families_score_the_same_random_sentences(files, monkeypatch):
    seen = []

    class Seen:
        def __init__(self, samples, real):
            seen.append((list(samples), list(real.reference), list(real.training)))

        def __call__(self, samples=None, reference=None):
            return {self.key: 1.0}

    for name, cap in (("one", 25), ("two", 25), ("all", None)):
        family = Family(type(name, (Seen,), {"key": name}), {name: Metric("Seen", "nothing", "real")}, cap=cap)
        monkeypatch.setitem(FAMILIES, f"{name} of mine", family)
    options = [
        "--reference",
        "reference.txt",
        "--train",
        "train.txt",
        "--metrics",
        *(f"{n} of mine" for n in ("one", "two", "all")),
    ]
    scores = scores_of(*options)
    one, two, everything = seen[:3]
    assert one == two and [len(side) for side in one] == [25, 25, 25]
    for part, whole, name in zip(one, everything, ("samples", "reference", "train"), strict=True):
        lines = (files / f"{name}.txt").read_text().splitlines()
        assert set(part) <= set(whole) and whole == [line for line in lines if line or name == "samples"]
        assert part != whole[:25]  # from all of the file
    assert set(scores["capped"]) == {"one of mine", "two of mine"}


def test_a_capped_family_scores_as_if_it_were_given_the_subset():
    stream = Grammar.load("text").sentences(5)
    samples, reference, training = ([next(stream) for _ in range(n)] for n in (90, 80, 70))
    families = {name: FAMILIES[name] for name in ("embedding", "classifier", "oracle")}
    capped = {name: Family(f.build, f.metrics, cap=40) for name, f in families.items()}
    grammar = Grammar.load("text")
    one = Scorer(capped, 3)("mine", samples, FittedReal(reference, training, grammar))
    subsets = [random_subset(side, 40) for side in (samples, reference, training)]
    other = Scorer(families, 3)("mine", subsets[0], FittedReal(subsets[1], subsets[2], grammar))
    assert (one.values, one.intervals) == (other.values, other.intervals)
    assert one.capped == dict.fromkeys(families, (40, 40)) and not other.capped


def test_a_cap_bounds_what_language_models_learn_and_one_of_real_text_serves_all(files, monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    learned, fit = [], likelihood.fit

    def remembered(sentences, *rest, **more):
        learned.append(sentences)
        return fit(sentences, *rest, **more)

    monkeypatch.setattr(likelihood, "fit", remembered)
    options = ["--reference", "reference.txt", "--train", "train.txt", "--metrics", "language-model", "--cap", "35"]
    scores_of(*options)
    training = random_subset((files / "train.txt").read_text().splitlines(), 35)
    assert [len(sentences) for sentences in learned] == [35] * 4 and learned.count(training) == 1


class Passing(Sequence):
    """Sentences of a text that is larger than memory: nobody may have many of them at once."""

    def __init__(self, sentences, most):
        self.sentences, self.most = sentences, most

    def __len__(self):
        return len(self.sentences)

    def __getitem__(self, index):
        assert isinstance(index, slice) and len(range(*index.indices(len(self)))) <= self.most
        return self.sentences[index]

    def __iter__(self):
        raise AssertionError("all of the text was asked for")


@pytest.mark.parametrize("part", [1, 7, 50])
def test_training_text_in_parts_gives_the_same_novelty_and_overlap(part, monkeypatch):
    stream = Grammar.load("text").sentences(8)
    training, reference, samples = ([next(stream) for _ in range(n)] for n in (300, 20, 12))
    samples += [training[0], training[299].upper(), f"{training[150]} {training[151]}", ""]
    whole = NGramScores(samples, Real(reference, training))
    monkeypatch.setattr(scoring, "TRAINING_PART", part)
    parts = NGramScores(samples, Real(reference, Passing(training, max(part, len(samples)))))
    assert parts.novel.tolist() == whole.novel.tolist() and parts.overlap.tolist() == whole.overlap.tolist()
    assert parts() == whole() and whole()["new_words"] == 0 and whole.novel.tolist()[-4:-1] == [False, False, True]


MEASURED = """
import sys
from benchmarks.timing import peak_megabytes
from seqgan_gp.cli import main
assert main(sys.argv[1:]) == 0
print("peak", peak_megabytes())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "a.txt", "--reference", "b.txt", "--train", "c.txt"],
        ["compare", "a.txt", "--grammar", "text", "--reference", "b.txt", "--real", "c.txt", "--bootstrap", "2"],
    ],
)
def test_a_million_samples_are_scored_in_two_gibibytes(tmp_path, command):
    rng = np.random.default_rng(3)
    few = [s.split() for s, _ in zip(Grammar.load("text").sentences(1), range(20_000), strict=False)]
    vocabulary = sorted({word for sentence in few for word in sentence})
    for name in "abc":
        with open(tmp_path / f"{name}.txt", "w") as file:
            for row, word, place in zip(*(rng.integers(0, n, 1_000_000) for n in (20_000, 200, 7)), strict=True):
                sentence = list(few[row])
                sentence[place % len(sentence)] = vocabulary[word]
                file.write(" ".join(sentence) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{MEASURED}", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1,000,000" in done.stdout and "10,000/10,000" in done.stdout
    assert float(done.stdout.split()[-1]) < 2048
