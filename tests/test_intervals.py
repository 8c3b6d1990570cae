"""Test the bootstrap: its random parts, and the intervals that it gives."""

import math

import numpy as np
import pytest

from seqgan_gp.evaluation import Family, Metric
from seqgan_gp.evaluation.scorer import Scorer
from seqgan_gp.metrics.bootstrap import halved, halves, interval, subset
from seqgan_gp.scoring import NGramScores, Real, score
from seqgan_gp.text.grammar import Grammar


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

    low, high = interval(x.mean(), halved(mean, (1000, 10), 2000)["mean"])
    expected = 1.96 * x.std() / math.sqrt(1000)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.06)
    assert (high + low) / 2 == pytest.approx(x.mean(), abs=0.1 * expected)


def test_intervals_have_the_width_of_what_fresh_samples_do():
    # The truth: draw samples and references anew and look at the spread. Duplicates would ruin self-BLEU here.
    stream = Grammar.load("text").sentences(0)
    fresh = [score([next(stream) for _ in range(200)], Real([next(stream) for _ in range(200)])) for _ in range(40)]
    scores = NGramScores([next(stream) for _ in range(200)], Real([next(stream) for _ in range(200)]))
    values, parts = scores(), halved(scores, (200, 200), 200)
    for key in ("self_bleu_3", "bleu_3", "backward_bleu_3", "jsd_1", "distinct_2", "mean_length"):
        low, high = interval(values[key], parts[key])
        spread = np.std([f[key] for f in fresh], ddof=1)
        assert 0.6 < (high - low) / (2 * 1.96 * spread) < 1.7, key


def test_undefined_scores_have_no_interval():
    def sometimes(samples, reference):
        return {"a": None if 0 in samples else 1.0, "b": 1.0}

    assert list(halved(sometimes, (10, 10), 20)) == ["b"]


def test_too_few_sentences_have_no_interval():
    def size(samples, reference):
        return {"a": float(len(samples))}

    assert halved(size, (3, 10), 5) == halved(size, (9, 3), 5) == {}
    assert list(halved(size, (4, 4), 5)["a"]) == [2.0] * 5  # every half has as many
    few = Scorer(MEANS, 5)("few", ["1", "2", "3"], Real(["1", "2", "3", "4"]))
    assert few.intervals == {"mean_length": None, "fed": None} and few.margin("fed") is None


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
