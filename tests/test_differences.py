"""Test whether two systems are told apart: by the definitions, by enumeration, and by how often equal ones differ."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from seqgan_gp.evaluation import Family, Metric, pairs
from seqgan_gp.evaluation.scorer import Scored, Scorer, over_seeds
from seqgan_gp.metrics.differences import halves_differ, holm, seeds_differ, smallest
from seqgan_gp.scoring import NGRAM_METRICS, NGramScores, Real
from seqgan_gp.text.grammar import Grammar


def by_hand(one, other):
    """The p over all assignments of the scores to the two systems, twice the smaller tail."""
    everything, seen = [*one, *other], np.mean(one) - np.mean(other)
    all_ = []
    for chosen in itertools.combinations(range(len(everything)), len(one)):
        mine = [everything[i] for i in chosen]
        rest = [everything[i] for i in range(len(everything)) if i not in chosen]
        all_.append(np.mean(mine) - np.mean(rest))
    tails = [np.mean([d >= seen - 1e-12 for d in all_]), np.mean([d <= seen + 1e-12 for d in all_])]
    return min(1.0, 2 * min(tails))


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5), (6, 4)])
def test_the_permutation_test_goes_through_all_assignments(sizes):
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.7, 1, sizes[0]), rng.normal(0, 1, sizes[1])
    assert seeds_differ(one, other) == pytest.approx(by_hand(one, other)) == pytest.approx(seeds_differ(other, one))
    apart = seeds_differ(one + 100, other)
    assert apart == pytest.approx(smallest(*sizes)) == pytest.approx(2 / math.comb(sum(sizes), sizes[0]))


def test_three_seeds_never_go_below_a_tenth_and_equal_ones_are_equal():
    assert smallest(3, 3) == pytest.approx(0.1) and smallest(2, 2) == pytest.approx(1 / 3) and smallest(1, 1) == 1
    assert seeds_differ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]) == 1
    many = np.arange(12.0)
    assert seeds_differ(many, many + 100) == pytest.approx(smallest(12, 12)) == 2 / 10_000


def test_seeds_of_equal_systems_differ_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    found = [seeds_differ(*rng.exponential(size=(2, 4))) for _ in range(300)]
    assert 0.01 < np.mean(np.array(found) <= 0.06) < 0.1  # the p of four and four are multiples of 2 / 70
    assert np.mean([seeds_differ(x, 3 + x) for x in rng.normal(size=(50, 4))]) < 0.05


def test_holm_is_that_of_its_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0] and holm([0.2]) == [0.2]


class Means:
    """The mean of numbers, less that of the reference."""

    def __init__(self, samples, real):
        self.sides = [np.array([float(s) for s in side]) for side in (samples, real.reference)]

    def __call__(self, samples=None, reference=None):
        one, other = (x if rows is None else x[rows] for x, rows in zip(self.sides, (samples, reference), strict=True))
        return {"unique": float(one.mean() - other.mean())}


SCORER = Scorer({"means": Family(Means, {"unique": Metric("Mean", "mean of numbers")})}, 100)


def test_halves_are_paired_and_give_the_p_of_the_t_test():
    rng = np.random.default_rng(3)
    one, other = rng.normal(0.3, 1, 400), rng.normal(0, 1, 400)
    real = Real([str(x) for x in rng.normal(0, 50, 300)])  # whose chance is in both scores
    systems = {name: SCORER(name, list(map(str, x)), real) for name, x in (("one", one), ("other", other))}
    (pair,) = pairs.compared(systems, ["unique"])
    found = pair.scores["unique"]
    assert pair.names == ("one", "other") and pair.test == pairs.HALVES
    assert found.value == pytest.approx(one.mean() - other.mean(), abs=1e-5)
    seen = stats.t.isf(found.p / 2, 99)
    assert seen == pytest.approx(stats.ttest_ind(one, other).statistic, rel=0.2) and found.p < 1e-3


def test_halves_of_equal_systems_differ_as_often_as_the_level_says():
    rng, found = np.random.default_rng(4), []
    for _ in range(400):
        sides = rng.exponential(size=(2, 60))
        parts = np.array([[side[rng.permutation(60)[:30]].mean() for side in sides] for _ in range(60)])
        found.append(halves_differ(sides[0].mean() - sides[1].mean(), parts[:, 0] - parts[:, 1]))
    assert 0.025 < np.mean(np.array(found) < 0.05) < 0.085


@pytest.mark.slow
def test_halves_of_sentences_of_one_grammar_differ_as_often_as_the_level_says():
    stream, found = Grammar.load("text").sentences(5), []
    scorer = Scorer({"ngrams": Family(NGramScores, NGRAM_METRICS)}, 50)
    for _ in range(150):
        drawn = [[next(stream) for _ in range(150)] for _ in range(3)]
        real = Real(drawn[2])
        systems = {name: scorer(name, drawn[place], real) for place, name in enumerate("ab")}
        (pair,) = pairs.compared(systems, list(NGRAM_METRICS))
        found.append({key: number.p for key, number in pair.scores.items()})
    for key in ("bleu_4", "backward_bleu_2", "f_bleu_4", "self_bleu_4", "distinct_2", "jsd_2", "mean_length"):
        assert np.mean([row[key] < 0.05 for row in found]) < 0.11, key


def test_scores_without_spread_are_equal_or_not():
    assert halves_differ(0.0, [0.0] * 9) == 1 and halves_differ(0.5, [0.5] * 9) == 0


def seeds(*values):
    return over_seeds([Scored({"count": 20, "unique": value}) for value in values])


def test_seeds_become_a_mean_a_deviation_and_a_number():
    system = seeds(0.1, 0.4, 0.7)
    assert system.values == {"count": 20, "unique": pytest.approx(0.4)} and isinstance(system.values["count"], int)
    assert system.margin("unique") == pytest.approx(0.3)
    assert system.as_dict()["seeds"] == [{"count": 20, "unique": value} for value in (0.1, 0.4, 0.7)]
    assert seeds(0.1, None).values["unique"] is None
    assert over_seeds([Scored({"unique": 0.5})]).seeds == ()


def test_pairs_are_corrected_together_and_name_their_test_and_its_limit():
    systems = {"a": seeds(1.0, 1.1, 1.2), "b": seeds(2.0, 2.1, 2.2), "c": seeds(3.0, 3.1, 3.2)}
    found = pairs.compared(systems, ["count", "unique"])
    assert [pair.names for pair in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.scores["unique"].p for pair in found] == pytest.approx([0.3, 0.3, 0.3])
    assert found[1].scores["unique"].value == pytest.approx(-2) and "count" not in found[0].scores
    notes = "\n".join(pairs.notes(found))
    assert "permutation test over the seeds; p cannot be below 0.30 with 3 and 3 seeds and 3 pairs" in notes
    assert "corrected for the 3 pairs (Holm)" in notes and "halves" not in notes
    assert pairs.table(found, ["count", "unique"]).markdown().splitlines() == [
        "| score | a - b (seeds) | a - c (seeds) | b - c (seeds) |",
        "| --- | ---: | ---: | ---: |",
        "| unique | -1.0000 (0.30) | -2.0000 (0.30) | -1.0000 (0.30) |",
    ]


def test_too_few_seeds_without_halves_are_not_tested():
    assert pairs.compared({"a": seeds(1.0, 1.1), "b": seeds(2.0, 2.1, 2.2)}, ["unique"]) == []
