"""Test which sources images come from, and which images are held out."""

import datasets
import numpy as np
import pytest
from bars import HEIGHT, TINY, WIDTH, bars, load
from PIL import Image

from seqgan_gp import config
from seqgan_gp.errors import UserError
from seqgan_gp.images.data import Images, Splits
from seqgan_gp.images.task import ImageTask


def test_labels_are_numbered_by_the_training_images_where_held_out_ones_lack_a_class(tmp_path):
    pixels = bars(30).pixels
    Images(pixels[:20], np.array([2, 5, 9, 5] * 5)).save(tmp_path / "train.npz")
    Images(pixels[20:], np.array([5, 9] * 5)).save(tmp_path / "test.npz")
    train, test = load(tmp_path / "train.npz", tmp_path / "test.npz")
    assert train.labels.tolist() == [0, 1, 2, 1] * 5 and test.labels.tolist() == [1, 2] * 5


def test_every_key_of_the_images_has_its_effect_and_the_seed_has_none(tmp_path):
    images = bars(40)
    columns = {"image": [Image.fromarray(p) for p in images.pixels], "label": images.labels.tolist()}
    columns |= {"negative": [Image.fromarray(255 - p) for p in images.pixels], "third": [i % 3 for i in range(40)]}
    datasets.Dataset.from_dict(columns).to_parquet(tmp_path / "a.parquet")
    images.save(tmp_path / "b.npz")
    options = [*TINY, f"--images.train={tmp_path / 'a.parquet'}", "--images.holdout=10"]

    def seen(*more: str) -> list:
        splits = ImageTask.load(config.parse([*options, *more]).config).splits
        return [array.tolist() for part in splits for array in part]

    plain = seen()
    assert seen("--seed=8") == plain
    for change in ("seed=8", "holdout=11", "column=negative", "label=third", f"test={tmp_path / 'b.npz'}"):
        assert seen(f"--images.{change}") != plain, change


def pictures(images: Images) -> datasets.Dataset:
    column = [Image.fromarray(p) for p in images.pixels]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["up", "down"])})
    return datasets.Dataset.from_dict({"image": column, "label": list(images.labels)}, features=features)


def test_parquet_and_folders_hold_the_same_images_as_npz(tmp_path):
    images = bars(30)
    images.save(tmp_path / "a.npz")
    pictures(images).to_parquet(tmp_path / "a.parquet")
    for split, rows in (("train", range(20)), ("test", range(20, 30))):
        for i in rows:
            to = tmp_path / "folder" / split / "ud"[images.labels[i]] / f"{i:03}.png"
            to.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images.pixels[i]).convert("RGB").save(to)
    npz, parquet = load(tmp_path / "a.npz", holdout=5), load(tmp_path / "a.parquet", holdout=5)
    for one, other in zip(npz, parquet, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.labels, other.labels)
    train, test = load(tmp_path / "folder")
    assert (len(train.pixels), len(test.pixels)) == (20, 10)
    # u comes after d: labels are numbered in the order of their names.
    assert sorted(map(bytes, train.take(train.labels == 1).pixels)) == sorted(
        bytes(p) for p, label in zip(images.pixels[:20], images.labels, strict=False) if label == 0
    )
    one = load(tmp_path / "a.npz", tmp_path / "a.parquet")
    assert len(one.train.pixels) == len(one.test.pixels) == 30


def test_images_are_held_out_at_random_with_their_labels_in_their_order(tmp_path):
    # The first pixel is the number of the image, its label is whether that is odd.
    pixels = np.zeros((60, HEIGHT, WIDTH), dtype=np.uint8)
    pixels[:, 0, 0] = np.arange(60)
    Images(pixels, np.arange(60) % 2).save(tmp_path / "a.npz")

    def numbers(seed: int, holdout: int | None = None) -> list[list[int]]:
        loaded = load(tmp_path / "a.npz", holdout=holdout, seed=seed)
        for part in loaded:
            assert (part.labels == part.pixels[:, 0, 0] % 2).all()
        return [part.pixels[:, 0, 0].tolist() for part in loaded]

    train, test = numbers(1, 20)
    assert len(test) == 20 and sorted(train + test) == list(range(60))
    assert train == sorted(train) and test == sorted(test) and test != list(range(20))
    assert numbers(1, 20) == [train, test] != numbers(2, 20)
    assert len(numbers(1)[1]) == 6  # a tenth, where nothing is asked for


def test_labels_are_numbered_from_0_on_and_columns_may_have_other_names(tmp_path):
    images = bars(30)
    Images(images.pixels, images.labels * 4 + 3).save(tmp_path / "a.npz")  # 3 and 7
    for one, other in zip(load(tmp_path / "a.npz", holdout=5), as_split(images), strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
    renamed = pictures(images).rename_columns({"image": "scan", "label": "kind"})
    renamed.add_column("label", [0] * 30).to_parquet(tmp_path / "a.parquet")
    loaded = load(tmp_path / "a.parquet", holdout=5, column="scan", label="kind")
    for one, other in zip(loaded, as_split(images), strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.labels, other.labels)


def as_split(images: Images) -> Splits:
    """With 5 of them held out as `load` does it."""
    order = np.random.default_rng(1).permutation(len(images.pixels))
    return Splits(images.take(np.sort(order[5:])), images.take(np.sort(order[:5])))


def test_images_of_another_size_are_named_by_their_file(tmp_path):
    bars(20).save(tmp_path / "a.npz")
    Images(np.zeros((9, WIDTH, HEIGHT), dtype=np.uint8), np.arange(9) % 2).save(tmp_path / "b.npz")
    for train_file, test_file in (("a.npz", "b.npz"), ("b.npz", "a.npz")):
        with pytest.raises(UserError, match=r"b.npz: images of 16 x 8 pixels, not 8 x 16: pass --images.height 16"):
            load(tmp_path / train_file, tmp_path / test_file)


def test_held_out_images_of_a_file_go_before_the_split_of_a_folder(tmp_path):
    for split, start in (("train", 0), ("test", 30)):
        for i in range(start, start + 6):
            to = tmp_path / "folder" / split / "ab"[i % 2] / f"{i}.png"
            to.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((HEIGHT, WIDTH), i, dtype=np.uint8)).save(to)
    Images(np.full((5, HEIGHT, WIDTH), 99, dtype=np.uint8), np.arange(5) % 2).save(tmp_path / "other.npz")

    def test_pixels(train: str, test: str | None) -> set[int]:
        return set(load(tmp_path / train, test and tmp_path / test).test.pixels.ravel().tolist())

    assert test_pixels("folder", None) == set(range(30, 36))
    assert test_pixels("folder", "other.npz") == {99}
    assert test_pixels("other.npz", "folder") == set(range(30, 36))  # a folder has a split for the purpose
