"""Scores that come from counting: against nltk, scipy, brute force, closed forms and published figures."""

import math
import random

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from seqgan_gp.metrics import bleu as bleu_
from seqgan_gp.metrics import divergence, diversity
from seqgan_gp.metrics.divergence import jensen_shannon
from seqgan_gp.metrics.ngrams import Corpus, NGrams, count_ngrams, list_ngrams, number
from seqgan_gp.metrics.resampling import halves, intervals, subset
from seqgan_gp.scoring import NGramScores, OracleScores, Real, defined, score
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.words import read_lines


def corpus(rng, size):
    """Few words and many lengths: repeats, duplicates, empty and one-word sentences all occur."""
    return [tuple(rng.choice("abcde") for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 7, 9, 14]))) for _ in range(size)]


def counts(*corpora, max_n=5) -> list[NGrams]:
    return count_ngrams(*number(*corpora), max_n=max_n)


def bleu(hypotheses, references) -> np.ndarray:
    return bleu_.bleu(*counts(hypotheses, references))


def self_bleu(sentences) -> np.ndarray:
    return bleu_.self_bleu(*counts(sentences))


def ngram_jsd(samples, reference) -> list[float]:
    return divergence.ngram_jsd(*counts(samples, reference, max_n=4))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(25))
def test_bleu_and_self_bleu_are_those_of_nltk(seed):
    rng = random.Random(seed)
    hypotheses, references = corpus(rng, 15), corpus(rng, rng.choice([1, 2, 8]))
    hypotheses += [hypotheses[0], (), ("a",), ("z", "z")]
    ours, ours_self = bleu(hypotheses, references), self_bleu(hypotheses)
    smoothing = SmoothingFunction().method1
    for i, hypothesis in enumerate(hypotheses):
        others = hypotheses[:i] + hypotheses[i + 1 :]
        for n in range(1, 6):
            weights = (1 / n,) * n
            assert ours[i, n - 1] == pytest.approx(sentence_bleu(references, hypothesis, weights, smoothing), abs=1e-12)
            assert ours_self[i, n - 1] == pytest.approx(
                sentence_bleu(others, hypothesis, weights, smoothing), abs=1e-12
            )


def test_a_sentence_is_not_among_its_own_references():
    assert self_bleu([("a", "b", "c"), ("d", "e", "f")]).max() == 0
    assert self_bleu([("a", "b", "c", "d", "e")] * 2).min() == pytest.approx(1)


def test_too_few_sentences_are_refused():
    with pytest.raises(ValueError, match="two sentences"):
        self_bleu([("a",)])
    with pytest.raises(ValueError, match="reference"):
        bleu([("a",)], [])


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


def test_jensen_shannon_is_that_of_scipy():
    rng = np.random.default_rng(0)
    p, q = rng.integers(0, 5, 30), rng.integers(0, 5, 30)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert jensen_shannon(p, 3 * p) == pytest.approx(0)
    assert jensen_shannon(np.array([1, 0]), np.array([0, 1])) == pytest.approx(1)


def test_ngram_jsd_counts_ngrams_within_sentences():
    # Bigrams: ab, bc against ab, ab: p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4).
    expected = (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25) + math.log2(1 / 0.75)) / 2
    ours = ngram_jsd([("a", "b"), ("b", "c")], [("a", "b"), ("a", "b")])
    assert ours[1] == pytest.approx(expected)
    assert math.isnan(ours[2])  # no sentence has three tokens


def brute_force(sentences, n):
    return [[tuple(s[i : i + n]) for i in range(len(s) - n + 1)] for s in sentences]


@pytest.mark.parametrize("seed", range(10))
def test_counts_are_those_of_a_loop(seed):
    rng = random.Random(seed)
    corpora = [corpus(rng, rng.choice([1, 5, 30])) for _ in range(3)]
    grouped, listed = counts(*corpora), list_ngrams(*number(*corpora), max_n=5)
    names: dict[tuple[int, int], tuple] = {}
    for sentences, group, listing in zip(corpora, grouped, listed, strict=True):
        assert list(group.lengths) == list(listing.lengths) == [len(s) for s in sentences]
        for n, (counted, single) in enumerate(zip(group.orders, listing.orders, strict=True), 1):
            expected = brute_force(sentences, n)
            found = list(zip(counted.gram.tolist(), counted.sentence.tolist(), counted.count.tolist(), strict=True))
            assert sorted(c for _, _, c in found) == sorted(s.count(g) for s in expected for g in set(s))
            assert [s for _, s in sorted(zip(found, (f[1] for f in found), strict=True))] == [f[1] for f in found]
            # The same number is the same n-gram, in all corpora: single occurrences stand in order of text.
            for gram, text in zip(single.gram.tolist(), (g for s in expected for g in s), strict=True):
                assert names.setdefault((n, gram), text) == text
            np.testing.assert_array_equal(counted.totals(), single.totals())
    assert len(set(names.values())) == len(names)


