"""Test accuracies and areas of critics whose answers are known."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from critics import critic as network
from sklearn.metrics import roc_auc_score

from seqgan_gp.errors import UserError
from seqgan_gp.pretrained import Critic
from seqgan_gp.probing.acceptability import acceptability
from seqgan_gp.probing.against import against
from seqgan_gp.probing.corruptions import Pair, corrupt_all
from seqgan_gp.probing.intervals import accuracy, area
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.tokenizer import Tokenizer


def count(word):
    """A critic that counts a word, and the sentences that it was called with."""
    seen = []

    def critic(sentences):
        seen.extend(sentences)
        return torch.tensor([float(s.split().count(word)) for s in sentences])

    return critic, seen


def pair(real, changed, family="f", row=0, **more):
    return Pair(real, changed, family, more.pop("place", 0), row, **more)


PAIRS = [
    *(pair(f"b a {i}", f"b {i}", "fewer", i, place=1, length=3, proof="wrong", span=2) for i in range(6)),
    *(pair(f"b a {i}", f"c a {i}", "even", i, place=0, length=3, proof="fine") for i in range(5)),
    *(pair(f"b a {i}", f"b a a {i}", "more", i, place=2, length=3 + i % 2) for i in range(4)),
]


def test_a_critic_that_counts_a_word_is_right_where_the_word_is_lost():
    critic, seen = count("a")
    result = acceptability(critic, PAIRS, batch_size=4)
    rows = {row["family"]: row for row in result.rows}
    assert [rows[f]["accuracy"] for f in ("fewer", "even", "more")] == [1, 0.5, 0]
    assert [rows[f]["auc"] for f in ("fewer", "even", "more")] == [1, 0.5, 0]
    assert [rows[f]["pairs"] for f in ("fewer", "even", "more")] == [6, 5, 4]
    assert [rows[f]["proof"] for f in ("fewer", "even", "more")] == ["wrong", "fine", None]
    assert rows["fewer"]["change"] is None  # all real scores are alike: they have no spread
    assert sorted(seen) == sorted({s for p in PAIRS for s in (p.real, p.changed)})  # each of them once
    assert result.scores.shape == (15, 2) and result.scores[0].tolist() == [1, 0]


def test_a_change_is_in_standard_deviations_of_the_different_real_sentences():
    pairs = [pair("x a", "x"), pair("x a", "x b"), pair("x a a a", "x a a", row=1)]
    (row,) = acceptability(count("a")[0], pairs).rows
    assert row["change"] == pytest.approx(-1)  # the real scores are 1 and 3
    assert acceptability(lambda s: np.array([-10.0 * x.count("a") for x in s]), pairs).rows[0]["change"] == (
        pytest.approx(1)
    )


def test_one_pair_has_no_interval_of_its_change():
    rows = acceptability(count("a")[0], [pair("a a", "b"), pair("a", "b", "one", 1)]).rows
    assert rows[1]["change"] == -2 and rows[1]["change_low"] is rows[1]["change_high"] is None


def test_a_constant_critic_is_at_chance():
    grammar = Grammar.load("text")
    sentences = list(itertools.islice(grammar.sentences(5), 50))
    tokenizer = Tokenizer.train("word", sentences, 300)
    for row in acceptability(lambda s: np.full(len(s), 7.0), corrupt_all(sentences, tokenizer, 17, seed=3)).rows:
        assert row["accuracy"] == row["auc"] == 0.5 and row["accuracy_low"] < 0.4 and row["accuracy_high"] > 0.6


def test_wrong_and_fine_pairs_of_a_family_have_a_row_each():
    pairs = [pair("a", "b", proof="wrong"), pair("a a", "b b", proof="wrong", row=1), pair("a", "c a", proof="fine")]
    rows = acceptability(count("a")[0], pairs).rows
    assert [(row["proof"], row["pairs"], row["accuracy"]) for row in rows] == [("wrong", 2, 1), ("fine", 1, 0.5)]


def test_conditions_go_with_their_side_of_the_pair():
    def critic(sentences, given):
        return [float(label in sentence) for sentence, label in zip(sentences, given, strict=True)]

    pairs = [
        pair("x y", "x y", row=0, given="x", changed_given="z"),
        pair("y", "z", row=1, given="y", changed_given="z"),
    ]
    assert acceptability(critic, pairs).scores.tolist() == [[1, 0], [1, 1]]


def test_accuracies_have_the_interval_of_wilson():
    scores = np.array([[1, 0]] * 7 + [[0, 1]] * 2 + [[5, 5]] * 2)
    mean, low, high = accuracy(scores)
    assert mean == 8 / 11
    for end in (low, high):  # the ends solve (p - mean)^2 = z^2 p (1 - p) / n
        assert (end - mean) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 11, rel=1e-5)
    assert accuracy(np.ones((20, 2)) * [1, 0])[1:] == (pytest.approx(20 / (20 + 1.959964**2)), 1)
    assert accuracy(np.zeros((0, 2))) is None


@pytest.mark.parametrize("decimals", [1, 9])  # with ties, and without
def test_areas_are_those_of_sklearn(decimals):
    rng = np.random.default_rng(3)
    real, changed = rng.normal(0.7, 1, 60).round(decimals), rng.normal(0, 1, 45).round(decimals)
    exact = roc_auc_score([1] * 60 + [0] * 45, [*real, *changed])
    assert area(real, changed, paired=False)[0] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_of_an_area_is_that_of_the_bootstrap(paired):
    rng = np.random.default_rng(3)
    real = rng.normal(0, 1, 400)
    changed = real - 0.5 + rng.normal(0, 0.3, 400)
    areas = []
    for _ in range(600):
        one = rng.integers(400, size=400)
        other = one if paired else rng.integers(400, size=400)
        areas.append((real[one][:, None] > changed[other]).mean())
    mean, low, high = area(real, changed, paired)
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(areas), rel=0.12)
    assert mean - low == pytest.approx(high - mean)


def test_pairs_are_told_apart_by_place_length_and_span():
    result = acceptability(count("a")[0], PAIRS)
    rows = {row["family"]: row for row in result.by("place").rows}
    assert rows["fewer"]["1"] == 1 and rows["even"]["0"] == 0.5 and rows["more"]["2"] == 0
    assert rows["fewer"]["0"] is None and rows["fewer"]["1_low"] == pytest.approx(6 / (6 + 1.959964**2))
    assert result.by("length").columns == ["family", "proof", "3", "4"]
    assert [row["family"] for row in result.by("span").rows] == ["fewer"]
    with pytest.raises(UserError, match="no 'colour': take length, place or span"):
        result.by("colour")
    with pytest.raises(UserError, match="no pair has a span"):
        acceptability(count("a")[0], [replace(p, span=None) for p in PAIRS]).by("span")


def test_many_lengths_share_columns_of_about_as_many_pairs():
    pairs = [pair(f"a {i}", f"{i}", row=i, length=size) for i, size in enumerate([*range(1, 21), 20, 20])]
    columns = acceptability(count("a")[0], pairs).by("length").columns[2:]
    assert columns == ["1-6", "7-11", "12-17", "18-20"]


def test_a_changed_condition_alone_has_no_place():
    pairs = [pair("a", "a", "wrong condition", place=-1, length=1), pair("a", "b", place=0, length=1)]
    assert [row["family"] for row in acceptability(count("a")[0], pairs).by("place").rows] == ["f"]


def test_generated_sentences_stand_beside_real_ones():
    real, samples = ["a a", "a a a", "a", "x"], ["a", "x", "x x"]
    result = against(count("a")[0], real, samples)
    one, other = result.rows
    exact = roc_auc_score([1] * 4 + [0] * 3, [2, 3, 1, 0, 1, 0, 0])
    assert other["auc"] == pytest.approx(exact) and one["auc"] is None and other["auc_low"] < exact < other["auc_high"]
    assert (one["sentences"], one["number"], one["mean"], one["50%"]) == ("real", 4, 1.5, 1.5)
    assert (other["sentences"], other["number"], other["mean"]) == ("generated", 3, pytest.approx(1 / 3))
    assert one["25%"] == np.quantile([2, 3, 1, 0], 0.25) and one["95%"] == np.quantile([2, 3, 1, 0], 0.95)


@pytest.fixture
def real_critic():
    tokenizer = Tokenizer.train("word", ["a b c d e f"], 11)
    return Critic(network(vocabulary=len(tokenizer)), tokenizer)


@pytest.mark.filterwarnings("ignore::seqgan_gp.notices.Notice")
def test_a_sentence_that_fills_the_critic_without_an_end_token_counts(real_critic):
    assert acceptability(real_critic, [pair("a b c d e f", "a b")]).left_out == 0


def test_sentences_that_the_critic_would_cut_are_left_out_and_counted(real_critic, recwarn):
    pairs = [pair("a b c", "a c"), pair("a b c d e f g", "a b", row=1), pair("a b", "a b c d e f g", row=2)]
    result = acceptability(real_critic, pairs)
    assert result.rows[0]["pairs"] == 1 and result.left_out == 2 and "2 pairs are left out" in result.note
    assert result.scores[0].tolist() == pytest.approx(real_critic(["a b c", "a c"]).tolist(), abs=1e-6)
    beside = against(real_critic, ["a b", "b", "a b c d e f g"], ["c", "d"])
    assert (beside.rows[0]["number"], beside.left_out) == (2, 1) and "1 sentences are left out" in beside.note
    assert not recwarn.list
    with pytest.raises(UserError, match="all 1 pairs have a sentence that the critic would cut"):
        acceptability(real_critic, pairs[1:2])
    with pytest.raises(UserError, match="1 of 2 generated sentences are not cut"):
        against(real_critic, ["a", "b"], ["a", "a b c d e f g"])


def test_it_changes_no_mode_and_keeps_no_gradient(real_critic):
    real_critic.network.train()
    torch.set_grad_enabled(True)
    result = acceptability(real_critic, [pair("a b c", "a c")])
    assert real_critic.network.training and torch.is_grad_enabled() and isinstance(result.scores, np.ndarray)


def test_results_are_written_and_drawn(tmp_path):
    result = acceptability(count("a")[0], PAIRS)
    for name, part in {
        "all": result,
        "place": result.by("place"),
        "beside": against(count("a")[0], ["a", "b"], ["a", "c"]),
    }.items():
        part.save(tmp_path, name)
        assert (tmp_path / f"{name}.png").stat().st_size > 2000
        assert json.loads((tmp_path / f"{name}.json").read_text())["rows"] == [dict(row) for row in part.rows]
        assert part.title and part.note.endswith(".")
    axes = result.plot().axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fewer (wrong)", "even (fine)", "more"]
    assert [bar.get_width() for bar in axes.patches] == [1, 0.5, 0]
    assert "1.000 [0.610, 1.000]" in result.table()


@pytest.mark.parametrize(
    "ask, complaint",
    [
        (lambda: acceptability(count("a")[0], []), "no pairs: make some"),
        (lambda: acceptability(lambda s: [math.nan] * len(s), PAIRS), "score of 'b a 0' is nan"),
        (lambda: acceptability(lambda s: [1.0], PAIRS), "shape"),
        (lambda: against(count("a")[0], ["a"], ["a", "b"]), "1 of 1 real sentences"),
        (lambda: against(count("a")[0], ["a", "b"], []), "0 of 0 generated sentences"),
        (lambda: against(count("a")[0], ["a", "b"], ["a", "b"], given=["x"]), "1 conditions are given for 2 real"),
    ],
)
def test_what_cannot_be_scored_is_one_line(ask, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        ask()
    assert "\n" not in str(error.value)
