"""Test scores of known sets of images, and the evaluations of a run on images."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from bars import HEIGHT, WIDTH, bars
from PIL import Image

from seqgan_gp.images import scorer
from seqgan_gp.images.data import Images, Splits
from seqgan_gp.images.grid import grid
from seqgan_gp.images.scorer import ImageScorer
from seqgan_gp.images.task import Evaluator


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """A classifier of bars is trained in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scorer, "STEPS", 60)
        yield


def test_scores_tell_good_images_from_collapsed_and_blurred_ones():
    real, held_out, others = bars(400), bars(200, seed=1), bars(200, seed=2)
    score = ImageScorer(real, held_out)
    good = score.real(others)
    assert good["accuracy"] > 0.95 and good["confidence"] > 0.9
    assert good["class_0"] == pytest.approx((others.labels == 0).mean(), abs=0.03)
    assert good["class_0"] + good["class_1"] == pytest.approx(1)
    collapsed = score(others.take(others.labels == 0).pixels)
    assert (collapsed["smallest_class"], collapsed["largest_class"]) == (0, 1)
    assert collapsed["class_jsd"] > 0.2 > 0.02 > good["class_jsd"]
    assert collapsed["frechet"] > 5 * good["frechet"] and collapsed["frechet_pixels"] > 5 * good["frechet_pixels"]
    mean = np.broadcast_to(others.pixels.mean(axis=0), others.pixels.shape).astype(np.uint8)
    assert score(mean)["frechet_pixels"] > 5 * good["frechet_pixels"]


def test_confidence_is_a_mean_over_the_images():
    score = ImageScorer(bars(300), bars(100, seed=1))
    sure = bars(50, seed=2).pixels
    unsure = np.random.default_rng(3).integers(256, size=(70, HEIGHT, WIDTH)).astype(np.uint8)
    one, other, both = (score(x)["confidence"] for x in (sure, unsure, np.concatenate([sure, unsure])))
    assert one > 0.95 and other < 0.9
    assert both == pytest.approx((50 * one + 70 * other) / 120, abs=1e-5)


def test_images_are_compared_with_the_reference_and_not_with_those_of_the_training():
    train, others = bars(300), bars(120, seed=1)
    # Nine of ten images of the reference are of one class.
    rows = np.concatenate([np.flatnonzero(others.labels == 0)[:45], np.flatnonzero(others.labels == 1)[:5]])
    reference = others.take(rows)
    score = ImageScorer(train, reference)
    itself = score(reference.pixels)
    assert itself["frechet"] == pytest.approx(0, abs=1e-3) and itself["frechet_pixels"] == pytest.approx(0, abs=1e-3)
    assert itself["class_jsd"] < 0.02 and itself["largest_class"] == pytest.approx(0.9, abs=0.02)
    other = score(train.pixels)
    assert other["class_jsd"] > 0.1 and min(other["frechet"], other["frechet_pixels"]) > 0.1


def test_accuracy_is_that_on_the_images_asked_about():
    train, reference = bars(300), bars(60, seed=1)
    score = ImageScorer(train, reference)
    turned = Images(reference.pixels, 1 - reference.labels)
    assert score.real(reference)["accuracy"] > 0.9 and score.real(turned)["accuracy"] < 0.1


def test_images_are_scored_alike_in_one_part_and_in_several(monkeypatch):
    score = ImageScorer(bars(300), bars(50, seed=1))
    whole = score(bars(30, seed=2).pixels)
    monkeypatch.setattr(scorer, "CHUNK", 7)
    assert score(bars(30, seed=2).pixels) == pytest.approx(whole, abs=1e-3)


def test_a_classifier_is_the_same_for_the_same_seed_and_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    one, other = (scorer.train_classifier(bars(100)).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(v, other[k]) for k, v in one.items())


def test_real_and_reference_are_other_images():
    test = bars(60)
    evaluator = Evaluator(Splits(bars(100, seed=1), test), samples=20)
    assert evaluator.real["count"] == len(evaluator.scorer.reference.pixels) == 20
    assert (evaluator.scorer.reference.pixels == test.pixels[:40:2]).all()
    # All held-out images differ: only the reference itself would be at no distance from it.
    assert evaluator.real == evaluator.scorer.real(test.take(slice(1, 40, 2)))
    assert evaluator.real["frechet_pixels"] > 0.1 and evaluator.real["frechet"] > 0


def test_samples_of_a_run_are_scored_and_shown(tmp_path):
    test, asked = bars(60), []

    class Sampler:
        """Gives what it is asked for out of the reference."""

        def sample(self, num, seed):
            asked.append((num, seed))
            yield from np.array_split(test.pixels[: 2 * num : 2], 3)

    evaluator = Evaluator(Splits(bars(100, seed=1), test), samples=20)
    for _ in range(2):
        scores, shown = evaluator(Sampler(), tmp_path / "step-7")
    assert scores["count"] == 20 and scores["frechet_pixels"] == pytest.approx(0, abs=1e-3)
    assert scores["class_0"] == pytest.approx((test.labels[:40:2] == 0).mean())
    assert asked == [(20, 0)] * 2  # the same noise each time, so that curves show the generator
    assert shown == [str(tmp_path / "step-7.png")]
    with Image.open(shown[0]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), grid(test.pixels[:40:2]))
    evaluator.SHOWN = 7  # no more than so many of them
    evaluator(Sampler(), tmp_path / "step-8")
    with Image.open(tmp_path / "step-8.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), grid(test.pixels[:14:2]))


def test_a_grid_is_row_by_row():
    picture = grid(np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 3, 4), dtype=np.uint8))
    assert picture.shape == (2 * 5 - 2, 3 * 6 - 2)
    assert picture[::5, ::6].tolist() == [[0, 1, 2], [3, 4, 0]]
    assert (picture[3:5] == 0).all()