def test_some_sentences_of_a_corpus_are_a_corpus():
    rng = random.Random(0)
    one, other = corpus(rng, 40), corpus(rng, 30)
    rows = np.array([3, 5, 8, 21, 34])
    whole, reference = counts(one, other)
    np.testing.assert_array_equal(bleu_.bleu(whole.take(rows), reference), bleu([one[i] for i in rows], other))
    np.testing.assert_array_equal(bleu_.self_bleu(whole.take(rows)), self_bleu([one[i] for i in rows]))
    assert whole.take(None) is whole


def test_distinct_counts_different_ngrams():
    values = diversity.distinct(counts([("a", "b", "a"), ("a", "b")], max_n=4)[0])
    assert values[:3] == [2 / 5, 2 / 3, 1.0] and math.isnan(values[3])


@pytest.mark.parametrize("seed", range(5))
def test_longest_overlap_is_that_of_a_loop(seed):
    rng = random.Random(seed)
    samples, training = corpus(rng, 20), corpus(rng, 4)

    def longest(sentence):
        known = {g for n in range(1, 20) for s in brute_force(training, n) for g in s}
        return max((n for n in range(1, 20) for g in brute_force([sentence], n)[0] if g in known), default=0)

    assert diversity.longest_overlap(*number(samples, training)).tolist() == [longest(s) for s in samples]


def test_nothing_overlaps_with_nothing():
    empty = Corpus(np.empty(0, dtype=np.int32), np.zeros(2, dtype=np.int64))
    assert diversity.longest_overlap(number([("a",)])[0], empty).tolist() == [0]
    assert diversity.longest_overlap(empty, number([("a",)])[0]).tolist() == [0, 0]


def test_length_distance_is_the_wasserstein_distance_of_scipy():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 30, 50), rng.integers(5, 40, 70)
    assert divergence.length_distance(one, other) == pytest.approx(wasserstein_distance(one, other))
    assert divergence.length_distance(one, one) == 0


def test_score_reports_fractions():
    samples = ["a b", "A  b", "c", ""]
    values = score(samples, Real(["a b", "b"], training=["a b"]))
    assert (values["count"], values["unique"], values["novel"], values["mean_length"]) == (4, 0.75, 0.5, 1.25)
    assert values["longest_overlap"] == 1.0  # 2, 2, 0 and 0 tokens
    assert values["jsd_3"] is None  # undefined, not NaN: JSON has none
    assert score(samples, Real(samples))["novel"] is None


def test_backward_bleu_turns_the_two_around_and_f_is_their_harmonic_mean():
    one, other = ["a b c d", "a b x y"], ["a b c d e", "c d e f", "q r"]
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
    assert (values["bleu_2"], values["self_bleu_2"], values["unique"], values["jsd_1"]) == (0, 0, 0.5, None)
    assert (values["f_bleu_2"], values["distinct_1"], values["jsd_char_1"]) == (0, None, None)


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


def test_halves_share_nothing_and_are_equal():
    one, other = halves(11)
    assert len(one) == len(other) == 5 and len({*one, *other}) == 10
    assert len(set(subset(11, 4))) == 4 and list(subset(11, 20)) == list(range(11))


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)

    def mean(rows, _):
        return {"mean": float(x[rows].mean())}

    low, high = intervals(mean, {"mean": x.mean()}, (1000, 10), 2000)["mean"]
    expected = 1.96 * x.std() / math.sqrt(1000)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.06)
    assert (high + low) / 2 == pytest.approx(x.mean(), abs=0.1 * expected)


def test_intervals_have_the_width_of_what_fresh_samples_do():
    # The truth: draw samples and references anew and look at the spread. Duplicates would ruin self-BLEU here.
    stream = Grammar.load("text").sentences(0)
    fresh = [score([next(stream) for _ in range(200)], Real([next(stream) for _ in range(200)])) for _ in range(40)]
    scores = NGramScores([next(stream) for _ in range(200)], Real([next(stream) for _ in range(200)]))
    ours = intervals(scores, scores(), (200, 200), 200)
    for key in ("self_bleu_3", "bleu_3", "backward_bleu_3", "jsd_1", "distinct_2", "mean_length"):
        low, high = ours[key]
        spread = np.std([f[key] for f in fresh], ddof=1)
        assert 0.6 < (high - low) / (2 * 1.96 * spread) < 1.7, key


def test_undefined_scores_have_no_interval():
    def sometimes(samples, reference):
        return {"a": None if 0 in samples else 1.0, "b": 1.0}

    assert intervals(sometimes, {"a": 1.0, "b": None}, (10, 10), 20) == {"a": None, "b": None}
