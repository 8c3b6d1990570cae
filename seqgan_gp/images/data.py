"""Load the images of an experiment: from .npz or .parquet files, folders of pictures, or the Hugging Face hub."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from tqdm import tqdm

from .. import folders, sources
from ..decoding import suffix_of
from ..errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
PICTURES, PARQUET = "pictures", "parquet"
DESCRIPTIONS = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # of the pictures in their folder
KIND = sources.Kind(
    name="images",
    rows="images",
    remedy="give an .npz or .parquet file, a folder of pictures or of .parquet files, or a hub id",
    split_remedy="name them train and test",
    least_held_out=4,
)


class Images(NamedTuple):
    """Grey images, perhaps with labels.

    Args:
        pixels: uint8 (N, H, W).
        labels: whole numbers (N,), or None.
    """

    pixels: np.ndarray
    labels: np.ndarray | None = None

    def take(self, rows: slice | Sequence[int] | np.ndarray) -> Images:
        """Select the images with these numbers."""
        return Images(self.pixels[rows], None if self.labels is None else self.labels[rows])

    def save(self, path: Path) -> None:
        """Write an .npz file that `load` reads."""
        arrays = {"images": self.pixels} | ({} if self.labels is None else {"labels": self.labels})
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an .npz file with `images` (N, H, W) uint8, and perhaps with whole numbers `labels` (N,).

        Raises:
            UserError: the file is missing, or holds anything else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("images", "labels") if name in file}
                names = list(file)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; {KIND.remedy}") from None
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, TypeError, AttributeError):
            raise UserError(f"{path}: not an .npz file of plain arrays; write one with numpy.savez") from None
        if "images" not in arrays:
            found = ", ".join(names) or "nothing"
            raise UserError(f"{path}: no array named images in it, but {found}; name the pixels images")
        pixels, labels = arrays["images"], arrays.get("labels")
        if pixels.dtype != np.uint8 or pixels.ndim != 3:
            shape = f"{pixels.dtype} of shape {pixels.shape}"
            raise UserError(f"{path}: images must be grey, uint8 of shape (number, height, width), not {shape}")
        if labels is None:
            return cls(pixels)
        if labels.shape != pixels.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            shape = f"{labels.dtype} of shape {labels.shape}"
            raise UserError(f"{path}: labels must be whole numbers, one for each of {len(pixels)} images, not {shape}")
        return cls(pixels, labels)


class Splits(NamedTuple):
    """Training images and held-out images."""

    train: Images
    test: Images


class ImagesOptions(Protocol):
    """The options of real images: those of `images.config.ImagesConfig`.

    Attributes:
        train: an .npz file, a .parquet file, a folder of .parquet files or of pictures, or a hub id.
        test: the source of the held-out images, given like `train`. If it is None, they are the split
            named `test` of `train`, or else a random part of `train`.
        column, label: the columns of the images and of their labels; .npz files have no columns.
        height, width: the size of all images, in pixels.
        holdout: the number of images to hold out. If it is None, 2,000 images are held out, or a tenth
            of all where that is less.
        seed: the seed of the split.
    """

    train: str
    test: str | None
    column: str
    label: str
    height: int
    width: int
    holdout: int | None
    seed: int


def load_images(options: ImagesOptions) -> Splits:
    """Load the images of an experiment; their labels are numbered from 0.

    Raises:
        UserError: the source is missing or has no images, images have another size than the options
            say, only some images have labels, or there are too few images.
    """
    splits = _load_splits(options.train, options, "both" if options.test is None else "train")
    if options.test is not None:
        other = _load_splits(options.test, options, "test")
        splits["test"] = other.get("test") or other["train"]
    test_source = options.test or options.train
    for source, name in ((options.train, "train"), (test_source, "test")):
        if name in splits:
            _check_size(splits[name], source, options.height, options.width)
    if "test" not in splits:
        splits = _hold_out(splits["train"], options)
    train, test = splits["train"], splits["test"]
    if len(train.pixels) < 2 or len(test.pixels) < 4:
        sizes = f"{len(train.pixels)} training and {len(test.pixels)} held-out images"
        raise UserError(f"{options.train}: {sizes}; at least 2 and 4 are needed")
    if (train.labels is None) != (test.labels is None):
        bare = options.train if train.labels is None else test_source
        raise UserError(f"{bare} has images without labels and the other split has labels: label both, or none")
    return _numbered(Splits(train, test), options.train)


def _hold_out(images: Images, options: ImagesOptions) -> dict[str, Images]:
    """Hold random images out; both parts keep the order of the source."""
    size = len(images.pixels)
    holdout = options.holdout or sources.default_holdout(KIND, size)
    remedy = "pass fewer with --images.holdout, or held-out images with --images.test FILE"
    sources.check_holdout(KIND, options.train, size, holdout, remedy)
    train, test = sources.divide(np.random.default_rng(options.seed).permutation(size).tolist(), holdout)
    return {"train": images.take(train), "test": images.take(test)}


def _numbered(splits: Splits, source: str) -> Splits:
    """Number the labels of the training images from 0, in ascending order, and the labels of both splits alike."""
    train, test = splits
    if train.labels is None or test.labels is None:
        return splits
    names = np.unique(train.labels)
    if len(unseen := np.setdiff1d(test.labels, names)):
        raise UserError(
            f"{source}: all images with label {unseen[0]} are held out and none is left to train on: "
            "add more of them, or leave them out"
        )
    return Splits(*(Images(part.pixels, np.searchsorted(names, part.labels)) for part in splits))  # type: ignore[arg-type]


def _check_size(images: Images, source: str, height: int, width: int) -> None:
    """Raise a UserError if the images have another size."""
    there = images.pixels.shape[1:]
    if there != (height, width):
        pass_them = f"pass --images.height {there[0]} --images.width {there[1]}, or resize the images"
        raise UserError(f"{source}: images of {there[0]} x {there[1]} pixels, not {height} x {width}: {pass_them}")


def _load_splits(source: str, options: ImagesOptions, role: folders.Role) -> dict[str, Images]:
    """Load the needed splits of a file, a folder or a hub data set; there is always a split train or test."""
    if Path(source).suffix.lower() == ".npz" and not Path(source).is_dir():
        return {"train": Images.load(source)}
    splits = _load_dataset(source, role)
    kept = {name: split for name, split in splits.items() if name in ("train", "test")}
    return {name: _images(split, source, options.column, options.label) for name, split in kept.items()}


def _load_dataset(source: str, role: folders.Role) -> dict[str, Any]:
    """Load the needed splits of a .parquet file, a folder or a hub data set as data sets of `datasets`."""
    place = sources.place_of(source, [".parquet"])
    if place == "folder":
        choice = folders.choose(KIND, source, lambda file: _kind_of(file) is not None, role)
        kinds = set(map(_kind_of, choice.files))
        parquet = PARQUET in kinds
        if parquet == (PICTURES in kinds):
            found = "both pictures and .parquet files" if parquet else "neither pictures nor .parquet files"
            raise UserError(f"{source}: the folder holds {found}; {KIND.remedy}")
        if parquet:
            for file in [file for file in choice.files if _kind_of(file) != PARQUET]:
                choice.leave_out(file, "it describes pictures")
        choice.say(KIND)
        if not parquet:
            return sources.load_files(KIND, source, "imagefolder", choice.splits)
        return {split: sources.load_parquet(KIND, files) for split, files in choice.splits.items()}
    if place == "hub":
        return sources.with_train(KIND, source, sources.load_hub(KIND, source))
    if suffix_of(source) == ".parquet":
        return {"train": sources.load_parquet(KIND, [Path(source)])}
    raise UserError(
        f"images '{source}': {'not found' if place == 'nowhere' else 'not a kind that can be read'}; {KIND.remedy}"
    )


def _kind_of(file: Path) -> str | None:
    """The kind of a file of a folder: parquet, a picture, or a description of pictures; None for others."""
    if file.name in DESCRIPTIONS:
        return "description"
    if suffix_of(file) == ".parquet":
        return PARQUET
    return PICTURES if file.suffix.lower() in SUFFIXES else None


def _images(split: Any, source: str, column: str, label: str) -> Images:
    """Turn a split of `datasets` into grey images, with labels if there is a column of labels.

    Raises:
        UserError: the column is missing, empty or holds no images, the images have several sizes, or
            only some of them have labels.
    """
    import datasets

    if column not in split.column_names:
        names = ", ".join(split.column_names)
        raise UserError(f"{source}: no column '{column}' of images; pass --images.column with one of: {names}")
    try:
        split = split.cast_column(column, datasets.Image())
        pixels = [np.asarray(picture.convert("L")) for picture in tqdm(split[column], unit="image", disable=None)]
    except Exception as error:  # each way to be no picture has its own exception
        cause = " ".join(str(error).split())[:200]
        raise UserError(f"{source}: column '{column}' cannot be read as images ({cause})") from None
    if not pixels:
        raise UserError(f"{source}: no images in column '{column}'; the data set is empty")
    sizes = sorted({picture.shape for picture in pixels})
    if len(sizes) > 1:
        few = ", ".join(f"{h} x {w}" for h, w in sizes[:3])
        raise UserError(f"{source}: images of {len(sizes)} sizes ({few}, ...): resize them to one, in pixels")
    if label not in split.column_names:
        return Images(np.stack(pixels))
    labels = split[label]
    if any(value is None for value in labels):
        row = next(row for row, value in enumerate(labels) if value is None)
        raise UserError(
            f"{source}: image {row} has no label in column '{label}': label all of them, or drop the column"
        )
    return Images(np.stack(pixels), np.asarray(labels))
