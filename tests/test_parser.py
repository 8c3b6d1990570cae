"""Test the parser against the parses of nltk's chart parser, listed one by one, and against closed forms."""

import itertools
import math
import random

import numpy as np
import pytest
from charts import Charts, changed, differences, random_grammar

from seqgan_gp import shipped
from seqgan_gp.errors import UserError
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.grammar import chart as our_chart
from seqgan_gp.text.grammar import parser as our_parser

GRAMMARS = ["dialogue", "dna", "passwords", "peptides", "text", "types"]


def shipped_charts(name):
    return Charts((shipped.folder("data") / f"{name}.pcfg").read_text(encoding="utf-8"))


def assert_equal(found):
    assert found["membership"] == 0
    assert max(found["log_probability"], found["best"]) < 1e-12
    assert found["usage"] < 1e-6  # single precision


def some(grammar, number, seed):
    real = list(itertools.islice(grammar.sentences(seed), number))
    return real + list(changed(grammar, real, random.Random(seed)))


@pytest.mark.parametrize("name", GRAMMARS)
def test_parses_are_those_of_nltk(name):
    grammar = Grammar.load(name)
    found = differences(grammar, shipped_charts(name), some(grammar, 15, seed=4))
    assert_equal(found)
    assert 15 <= found["known"] < 30


def test_parses_of_random_grammars_are_those_of_nltk():
    rng = random.Random(5)
    known = parses = 0
    for _ in range(60):
        source = random_grammar(rng)
        sentences = [" ".join(rng.choice("aabbc") for _ in range(rng.randint(1, 5))) for _ in range(8)]
        found = differences(Grammar(source), Charts(source), sentences)
        assert_equal(found)
        known, parses = known + found["known"], parses + found["parses"]
    assert known > 70 and parses > known + 40, (known, parses)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*GRAMMARS, "random"])
def test_parses_of_ten_thousand_sentences_are_those_of_nltk(name):
    if name != "random":
        grammar = Grammar.load(name)
        found = differences(grammar, shipped_charts(name), some(grammar, 5_000, seed=6))
        print(name, found)
        assert_equal(found)
        return
    rng = random.Random(7)
    for _ in range(500):
        source = random_grammar(rng)
        sentences = [" ".join(rng.choice("aabbc") for _ in range(rng.randint(1, 6))) for _ in range(20)]
        assert_equal(differences(Grammar(source), Charts(source), sentences))


def test_a_sentence_with_more_parses_than_fit_into_memory_is_one_line_and_the_others_are_parsed(monkeypatch):
    grammar = Grammar("S -> S S [0.3] | 'a' [0.7]")
    sentences = ["a " * n for n in (3, 5, 2, 4)]
    exact = grammar.log_probability(sentences)
    monkeypatch.setattr(our_chart, "WAYS", 40)  # enough for any two of them, and not for all
    np.testing.assert_allclose(grammar.log_probability(sentences), exact, rtol=1e-12)
    with pytest.raises(UserError, match="12 words has too many parses"):
        grammar.parse(["a " * 12])


def test_sentences_are_parsed_alike_however_many_are_parsed_together(monkeypatch):
    grammar = Grammar.load("types")
    sentences = some(grammar, 60, seed=8)
    together = grammar.parse(sentences)
    monkeypatch.setattr(our_parser, "PLACES", 30)
    for ours, alone in zip(together, grammar.parse(sentences), strict=True):
        np.testing.assert_array_equal(ours, alone)
    repeated = grammar.parse([sentences[3], sentences[90], sentences[3]])
    for ours, again in zip(together, repeated, strict=True):
        np.testing.assert_array_equal(ours[[3, 90, 3]], again)


def test_a_long_sentence_of_a_recursive_grammar_is_parsed():
    grammar = Grammar("S -> 'a' S [0.9] | 'b' [0.1]")
    exact = 1_000 * math.log(0.9) + math.log(0.1)  # a probability that is too small for a float
    np.testing.assert_allclose(grammar.log_probability(["a " * 1_000 + "b", "a " * 1_000]), [exact, -np.inf])


def test_a_tree_that_is_too_deep_is_one_line():
    with pytest.raises(UserError, match="too deep"):
        Grammar("S -> 'a' S [0.9] | 'b' [0.1]").trees(["a " * 1_000 + "b"])


def test_a_production_of_probability_0_makes_no_sentence():
    grammar = Grammar("S -> 'a' [1.0] | 'b' [0.0]")
    assert grammar.log_probability(["a", "b"]).tolist() == [0.0, -math.inf]
    assert grammar.trees(["b"]) == [None]


def test_totals_of_usage_are_those_of_the_rows():
    grammar = Grammar("S -> S S [0.4] | A [0.3] | B [0.3]\nA -> 'a' [1.0]\nB -> 'a' [0.5] | 'b' [0.5]")
    parses = grammar.parses(["a a b", "c", "a", "a a b", "b b"])
    usage = parses.usage()
    np.testing.assert_allclose(parses.total(), usage.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(parses.total(np.array([0, 3, 4])), usage[[0, 3, 4]].sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(usage[0], usage[3])


def test_equal_sentences_are_parsed_once(monkeypatch):
    parsed, forests = [], our_chart.Chart.forests
    monkeypatch.setattr(
        our_chart.Chart, "forests", lambda chart, sentences: parsed.extend(sentences) or forests(chart, sentences)
    )
    Grammar.load("text").parse(["the dog sleeps.", "a cat sings.", "the dog sleeps.", "a dog", "a dog"])
    assert len(parsed) == 3
