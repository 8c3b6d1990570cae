"""Test the scores of sequences that are no sentences: validity, neighbours, guesses and composition."""

import itertools
import sys

import numpy as np
import pytest
from nltk.metrics.distance import edit_distance
from scored import put, read

from seqgan_gp.cli import main
from seqgan_gp.evaluation.composition import CompositionScores
from seqgan_gp.evaluation.guessing import GuessScores
from seqgan_gp.evaluation.neighbours import NeighbourScores
from seqgan_gp.evaluation.real import FittedReal
from seqgan_gp.evaluation.rules import load_rule
from seqgan_gp.evaluation.validity import ValidScores
from seqgan_gp.metrics import edits
from seqgan_gp.text.grammar import Grammar


def test_valid_ones_are_counted_once_for_each_way_to_count():
    samples = ["ACD", "ACD", "AXD", "GGG", "acd", ""]
    real = FittedReal(["A"], ["GGG", "TTT"], rule=load_rule("[ACDG]+"))
    scores = ValidScores(samples, real)
    assert scores() == {"valid": 0.5, "valid_unique": round(2 / 6, 6), "valid_novel": round(1 / 6, 6)}
    rows = np.array([0, 3])
    assert scores(rows) == {"valid": 1, "valid_unique": 1, "valid_novel": 0.5}
    assert ValidScores(samples, FittedReal(["A"], rule=load_rule("[ACDG]+")))()["valid_novel"] is None


def test_a_rule_may_be_a_function_of_the_users_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "charges.py").write_text("def net(s):\n    print('no score')\n    return s.count('K') > s.count('E')\n")
    put(tmp_path / "s.txt", ["KKE", "KE", "AAK", "EEE"])
    put(tmp_path / "r.txt", ["KKEA", "KKA", "AKA", "EEEK"])
    options = ["--reference", "r.txt", "--metrics", "composition", "--valid", "charges:net", "--json", "s.json"]
    assert main(["evaluate", "s.txt", *options]) == 0
    scores = read(tmp_path / "s.json")
    assert scores["valid"] == 0.5 and scores["settings"]["valid"] == "charges:net"
    assert (scores["part_K"], scores["part_A"]) == (round(4 / 11, 6), round(2 / 11, 6))


RULES = {
    "odd:raises": "odd:raises fails on 'AC' (ValueError: no such residue): mend it",
    "odd:gives": "odd:gives gives 2 for 'AC': return True or False",
    "odd:missing": "the module odd has no function 'missing'",
    "nowhere:rule": "there is no module nowhere",
    "(AC": "--valid (AC: no regular expression (missing ), unterminated subpattern at position 0)",
    "A{9999999999999}": "no regular expression (the repetition number is too large)",
}


