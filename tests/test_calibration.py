"""The calibration curve of a discriminator: its probabilities against the fractions of real text."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from untrained import choosing

from seqgan_gp import Discriminator
from seqgan_gp.errors import UserError
from seqgan_gp.probing.calibration import calibration


class Known:
    """A discriminator with a given logit for each sentence, which is a number."""

    def __init__(self):
        self.seen = []

    def __call__(self, sentences, given=None):
        self.seen.append((list(sentences), given))
        return np.array([float(sentence) for sentence in sentences])


def drawn(bias=0.0, factor=1.0, pairs=4000):
    """Real and generated sentences whose true log-ratio is known, with logits that are off by a factor and a bias: the
    ratio of two normal distributions of means 1 and -1 is exp(2 x).
    """
    rng = np.random.default_rng(5)
    real, generated = rng.normal(1, 1, pairs), rng.normal(-1, 1, pairs)
    return [[f"{2 * factor * x + bias}" for x in side] for side in (real, generated)]


def test_the_curve_is_that_of_scikit_learn():
    real, generated = drawn(factor=1.7, pairs=700)
    result = calibration(Known(), real, generated, bins=8, batch_size=50)
    probabilities = 1 / (1 + np.exp(-np.array([*real, *generated], dtype=float)))
    is_real = np.arange(1400) < 700
    fraction, predicted = calibration_curve(is_real, probabilities, n_bins=8)
    *bins, everything = result.rows
    filled = [row for row in bins if row["number"]]
    np.testing.assert_allclose([row["real"] for row in filled], fraction)
    np.testing.assert_allclose([row["predicted"] for row in filled], predicted)
    sizes = np.array([row["number"] for row in filled])
    assert sizes.sum() == everything["number"] == 1400 and everything["real"] == 0.5
    assert result.error == pytest.approx((np.abs(fraction - predicted) * sizes).sum() / 1400) == everything["error"]
    np.testing.assert_allclose(np.sort(result.probabilities), np.sort(probabilities))
    assert result.real.sum() == 700


def test_the_true_ratio_has_no_error_and_a_wrong_one_has():
    exact, cold, moved = (calibration(Known(), *drawn(**how)) for how in ({}, {"factor": 4}, {"bias": 2}))
    assert exact.error < 0.015 < 0.05 < min(cold.error, moved.error)
    inside = [row["real_low"] <= row["predicted"] <= row["real_high"] for row in exact.rows[:-1]]
    assert sum(inside) >= 8
    assert moved.rows[-1]["predicted"] > 0.6 > exact.rows[-1]["predicted"] > 0.4


def test_as_many_sentences_of_each_side_count():
    real, generated = drawn(pairs=300)
    one = calibration(Known(), real[:90], generated, seed=4)
    assert one.rows[-1]["number"] == 180 and one.rows[-1]["real"] == 0.5
    assert one.rows == calibration(Known(), real[:90], generated, seed=4).rows
    assert one.rows != calibration(Known(), real[:90], generated, seed=5).rows


def test_conditions_stay_with_their_sentences():
    known = Known()
    sides = [[str(i) for i in range(7)], [str(-i) for i in range(5)]]
    calibration(known, *sides, [f"of {s}" for s in sides[0]], [f"of {s}" for s in sides[1]], batch_size=3)
    assert all(given == [f"of {s}" for s in sentences] for sentences, given in known.seen)


def test_sure_scores_and_empty_bins_are_drawn(tmp_path):
    result = calibration(Known(), ["900", "800"], ["-900", "-800"])
    assert [row["number"] for row in result.rows] == [2, *[0] * 8, 2, 4] and result.error == 0
    result.save(tmp_path, "calibration")
    assert (tmp_path / "calibration.png").stat().st_size > 1000
    assert "expected calibration error" in (tmp_path / "calibration.md").read_text()


def test_a_discriminator_of_a_run_has_a_curve(tmp_path):
    discriminator = Discriminator.from_pretrained(choosing(tmp_path / "run"))
    result = calibration(discriminator, ["a bee", "good jobs", "do"], ["bee a", "jobs", "do can"])
    assert result.rows[-1]["number"] == 6 and 0 <= result.error <= 1


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"real": []}, "there are no real sentences"),
        ({"generated": []}, "there are no generated sentences"),
        ({"given": ["x"]}, "1 conditions are given for 2 real sentences"),
        ({"bins": 0}, "bins: 0 is not a whole number of at least 1"),
        ({"real": ["nan", "1"]}, "only finite scores"),
    ],
)
def test_bad_input_is_named_in_one_line(change, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        calibration(Known(), **({"real": ["1", "2"], "generated": ["-1", "0"]} | change))
    assert "\n" not in str(error.value)
