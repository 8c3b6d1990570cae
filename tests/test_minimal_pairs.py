"""Test that minimal pairs are one change apart, and that the grammar's parser proves them right and wrong."""

import collections
import functools
import itertools
import math

import numpy as np
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.probing.minimal_pairs import classes, minimal_pairs
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.pairs import Pairs
from seqgan_gp.text.tokenizer import Tokenizer

SIZES = {"text": (17, 90), "types": (18, 90), "dna": (47, 30), "dialogue": (34, 14)}
KINDS = {"dna": "character"}
GENERAL = {"class", "order"}


@functools.cache
def make(name, seed=3, most=40, column=None):
    """The grammar, its records, and minimal pairs of them."""
    grammar, (length, number) = Grammar.load(name), SIZES[name]
    records = list(itertools.islice(grammar.records(5), number))
    sentences = [r["text"] for r in records] if column else list(itertools.islice(grammar.sentences(5), number))
    given = [r[column] for r in records] if column else None
    known = [*sentences, *itertools.islice(grammar.sentences(6), 2000)]
    tokenizer = Tokenizer.train(KINDS.get(name, "word"), known, 900)
    return grammar, sentences, given, minimal_pairs(sentences, grammar, tokenizer, length, seed, given, most)


@pytest.fixture(scope="module", params=SIZES)
def made(request):
    return make(request.param)