@pytest.mark.parametrize("rule", RULES)
def test_a_bad_rule_is_one_line(rule, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    (tmp_path / "odd.py").write_text(
        "def raises(s):\n    raise ValueError('no such residue')\ndef gives(s):\n    return 2\n"
    )
    put(tmp_path / "s.txt", ["AC", "CA", "AA", "CC"])
    assert main(["evaluate", "s.txt", "--reference", "s.txt", "--metrics", "composition", "--valid", rule]) == 2
    error = capsys.readouterr().err.splitlines()
    assert RULES[rule] in error[-1] and error[-1].startswith("error: --valid")


def test_the_family_of_the_rule_needs_a_rule(tmp_path, capsys):
    put(tmp_path / "s.txt", ["AC", "CA", "AA", "CC"])
    assert main(["evaluate", f"{tmp_path}/s.txt", "--reference", f"{tmp_path}/s.txt", "--metrics", "valid"]) == 2
    assert "--metrics valid needs a rule: pass --valid" in capsys.readouterr().err


def test_neighbours_are_those_of_nltk(monkeypatch):
    monkeypatch.setattr(edits, "BLOCK", (7, 11))  # several blocks of both sides
    stream = Grammar.load("passwords").sentences(4)
    samples, reference, training = (list(itertools.islice(stream, n)) for n in (20, 30, 25))
    scores = NeighbourScores([*samples, ""], FittedReal(reference, training, unit="character"))
    rows = np.array([1, 4, 20])
    for name, others in (("real", reference), ("train", training)):
        pairs = [[edit_distance(one, other) for other in others] for one in [*samples, ""]]
        least = np.min(pairs, axis=1)
        longer = [
            max(len(one), len(others[int(np.argmin(row))])) for one, row in zip([*samples, ""], pairs, strict=True)
        ]
        identity = 100 * (1 - least / longer)
        assert scores()[f"nearest_{name}"] == pytest.approx(least.mean(), abs=1e-6)
        assert scores(rows)[f"nearest_{name}"] == pytest.approx(least[rows].mean(), abs=1e-6)
        assert scores()[f"identity_{name}"] == pytest.approx(identity.mean(), abs=1e-6)


def test_edits_of_sentences_are_of_words():
    samples, reference = ["The dog sleeps.", "a cat"], ["the old dog sleeps.", "no bird sings"]
    scores = NeighbourScores(samples, FittedReal(reference))()
    # One word is put in; "a cat" needs three words in place of two, or four edits of the other.
    assert (scores["nearest_real"], scores["identity_real"]) == (2, pytest.approx(100 * (4 / 5 + 0) / 2))
    assert scores["nearest_train"] is None


def test_all_training_sentences_are_looked_at_for_copies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training = [f"word{i} other{i}" for i in range(60)]
    put(tmp_path / "train.txt", training)
    put(tmp_path / "s.txt", training[-30:])
    put(tmp_path / "r.txt", [f"real{i} text{i}" for i in range(40)])
    options = ["--reference", "r.txt", "--train", "train.txt", "--cap", "10", "--metrics", "neighbours"]
    assert main(["evaluate", "s.txt", *options, "--json", "s.json"]) == 0
    scores = read(tmp_path / "s.json")
    assert scores["nearest_train"] == 0 and scores["identity_train"] == 100
    assert scores["capped"]["neighbours"] == {"samples": 10, "reference": 10}


def test_guesses_count_different_samples_and_different_passwords():
    samples = [*("x", "x", "hit", "y", "hit"), *(f"z{i}" for i in range(8)), "late", "known", "x"]
    reference = ["hit", "hit", "late", "never", "known"]
    scores = GuessScores(samples, FittedReal(reference))()
    # "hit" is the 2nd different guess, "late" the 12th, "known" the 13th and last.
    assert scores["guesses"] == 13 and scores["match_10"] == 1 / 4 and scores["match"] == 3 / 4
    assert scores["match_100"] is None and scores["match_1000000"] is None
    new = GuessScores(samples, FittedReal(reference, ["known", "other"]))
    assert new()["match_10"] == pytest.approx(1 / 3, abs=1e-6) and new()["match"] == pytest.approx(2 / 3, abs=1e-6)
    rows = np.array([1, 3, 4]), np.array([0, 2, 4])
    assert new(*rows)["guesses"] == 3 and new(*rows)["match"] == 0.5
    assert GuessScores(samples, FittedReal(["known"], ["known"]))()["match"] is None


def test_the_curve_of_guesses_is_drawn_beside_the_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    passwords = list(itertools.islice(Grammar.load("passwords").sentences(2), 300))
    put(tmp_path / "a.txt", passwords[:100])
    put(tmp_path / "b.txt", passwords[100:200])
    put(tmp_path / "r.txt", passwords[200:])
    options = ["--reference", "r.txt", "--metrics", "guesses", "--rank", "match", "--bootstrap", "0"]
    assert main(["compare", "a.txt", "b.txt", *options]) == 0
    assert "written: comparison/table.md, scores.json, table.csv, table.tex, guesses.png" in capsys.readouterr().out
    assert (tmp_path / "comparison" / "guesses.png").stat().st_size > 5000
    assert main(["compare", "a.txt", "b.txt", *options[:2], "--metrics", "composition", "--rank", "part_a"]) == 0
    out = capsys.readouterr().out
    assert "ranked by part_a" in out and "guesses.png" not in out


def test_composition_is_of_the_characters_of_real_text():
    samples = ["AAC", "AB", "  "]
    scores = CompositionScores(samples, FittedReal(["AC C", "CT"]))()
    assert scores == {
        "part_A": round(3 / 7, 6),
        "part_C": round(1 / 7, 6),
        "part_T": 0,
        "part_U+0020": round(2 / 7, 6),
        "part_other": round(1 / 7, 6),
    }
