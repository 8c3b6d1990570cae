"""Test the scores of samples that come from counting and from a grammar, also against published figures."""

import math
from dataclasses import replace

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import jensenshannon

from seqgan_gp.metrics.divergence import jensen_shannon
from seqgan_gp.scoring import NGramScores, OracleScores, Real, defined, score
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.words import read_lines

PUBLISHED = {
    "mle": (0.731, 0.497, 0.305, 0.189, 0.916, 0.769, 0.583, 0.408),
    "seqgan": (0.745, 0.498, 0.294, 0.180, 0.950, 0.840, 0.670, 0.489),
}


@pytest.mark.parametrize("system", PUBLISHED)
def test_the_published_table_is_reproduced_from_the_published_samples(coco, system):
    reference = read_lines(coco / "coco" / "test.txt")
    values = score(read_lines(coco / "published_samples" / f"texygen_{system}.txt"), Real(reference))
    ours = [values[f"{kind}_{n}"] for kind in ("bleu", "self_bleu") for n in range(2, 6)]
    assert ours == pytest.approx(PUBLISHED[system], abs=0.002)


def parts(builder, samples, real, rows, others):
    """The scores of some samples and references, and those of files of them."""
    alone = replace(real, reference=[real.reference[i] for i in others])
    return builder(samples, real)(rows, others), builder([samples[i] for i in rows], alone)()


@pytest.mark.parametrize("unit", ["word", "character"])
def test_some_samples_and_references_are_scored_like_files_of_them(unit):
    stream = Grammar.load("text").sentences(3)
    training, reference, samples = ([next(stream) for _ in range(n)] for n in (60, 40, 30))
    real = Real(reference, training, Grammar.load("text"), unit)
    samples = [*samples, *training[:9], *samples[:4], "no such sentence", ""]
    rows, others = np.array([0, 3, 9, 14, 30, 31, 36, 39, 43]), np.arange(0, 40, 3)
    for builder in (NGramScores, OracleScores):
        part, alone = parts(builder, samples, real, rows, others)
        assert part == alone and part != builder(samples, real)()


def test_every_score_has_the_number_of_its_order():
    values = score(["a b a", "a b"], Real(["a b c d e", "x y"]))
    assert [values[f"distinct_{n}"] for n in range(1, 4)] == [0.4, pytest.approx(2 / 3, abs=1e-6), 1.0]
    assert values["distinct_4"] is None and values["jsd_4"] is None and values["jsd_3"] == 1
    smoothing = SmoothingFunction().method1
    references = [s.split() for s in ("a b c d e", "x y")]
    assert values["bleu_4"] is values["bleu_5"] is None  # as there is no divergence either
    for n in range(2, 4):
        expected = [
            sentence_bleu(references, hypothesis, (1 / n,) * n, smoothing)
            for hypothesis in (["a", "b", "a"], ["a", "b"])
        ]
        assert values[f"bleu_{n}"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert not {"bleu_1", "self_bleu_1", "bleu_6", "distinct_5", "jsd_5"} & values.keys()
    # The characters of "a b a" and "a b", and of "a b c d e" and "x y", counted by hand: a, b, a space, and the rest.
    ours, theirs = [3, 2, 3, 0, 0, 0, 0, 0], [1, 1, 5, 1, 1, 1, 1, 1]
    assert values["jsd_char_1"] == pytest.approx(jensenshannon(ours, theirs, base=2) ** 2, abs=1e-6)


def test_score_reports_fractions():
    samples = ["a b", "A  b", "c", ""]
    values = score(samples, Real(["a b", "b"], training=["a b"]))
    assert (values["count"], values["unique"], values["novel"], values["mean_length"]) == (4, 0.75, 0.5, 1.25)
    assert values["longest_overlap"] == 1.0  # 2, 2, 0 and 0 tokens
    assert values["new_words"] == 0.2  # c, of five words
    assert score(["", ""], Real(["a b"], training=["a b"]))["new_words"] is None  # no words
    assert score(samples, Real(["a"], ["a"], unit="character"))["new_words"] is None
    assert values["jsd_3"] is None  # undefined, not NaN: JSON has none
    assert score(samples, Real(samples))["novel"] is None


def test_backward_bleu_turns_the_two_around_and_f_is_their_harmonic_mean():
    one, other = ["a b c d", "a b x y z"], ["a b c d e", "c d e f", "q r"]
    values, turned = score(one, Real(other)), score(other, Real(one))
    for n in range(2, 6):
        p, r = values[f"bleu_{n}"], values[f"backward_bleu_{n}"]
        assert r == turned[f"bleu_{n}"]
        assert values[f"f_bleu_{n}"] == pytest.approx(2 * p * r / (p + r), abs=1e-5)


def test_recall_falls_where_a_generator_collapses_and_precision_does_not():
    stream = Grammar.load("text").sentences(0)
    reference, fresh = ([next(stream) for _ in range(300)] for _ in range(2))
    real, collapsed = score(fresh, Real(reference)), score(fresh[:3] * 100, Real(reference))
    assert collapsed["bleu_4"] > real["bleu_4"] - 0.1
    assert collapsed["backward_bleu_4"] < real["backward_bleu_4"] / 2
    assert collapsed["self_bleu_4"] == 1.0 and collapsed["unique"] == 0.01


def test_a_generator_that_says_nothing_can_still_be_scored():
    values = score(["", ""], Real(["a b", "b"]))
    assert (values["bleu_2"], values["self_bleu_2"], values["unique"], values["jsd_1"]) == (None, None, 0.5, None)
    assert (values["f_bleu_2"], values["distinct_1"], values["jsd_char_1"]) == (None, None, None)


def test_numbers_that_are_not_numbers_are_none():
    assert defined({"a": float("nan"), "b": None, "c": 1 / 3, "d": 7}) == {"a": None, "b": None, "c": 0.333333, "d": 7}


def test_oracle_ignores_the_ungrammatical_in_the_likelihood():
    grammar = Grammar("S -> 'a' S [0.5] | 'b' [0.5]")
    scores = OracleScores(["a b", "b", "b a", "b"], Real([], grammar=grammar))
    values = scores()
    assert values["grammatical"] == 0.75
    assert values["oracle_nll"] == pytest.approx(math.log(2))
    assert values["production_coverage"] == 1.0
    # One use of the first production and three of the second; the language has as many of one as of the other.
    assert values["production_jsd"] == pytest.approx(jensen_shannon(np.array([1, 3]), np.array([1, 1])), abs=1e-6)
    # A part of the samples is scored by itself.
    assert scores(np.array([2]))["grammatical"] == 0 and scores(np.array([2]))["oracle_nll"] is None
    assert scores(np.array([1]))["production_coverage"] == 0.5
