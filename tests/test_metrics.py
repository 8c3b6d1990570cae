"""BLEU and self-BLEU against nltk and against published figures; divergences against scipy and closed forms."""

import math
import random

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import jensenshannon

from seqgan_gp.metrics.bleu import bleu, self_bleu
from seqgan_gp.metrics.divergence import jensen_shannon, ngram_jsd
from seqgan_gp.metrics.report import halves, oracle, score
from seqgan_gp.text.words import read_lines, words


def corpus(rng, size):
    """Few words and many lengths: repeats, duplicates, empty and one-word sentences all occur."""
    return [tuple(rng.choice("abcde") for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 7, 9, 14]))) for _ in range(size)]


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
    reference = [words(s) for s in read_lines(coco / "coco" / "test.txt")]
    samples = [words(s) for s in read_lines(coco / "published_samples" / f"texygen_{system}.txt")]
    values = score(samples, reference)
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


def test_score_reports_fractions():
    samples = [("a", "b"), ("a", "b"), ("c",), ()]
    values = score(samples, [("a", "b"), ("b",)], frozenset({("a", "b")}))
    assert (values["count"], values["unique"], values["novel"], values["mean_length"]) == (4, 0.75, 0.5, 1.25)
    assert values["jsd_3"] is None  # undefined, not NaN: JSON has none
    assert score(samples, samples)["novel"] is None


def test_a_generator_that_says_nothing_can_still_be_scored():
    values = score([(), ()], [("a", "b"), ("b",)])
    assert (values["bleu_2"], values["self_bleu_2"], values["unique"], values["jsd_1"]) == (0, 0, 0.5, None)


def test_oracle_ignores_the_ungrammatical_in_the_likelihood():
    values = oracle(np.array([-2.0, -np.inf, -4.0]), np.array([2, 9, 4]))
    assert values == {"grammatical": pytest.approx(2 / 3), "oracle_nll": pytest.approx(1.0)}
    assert oracle(np.array([-np.inf]), np.array([3])) == {"grammatical": 0, "oracle_nll": None}


def test_halves_share_nothing_and_lose_nothing():
    one, other = halves(list(range(11)))
    assert sorted(one + other) == list(range(11)) and abs(len(one) - len(other)) == 1
