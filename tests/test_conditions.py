"""Test labels and contexts as numbers, and how far sentences keep to them."""

import collections

import numpy as np
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.text.conditions import Contexts, Labels
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.tokenizer import Tokenizer


def test_labels_keep_their_names_and_proportions(tmp_path):
    labels = Labels.of(["b", "a", "b", "a", "b"], ["a"])
    assert labels.encode(["a", "b"]).tolist() == [1, 0]
    labels.save(tmp_path / "labels.json")
    again = Labels.load(tmp_path / "labels.json")
    assert again.counts == {"b": 3, "a": 2}
    drawn = collections.Counter(again.draw(2000, np.random.default_rng(0)))
    assert abs(drawn["b"] / 2000 - 0.6) < 0.05
    with pytest.raises(UserError, match="no label 'c': the training sentences have 'b', 'a'"):
        again.encode(["a", "c"])
    (tmp_path / "labels.json").write_text("[1]")
    with pytest.raises(UserError, match=r"labels.json: not a file of labels"):
        Labels.load(tmp_path / "labels.json")


@pytest.mark.parametrize(
    "train, test, message",
    [
        (["a", "a", "b"], ["a"], r"one training sentence only has the label 'b' \(and 1 of 2 labels"),
        (["a", "a"], ["a"], "all training sentences have the label 'a'"),
        (["a", "a", "b", "b"], ["c"], "the label 'c' is in the held-out sentences only"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(train, test, message):
    with pytest.raises(UserError, match=message):
        Labels.of(train, test)


def test_obedience_and_agreement_are_those_of_the_grammar():
    types = Grammar.load("types")
    obedience = Labels({"statement": 1, "question": 1}).adherence(types)
    given = ["statement", "statement", "question", "question"]
    values = obedience(given, ["anna sleeps.", "does anna sleep?", "who sleeps?", "who sleep?"])
    assert values == {
        "obedient": pytest.approx(1 / 2),
        "obedience": pytest.approx(2 / 3),
        "obedience_statement": pytest.approx(1 / 2),
        "obedience_question": pytest.approx(1),
    }
    assert obedience(["statement"], ["sleeps anna."]) == {"obedient": 0}
    agreement = Contexts(Tokenizer.train("word", ["a"], 10), 5).adherence(Grammar.load("dialogue"))
    values = agreement(["do i sleep?"] * 4, ["yes, you sleep.", "yes, i sleep.", "no, you do not run.", "sleep"])
    assert values == {"agreement": 0.25, "wrong_person": 0.25, "wrong_verb": 0.25, "wrong_grammar": 0.25}
    with pytest.raises(UserError, match="no label 'x', it has statement"):
        Labels({"x": 2, "statement": 2}).adherence(types)


def test_the_user_is_told_what_the_sentences_are_given():
    given = [*["b"] * 5, *["a"] * 3]
    assert Labels.of(given, ["a"]).describe(given) == "2 labels: b (62.5%), a (37.5%)"
    contexts = Contexts(Tokenizer.train("word", ["a b c"], 10), 3)
    described = contexts.describe(["a b c", "a", "a b c", "b a"])
    assert described == "3 different contexts; 2 are longer than 3 tokens and were cut"
    assert contexts.encode(["a b c", "c"]).shape == (2, 3)
