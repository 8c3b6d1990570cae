"""Test counts of n-grams and what they give against nltk, scipy, brute force and closed forms."""

import math
import random

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from seqgan_gp.metrics import bleu as bleu_
from seqgan_gp.metrics import characters, divergence, diversity, ngrams
from seqgan_gp.metrics.characters import Alphabet
from seqgan_gp.metrics.divergence import jensen_shannon
from seqgan_gp.metrics.ngrams import NGrams, NumberedSentences, Vocabulary, count_ngrams, number


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


def in_parts(monkeypatch, size):
    """Let everything that is made in parts have parts of this size."""
    for module in (ngrams, characters, divergence):
        monkeypatch.setattr(module, "PART", size)


@pytest.mark.parametrize("part", [1 << 21, 11, 1])
@pytest.mark.parametrize("seed", range(10))
def test_counts_are_those_of_a_loop(seed, part, monkeypatch):
    in_parts(monkeypatch, part)
    rng = random.Random(seed)
    corpora = [corpus(rng, rng.choice([1, 5, 30])) for _ in range(3)]
    names: dict[tuple[int, int], tuple] = {}
    for sentences, counted in zip(corpora, counts(*corpora), strict=True):
        assert list(counted.lengths) == [len(s) for s in sentences]
        for n, order in enumerate(counted.orders, 1):
            expected = brute_force(sentences, n)
            assert counted.sizes(n).tolist() == list(map(len, expected))
            # The second occurrence of an n-gram in a sentence has another number than the first, in all corpora the
            # same one.
            ranked = [(gram, s[:i].count(gram)) for s in expected for i, gram in enumerate(s)]
            for symbol, occurrence in zip(order.symbols.tolist(), ranked, strict=True):
                assert names.setdefault((n, symbol), occurrence) == occurrence
                assert (symbol < order.grams) == (occurrence[1] == 0)
            totals = order.totals()
            for symbol, (gram, rank) in zip(order.symbols.tolist(), ranked, strict=True):
                assert rank or totals[symbol] == sum(s.count(gram) for s in expected)
            assert totals.sum() == len(ranked)
    assert len({(n, *occurrence) for (n, _), occurrence in names.items()}) == len(names)


@pytest.mark.parametrize("part", [1 << 21, 50, 3])
def test_characters_are_counted_as_ngrams_of_tokens_are(part, monkeypatch):
    rng = random.Random(4)
    # The empty string, one letter, and characters from beyond the sixteen bits of a code unit.
    one, other = (
        ["".join(rng.choice("ab \u00e9\U0001f600") for _ in range(rng.randrange(9))) for _ in range(40)] for _ in "ab"
    )
    one += ["", "x"]
    expected = ngram_jsd([tuple(s) for s in one], [tuple(s) for s in other])
    in_parts(monkeypatch, part)
    assert Alphabet(one, other).jsd(one, other) == pytest.approx(expected, abs=1e-12)
    assert Alphabet(one, other).jsd(one[::3], other) == pytest.approx(
        ngram_jsd([tuple(s) for s in one[::3]], [tuple(s) for s in other]), abs=1e-12
    )
    assert (
        np.isnan(Alphabet(["ab"], ["cd"]).jsd(["ab"], ["cd"])[2:]).all()
        and np.isnan(Alphabet([""]).jsd([""], [])).all()
    )


def test_an_alphabet_of_any_size_is_counted(monkeypatch):
    """Beyond the largest alphabet the last characters share a number: nothing wraps around."""
    monkeypatch.setattr(characters, "LARGEST", 4)
    assert Alphabet(["abcdef"]).jsd(["cdab"], ["efab"])[0] == 0
    assert Alphabet(["abcdef"]).jsd(["aaaa"], ["bbbb"])[0] == 1
    assert characters.LARGEST**characters.MAX_N < 2**63


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
    # A token that the samples lack is none of theirs, whichever it is.
    vocabulary = Vocabulary()
    known, other = vocabulary.number(samples), vocabulary.number([*training, ("y", "z")], learn=False)
    assert diversity.longest_overlap(known, other).tolist() == [longest(s) for s in samples]


def test_nothing_overlaps_with_nothing():
    empty = NumberedSentences(np.empty(0, dtype=np.int32), np.zeros(2, dtype=np.int64))
    assert diversity.longest_overlap(number([("a",)])[0], empty).tolist() == [0]
    assert diversity.longest_overlap(empty, number([("a",)])[0]).tolist() == [0, 0]


def test_length_distance_is_the_wasserstein_distance_of_scipy():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 30, 50), rng.integers(5, 40, 70)
    assert divergence.length_distance(one, other) == pytest.approx(wasserstein_distance(one, other))
    assert divergence.length_distance(one, one) == 0
