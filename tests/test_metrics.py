"""Test scores that come from counting against nltk, scipy, brute force, closed forms and published figures."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from seqgan_gp.evaluation import Family, Metric, tables
from seqgan_gp.evaluation.catalogue import RUN_METRICS, metrics
from seqgan_gp.evaluation.scorer import Scored, Scorer
from seqgan_gp.metrics import bleu as bleu_
from seqgan_gp.metrics import divergence, diversity
from seqgan_gp.metrics.bootstrap import halves, intervals, subset
from seqgan_gp.metrics.divergence import jensen_shannon
from seqgan_gp.metrics.ngrams import NGrams, NumberedSentences, count_ngrams, list_ngrams, number
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
    empty = NumberedSentences(np.empty(0, dtype=np.int32), np.zeros(2, dtype=np.int64))
    assert diversity.longest_overlap(number([("a",)])[0], empty).tolist() == [0]
    assert diversity.longest_overlap(empty, number([("a",)])[0]).tolist() == [0, 0]


def test_length_distance_is_the_wasserstein_distance_of_scipy():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 30, 50), rng.integers(5, 40, 70)
    assert divergence.length_distance(one, other) == pytest.approx(wasserstein_distance(one, other))
    assert divergence.length_distance(one, one) == 0


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


def test_parts_are_taken_at_random_and_always_the_same():
    for draw in (lambda: subset(1000, 40), lambda: halves(1000)[0], lambda: halves(1000)[1]):
        rows = draw()
        np.testing.assert_array_equal(rows, draw())
        assert 350 < rows.mean() < 650 and len(set(rows)) == len(rows)
    assert (np.diff(subset(1000, 40)) > 0).all()


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


def test_too_few_sentences_have_no_interval():
    def size(samples, reference):
        return {"a": float(len(samples))}

    assert intervals(size, {"a": 3.0}, (3, 10), 5) == intervals(size, {"a": 9.0}, (9, 3), 5) == {"a": None}
    assert intervals(size, {"a": 7.0}, (4, 4), 5) == {"a": (7.0, 7.0)}  # every half has as many


class Means:
    """Two scores of random numbers, one of the samples and one of the reference."""

    def __init__(self, samples, real):
        self.sides = [np.array([float(s) for s in side]) for side in (samples, real.reference)]

    def __call__(self, samples=None, reference=None):
        one, other = (x if rows is None else x[rows] for x, rows in zip(self.sides, (samples, reference), strict=True))
        return {"mean_length": float(one.mean()), "fed": float(other.mean())}


MEANS = {"means": Family(Means, {key: Metric("Mean", "mean of numbers") for key in ("mean_length", "fed")})}


def test_a_scorer_gives_intervals_of_95_percent_and_tables_show_half_of_their_width():
    rng = np.random.default_rng(1)
    one, other = (list(map(str, rng.normal(size=size))) for size in (400, 900))
    scored = Scorer(MEANS, 1500)("mine", one, Real(other))
    for key, side in (("mean_length", one), ("fed", other)):
        expected = 1.96 * np.std([float(x) for x in side]) / math.sqrt(len(side))
        low, high = scored.intervals[key]
        assert scored.margin(key) == pytest.approx((high - low) / 2) == pytest.approx(expected, rel=0.07)
    assert scored.as_dict() == {**scored.values, "intervals": scored.intervals}
    again = Scorer(MEANS, 1500)("mine", one, Real(other))
    assert again == scored  # the same halves each time
    assert Scorer(MEANS)("mine", one, Real(other)).as_dict() == scored.values


def test_a_table_has_every_score_in_its_row_and_says_what_a_dash_means():
    columns = {
        "mine": Scored({"count": 1234, "unique": 0.5, "jsd_3": None}, {"unique": (0.4, 0.62)}),
        "real": Scored({"count": 1234, "unique": 0.25, "jsd_3": 0.125, "bleu_4": 0.75}),
    }
    markdown = tables.markdown(columns).splitlines()
    assert markdown[0] == "|  | mine | real | goal |" and markdown[1] == "| --- | ---: | ---: | --- |"
    assert markdown[2:] == [
        "| count | 1,234 | 1,234 |  |",
        "| bleu_4 | - | 0.7500 | higher |",
        "| unique | 0.5000 ±0.1100 | 0.2500 | real |",
        "| jsd_3 | - | 0.1250 | lower |",
    ]
    lines = tables.terminal(columns).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        *("Sample", "count", "Quality", "bleu_4", "Diversity", "unique", "Distribution", "jsd_3", "-:")
    ]
    assert lines[4].endswith("samples against the reference, 0 to 1; higher is better")
    assert lines[6].endswith("different sentences over all, 0 to 1; real text is the goal")
    assert lines[8].endswith("; lower is better") and lines[-1].endswith("without a training file: bleu_4, jsd_3")


def test_where_real_text_would_be_is_said_of_every_score():
    better = {key: metric.better for key, metric in (RUN_METRICS | metrics()).items()}
    higher = {"bleu", "backward_bleu", "f_bleu", "mauve", "grammatical", "production_coverage", "well_formed"}
    higher |= {"obedience", "obedience_*", "obedient", "agreement", "accuracy"}
    lower = {"jsd", "jsd_char", "length_distance", "fed", "classifier_accuracy", "reverse_lm_nll", "production_jsd"}
    lower |= {"wrong_*", "frechet", "frechet_pixels", "class_jsd"}
    real = {
        "count",
        "mean_length",
        "self_bleu",
        "distinct",
        "unique",
        "novel",
        "longest_overlap",
        "lm_nll",
        "oracle_nll",
    }
    real |= {"confidence", "smallest_class", "largest_class", "class_*"}
    for goal, names in (("higher", higher), ("lower", lower), ("real", real)):
        assert {key.rstrip("_12345") for key, value in better.items() if value == goal} == names
