"""Where real images come from: .npz and .parquet files, folders of pictures, or a data set of the Hugging Face hub."""

from __future__ import annotations

import glob
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from tqdm import tqdm

from ..errors import UserError

HOLDOUT = 2_000
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
REMEDY = "give an .npz or .parquet file, a folder of pictures or of .parquet files, or a hub id"


class Images(NamedTuple):
    """Grey images (N, H, W) uint8, and the label of each (N,), if there are labels."""

    pixels: np.ndarray
    labels: np.ndarray | None = None

    def take(self, rows: Any) -> Images:
        """Some of them, by numbers or a slice."""
        return Images(self.pixels[rows], None if self.labels is None else self.labels[rows])

    def save(self, path: Path) -> None:
        """An .npz file such as `load` reads."""
        arrays = {"images": self.pixels} | ({} if self.labels is None else {"labels": self.labels})
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """An .npz file with `images` (N, H, W) uint8 and perhaps whole numbers `labels` (N,).

        Raises:
            UserError: it is anything else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("images", "labels") if name in file}
                names = list(file)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; {REMEDY}") from None
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
    """Training and held-out images."""

    train: Images
    test: Images


def load_images(
    train: str,
    test: str | None,
    column: str,
    label: str,
    height: int,
    width: int,
    holdout: int | None,
    seed: int,
) -> Splits:
    """Load the images of an experiment, with their labels numbered from 0 on.

    Args:
        train: an .npz file, a .parquet file, a folder of such or of pictures, or a hub id.
        test: the same for held-out images; without it, those of a split named `test` if there is one, else `holdout`
            images drawn at random from `train`.
        column, label: the columns of the images and of their labels; of no effect for .npz files.
        height, width: that all images must have, in pixels.
        holdout: how many images to hold out; None for 2,000, or a tenth of them where that is less.
        seed: of the draw.

    Raises:
        UserError: nothing there, no images, of another size or of several, labels of some only, or too few images.
    """
    splits = _load_splits(train, column, label)
    if test is not None:
        other = _load_splits(test, column, label)
        splits["test"] = other.get("test") or other["train"]
    for source, name in ((train, "train"), (test or train, "test")):
        if name in splits:
            _check_size(splits[name], source, height, width)
    if "test" not in splits:
        images = splits["train"]
        held_out = holdout or min(HOLDOUT, max(4, len(images.pixels) // 10))
        if len(images.pixels) < 2 * held_out:
            raise UserError(
                f"{train}: {len(images.pixels)} images are too few to hold out {held_out} of them: pass fewer with "
                "--images.holdout, or held-out images with --images.test FILE"
            )
        order = np.random.default_rng(seed).permutation(len(images.pixels))
        splits = {"train": images.take(np.sort(order[held_out:])), "test": images.take(np.sort(order[:held_out]))}
    made = Splits(splits["train"], splits["test"])
    if len(made.train.pixels) < 2 or len(made.test.pixels) < 4:
        sizes = f"{len(made.train.pixels)} training and {len(made.test.pixels)} held-out images"
        raise UserError(f"{train}: {sizes}; at least 2 and 4 are needed")
    if (made.train.labels is None) != (made.test.labels is None):
        bare = train if made.train.labels is None else test or train
        raise UserError(f"{bare} has images without labels and the other split has labels: label both, or none")
    return _numbered(made, train)


def _numbered(splits: Splits, source: str) -> Splits:
    """With labels int64 from 0 on, in the order of what they were."""
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
    there = images.pixels.shape[1:]
    if there != (height, width):
        pass_them = f"pass --images.height {there[0]} --images.width {there[1]}, or resize the images"
        raise UserError(f"{source}: images of {there[0]} x {there[1]} pixels, not {height} x {width}: {pass_them}")


def _load_splits(source: str, column: str, label: str) -> dict[str, Images]:
    """The images of each split of a file, a folder or a hub data set; there is always a split named train."""
    path = Path(source)
    if path.suffix.lower() == ".npz" and not path.is_dir():
        return {"train": Images.load(path)}
    loaded = _load_dataset(path, source)
    if "train" not in loaded:
        if len(loaded) > 1:
            raise UserError(f"{source}: no split named train among {', '.join(loaded)}; name them train and test")
        loaded = {"train": next(iter(loaded.values()))}
    kept = {name: split for name, split in loaded.items() if name in ("train", "test")}
    return {name: _images(split, source, column, label) for name, split in kept.items()}


def _load_dataset(path: Path, source: str) -> dict[str, Any]:
    # Without a network the hub's client would retry for minutes: short time-outs, unless the user set their own.
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "5")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    import datasets  # takes a second: .npz files do without

    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    if path.is_dir():
        kinds = {file.suffix.lower() for file in path.rglob("*") if file.is_file()}
        parquet, pictures = ".parquet" in kinds, bool(kinds.intersection(PICTURES))
        if parquet == pictures:
            what = "both pictures and .parquet files" if parquet else "neither pictures nor .parquet files"
            raise UserError(f"{source}: the folder holds {what}; {REMEDY}")
        call: tuple[str, dict[str, Any]] = ("parquet" if parquet else "imagefolder", {"data_dir": source})
    elif path.suffix.lower() == ".parquet":
        call = "parquet", {"data_files": glob.escape(source)}
    elif re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", source) and not path.exists():
        print(f"{source}: no such file or folder here, asking the hub", file=sys.stderr)
        call = source, {}
    else:
        raise UserError(
            f"images '{source}': {'not a kind that can be read' if path.exists() else 'not found'}; {REMEDY}"
        )
    try:
        return dict(datasets.load_dataset(call[0], **call[1]))
    except Exception as error:  # every loader has its own
        cause = " ".join(str(error.__cause__ or error).split())[:300]
        raise UserError(f"images '{source}' cannot be loaded ({type(error).__name__}: {cause}); {REMEDY}") from None


def _images(split: Any, source: str, column: str, label: str) -> Images:
    """The grey images of a split of `datasets`, and its labels if it has any."""
    import datasets

    if column not in split.column_names:
        names = ", ".join(split.column_names)
        raise UserError(f"{source}: no column '{column}' of images; pass --images.column with one of: {names}")
    try:
        split = split.cast_column(column, datasets.Image())
        pixels = [np.asarray(picture.convert("L")) for picture in tqdm(split[column], unit="image", disable=None)]
    except Exception as error:  # no pictures, or damaged ones: each has its own
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
