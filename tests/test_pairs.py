"""Test labels and contexts in the grammars, and which answers fit which contexts."""

import collections
import itertools
import math
import runpy

import numpy as np
import pytest

from seqgan_gp import shipped
from seqgan_gp.errors import UserError
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.pairs import Pairs


@pytest.fixture(scope="module")
def types():
    return Grammar.load("types")


@pytest.fixture(scope="module")
def dialogue():
    grammar = Grammar.load("dialogue")
    return grammar, Pairs(grammar)


def records(grammar, num):
    return list(itertools.islice(grammar.records(0), num))


def test_records_are_the_sentences_with_their_labels(types):
    made = records(types, 300)
    assert [row["text"] for row in made] == list(itertools.islice(types.sentences(0), 300))
    counts = collections.Counter(row["label"] for row in made)
    assert counts.keys() == {"statement", "question", "negation", "command"}
    for label, expected in (("statement", 0.40), ("question", 0.25), ("negation", 0.20), ("command", 0.15)):
        assert abs(counts[label] / 300 - expected) < 4 * math.sqrt(expected * (1 - expected) / 300)


def test_no_sentence_has_two_labels(types):
    made = records(types, 400)
    usage = types.parse([row["text"] for row in made])[1]
    columns = [types.productions[types.start, opening] for opening in types.openings]
    np.testing.assert_allclose(usage[:, columns].max(axis=1), 1, atol=1e-6)  # one of them makes it, and no other
    own = types.label_probability([row["label"] for row in made], [row["text"] for row in made])
    np.testing.assert_allclose(own, 1, atol=1e-6)
    assert types.label_probability(["statement", "question"], ["no such sentence", ""]).tolist() == [0, 0]


def test_a_sentence_of_two_labels_has_them_in_proportion():
    grammar = Grammar("S -> A [0.75] | B [0.25]\nA -> 'x' [1.0]\nB -> 'x' [0.5] | 'y' [0.5]")
    np.testing.assert_allclose(grammar.label_probability(["a", "b", "b"], ["x", "x", "y"]), [6 / 7, 1 / 7, 1])


def test_sentence_types_are_short_and_agree(types):
    assert types.max_length <= 15
    right = ["does the dog sleep?", "who sees anna?", "please sing.", "peter does not run.", "where are the dogs?"]
    wrong = ["does the dog sleeps?", "who see anna?", "please sings.", "peter do not run.", "where is the dogs?"]
    assert np.isfinite(types.log_probability(right)).all()
    assert not np.isfinite(types.log_probability(wrong)).any()


def test_a_grammar_that_repeats_its_start_symbol_has_no_labels():
    with pytest.raises(UserError, match="S inside its sentences"):
        next(Grammar("S -> 'a' S [0.5] | 'a' [0.5]").records(0))


def test_the_shipped_dialogue_is_what_its_script_writes():
    folder = shipped.folder("data")
    written = runpy.run_path(str(folder / "dialogue.py"))["grammar"]()
    assert (folder / "dialogue.pcfg").read_text(encoding="utf-8") == written


def test_agreement_is_membership_in_the_grammar_of_pairs(dialogue):
    grammar, pairs = dialogue
    made = records(grammar, 120)
    contexts, answers = [row["context"] for row in made], [row["text"] for row in made]
    assert all(pairs.agree(contexts, answers))
    # The answers to other questions, many of them alike: some fit by chance.
    other = [answers[i] for i in np.roll(np.argsort(contexts, kind="stable"), 1)[np.argsort(np.argsort(contexts))]]
    joint = grammar.log_probability([f"{c} | {a}" for c, a in zip(contexts, other, strict=True)])
    assert pairs.agree(contexts, other) == np.isfinite(joint).tolist()
    assert 0 < np.isfinite(joint).sum() < len(made)


def test_the_sides_have_the_probabilities_of_the_pairs():
    grammar = Grammar("P -> A/n-1 '|' B/n-1 [0.25] | A/n-2 '|' B/n-2 [0.75]\nA/n-1 -> 'x' [1.0]\n"
                      "A/n-2 -> 'y' [1.0]\nB/n-1 -> 'u' [0.5] | 'w' [0.5]\nB/n-2 -> 'w' [1.0]")  # fmt: skip
    pairs = Pairs(grammar)
    np.testing.assert_allclose(np.exp(pairs.answers.log_probability(["u", "w"])), [0.125, 0.875])
    np.testing.assert_allclose(np.exp(pairs.contexts.log_probability(["x", "y"])), [0.25, 0.75])
    assert pairs.disagreements("y", "u") == ("n",) and pairs.disagreements("x", "w") == ()


def test_the_sides_of_a_grammar_may_be_as_rare_as_one_likes():
    grammar = Grammar("P -> A '|' B [0.99999] | C '|' B [0.00001]\nA -> 'x' [1.0]\nC -> 'y' [1.0]\nB -> 'u' [1.0]")
    found = np.exp(Pairs(grammar).contexts.log_probability(["x", "y"]))
    np.testing.assert_allclose(found, [0.99999, 0.00001])


@pytest.mark.parametrize(
    "context, answer, wrong",
    [
        ("do you like this book?", "yes, i like it.", ()),
        ("do you like this book?", "no, i do not.", ()),
        ("do you like this book?", "yes, you like it.", ("person",)),
        ("do you like this book?", "no, we do not like it.", ("number",)),
        ("do you like this book?", "yes, i see it.", ("verb",)),
        ("do you like this book?", "yes, i like them.", ("object",)),
        ("does anna see two dogs?", "no, he does not see them.", ("gender",)),
        ("does anna see two dogs?", "they see a key.", ("question", "number")),
        ("what does peter find?", "he finds three red keys.", ()),
        ("what does peter find?", "he finds a red keys.", ("grammar",)),
        ("what do peter find?", "he finds a red key.", ("grammar",)),
        ("do the tall men sleep?", "yes, they sleep.", ()),
        ("do the tall men sleep?", "yes, they sleeps.", ("grammar",)),
        ("do the tall men sleep?", "no, he does not sleep.", ("number",)),
    ],
)
def test_what_an_answer_gets_wrong_is_named(dialogue, context, answer, wrong):
    assert dialogue[1].disagreements(context, answer) == wrong


def test_there_are_thousands_of_questions_and_they_are_short(dialogue):
    grammar, pairs = dialogue
    assert len({row["context"] for row in itertools.islice(grammar.records(0), 10_000)}) > 5_000
    assert pairs.contexts.max_length <= 15 and pairs.answers.max_length <= 15


def test_a_grammar_without_pairs_has_no_contexts(types):
    with pytest.raises(UserError, match=r"must be Left '\|' Right"):
        Pairs(types)


def test_a_sentence_may_be_a_question_and_an_answer():
    grammar = Grammar("P -> A '|' B [1.0]\nA -> 'x' [0.5] | 'y' [0.5]\nB -> 'x' [0.5] | 'z' [0.5]")
    pairs = Pairs(grammar)
    assert pairs.agree(["x", "y", "z", "x"], ["x", "x", "x", "y"]) == [True, True, False, False]