def places(grammar, pair):
    one, other = grammar.split(pair.real), grammar.split(pair.changed)
    assert len(one) == len(other)
    return [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


def test_every_pair_is_proved_right_or_wrong_by_the_parser(made):
    grammar, sentences, _, pairs = made
    assert np.isfinite(grammar.log_probability([p.real for p in pairs])).all()
    changed = grammar.log_probability([p.changed for p in pairs])
    assert [p.proof for p in pairs] == ["wrong" if value == -math.inf else "fine" for value in changed]
    assert all(p.real == sentences[p.row] for p in pairs)


def test_every_pair_is_one_change_and_has_a_fine_one_of_its_kind_at_the_same_place(made):
    grammar, _, _, pairs = made
    wrong = {(p.family, p.row): places(grammar, p) for p in pairs if p.proof == "wrong"}
    fine = {(p.family, p.row): places(grammar, p) for p in pairs if p.proof == "fine"}
    assert len(wrong) + len(fine) == len(pairs) and fine.keys() <= wrong.keys()
    assert {name for name, _ in wrong} == GENERAL | {c.name for c in grammar.contrasts}
    for (name, row), there in (wrong | fine).items():
        assert len(there) == (2 if name == "order" else 1) and np.ptp(there) == (name == "order")
        if name != "order" and (name, row) in fine:
            assert fine[name, row] == wrong[name, row]
    assert any(name == "class" for name, _ in fine)


def test_each_phenomenon_is_capped_and_a_sentence_has_one_pair_of_it():
    pairs = make("text", most=11)[-1]
    counts = collections.Counter((p.family, p.proof) for p in pairs)
    assert {n for (_, proof), n in counts.items() if proof == "wrong"} == {11}
    assert len({(p.family, p.proof, p.row) for p in pairs}) == len(pairs)
    assert max(p.row for p in pairs) > 60  # not the first ones alone


def test_the_same_seed_gives_the_same_pairs():
    one, again, other = (make.__wrapped__("text", seed, most=9)[-1] for seed in (3, 3, 4))
    assert one == again != other


def test_a_contrast_puts_the_word_of_the_same_number_in_place_where_both_classes_have_as_many():
    grammar, _, _, pairs = make("text")
    one, many = (list(grammar.words_of(symbol)) for symbol in grammar.contrasts[0].sides)
    verbs = dict(zip([*one, *many], [*many, *one], strict=True))
    seen = 0
    for pair in pairs:
        (place,) = places(grammar, pair) if pair.family == "agreement" and pair.proof == "wrong" else (None,)
        if place is not None and (word := grammar.split(pair.real)[place]) in verbs:
            seen += grammar.split(pair.changed)[place] == verbs[word]
            assert grammar.split(pair.changed)[place] == verbs[word]
    assert seen > 5


def test_genes_are_wrong_where_they_start_or_stop():
    _, _, _, pairs = make("dna")
    for pair in pairs:
        codons = [pair.changed[i : i + 3] for i in range(0, len(pair.changed), 3)]
        stops = [codon in ("TAA", "TAG", "TGA") for codon in codons]
        if pair.proof == "wrong" and pair.family == "start":
            assert codons[0] != "ATG" and pair.place < 3
        if pair.proof == "wrong" and pair.family == "stop":
            assert any(stops[:-1]) or not stops[-1]
        assert (pair.proof == "wrong") == (codons[0] != "ATG" or any(stops[:-1]) or not stops[-1])


def test_with_labels_the_pairs_are_proved_for_the_label():
    grammar, _, given, pairs = make("types", column="label")
    assert all(p.given == given[p.row] for p in pairs)
    chance = grammar.label_probability([p.changed_given for p in pairs], [p.changed for p in pairs])
    assert [p.proof for p in pairs] == ["fine" if value > 0 else "wrong" for value in chance]
    other = [p for p in pairs if p.family == "condition"]
    assert len(other) == 40 and all(p.real == p.changed and p.given != p.changed_given and p.place == -1 for p in other)
    assert all(p.given == p.changed_given for p in pairs if p.family != "condition")


def test_with_contexts_the_answer_is_changed_and_proved_beside_its_context():
    grammar, _, _, pairs = make("dialogue", column="context")
    agree = Pairs(grammar).agree([p.changed_given for p in pairs], [p.changed for p in pairs])
    assert [p.proof for p in pairs] == ["fine" if right else "wrong" for right in agree]
    joint = grammar.log_probability([f"{p.changed_given} | {p.changed}" for p in pairs[::9]])
    assert np.isfinite(joint).tolist() == agree[::9]
    assert {"agreement", "pronoun", "condition", "class"} <= {p.family for p in pairs}
    # "yes, she sees it." is right by itself, and wrong as an answer to a question about a man.
    alone = Pairs(grammar).answers.log_probability([p.changed for p in pairs if p.family == "pronoun"])
    assert np.isfinite(alone).any()


def spans(source, sentences, family):
    grammar = Grammar(source)
    tokenizer = Tokenizer.train("word", [" ".join(sorted(grammar.vocabulary))], 50)
    pairs = minimal_pairs(sentences, grammar, tokenizer, 12, given=None)
    return {p.span for p in pairs if p.family == family and p.proof == "wrong"}


@pytest.mark.parametrize("between, span", [([], 2), (["m"], 3), (["m", "n", "m"], 5)])
def test_the_span_is_the_distance_over_which_words_must_agree(between, span):
    middle = " ".join(f"'{word}'" for word in between)
    source = f"%contrast agreement: 'x' 'y'\nS -> 'a' {middle} 'x' [0.5] | 'b' {middle} 'y' [0.5]"
    assert spans(source, [" ".join(["a", *between, "x"])], "agreement") == {span}


def test_a_span_may_reach_to_an_end_and_is_none_where_it_is_too_wide():
    source = "%contrast end: 'x' 'y'\nS -> 'x' T [0.5] | 'x' [0.5]\nT -> 'y' T [0.5] | 'y' [0.5]"
    assert spans(source, ["x y y"], "end") == {2}  # no sentence begins with y
    far = "'m' 'm' 'm' 'm' 'm' 'm' 'm'"
    source = f"%contrast agreement: 'x' 'y'\nS -> 'a' {far} 'x' [0.5] | 'b' {far} 'y' [0.5]"
    assert spans(source, ["a m m m m m m m x"], "agreement") == {None}


def test_the_classes_of_a_grammar_are_words_that_the_same_symbols_derive():
    grammar = Grammar(
        "S -> A B [0.5] | B 'z' [0.5]\nA -> 'u' [0.5] | 'v' [0.5]\nB -> 'v' [0.5] | 'w' [0.25] | 'x' [0.25]"
    )
    assert classes(grammar) == [["w", "x"]]


def test_a_grammar_without_contrasts_has_those_of_class_and_order():
    grammar = Grammar("S -> A B [1.0]\nA -> 'u' [0.5] | 'v' [0.5]\nB -> 'w' [0.5] | 'x' [0.5]")
    tokenizer = Tokenizer.train("word", ["u v w x"], 20)
    pairs = minimal_pairs(["u w", "v x", "no such", "u w w"], grammar, tokenizer, 5)
    assert {p.family for p in pairs} == GENERAL and {p.row for p in pairs} == {0, 1}
    assert {p.changed for p in pairs if p.family == "order"} == {"w u", "x v"}


@pytest.mark.parametrize(
    "sentences, given, complaint",
    [
        (["not of the grammar"], None, "none of the 1 sentences gives a minimal pair"),
        ([], None, "none of the 0"),
        (["the dog sleeps."], ["x", "y"], "2 conditions are given for 1 sentences"),
        (["the dog sleeps."], ["exclamation"], "no label 'exclamation', it has statement"),
        (["the dog sleeps near the small house."], None, "at most 6 tokens"),
    ],
)
def test_what_gives_no_minimal_pair_is_one_line(sentences, given, complaint):
    tokenizer = Tokenizer.train("word", ["the dog sleeps near the small house."], 20)
    with pytest.raises(UserError, match=complaint) as error:
        minimal_pairs(sentences, Grammar.load("types"), tokenizer, 7, given=given)
    assert "\n" not in str(error.value)
