"""Test bad images and bad options: they give one line and exit code 2, and nothing is written."""

from pathlib import Path

import datasets
import numpy as np
import pytest
from bars import WIDTH, bars, train
from PIL import Image


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    bars(200).save(path)
    return path


def write(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "bad.npz", **arrays)  # type: ignore[arg-type]
    return folder / "bad.npz"


def mixed(folder: Path) -> Path:
    column = [Image.fromarray(np.zeros((side, WIDTH), dtype=np.uint8)) for side in (8, 8, 12)]
    datasets.Dataset.from_dict({"image": column}).to_parquet(folder / "bad.parquet")
    return folder / "bad.parquet"


def half_labelled(folder: Path) -> Path:
    column = [Image.fromarray(p) for p in bars(20).pixels]
    data = datasets.Dataset.from_dict({"image": column, "label": [1] * 19 + [None]})
    data.to_parquet(folder / "bad.parquet")
    return folder / "bad.parquet"


def of_numbers(folder: Path) -> Path:
    datasets.Dataset.from_dict({"image": [1, 2, 3], "picture": [1, 2, 3]}).to_parquet(folder / "bad.parquet")
    return folder / "bad.parquet"


def text_file(folder: Path, name: str) -> Path:
    (folder / name).write_text("no picture")
    return folder / name


PIXELS = bars(50).pixels


@pytest.mark.parametrize(
    "make, options, complaint",
    [
        (lambda d: write(d, labels=np.arange(9)), [], "no array named images in it, but labels"),
        (lambda d: write(d, images=PIXELS / 255.0), [], "uint8 of shape (number, height, width), not float64"),
        (lambda d: write(d, images=PIXELS[0]), [], "not uint8 of shape (8, 16)"),
        (
            lambda d: write(d, images=PIXELS, labels=np.arange(9)),
            [],
            "one for each of 50 images, not int64",
        ),
        (lambda d: write(d, images=PIXELS, labels=np.full(50, 0.5)), [], "whole numbers"),
        (lambda d: write(d, images=PIXELS, labels=np.arange(50)), [], "none is left to train on"),
        (lambda d: write(d, images=PIXELS[:, :4]), [], "--images.height 4 --images.width 16"),
        (lambda d: write(d, images=np.array([PIXELS[0], PIXELS[0, :3]], dtype=object)), [], "of plain arrays"),
        (lambda d: write(d, images=PIXELS[:6]), [], "--images.holdout"),
        (lambda d: text_file(d, "bad.npz"), [], "not an .npz file"),
        (lambda d: text_file(d, "bad.parquet"), [], "cannot be loaded"),
        (lambda d: text_file(d, "bad.xyz"), [], "not a kind that can be read"),
        (lambda d: text_file(d, "note.md").parent, [], "neither pictures nor .parquet files"),
        (lambda d: d / "missing.npz", [], "no such file"),
        (lambda d: d / "missing.zip", [], "not found"),
        (mixed, [], "images of 2 sizes (8 x 16, 12 x 16, ...)"),
        (half_labelled, [], "image 19 has no label in column 'label'"),
        (of_numbers, [], "cannot be read as images"),
        (of_numbers, ["--images.column=pictrue"], "--images.column with one of: image, picture"),
        (lambda d: write(d, images=PIXELS), ["--images.test={source}"], "label both, or none"),
        (lambda d: write(d, images=PIXELS), ["--images.width=10"], "images.width is 10: a multiple of 4"),
        (lambda d: write(d, images=PIXELS), ["--images.height=4"], "images.height is 4: a multiple of 4, from 8 on"),
        (lambda d: write(d, images=PIXELS), ["--images.holdout=3"], "at least 4 held-out images"),
        (lambda d: write(d, images=PIXELS), ["--evaluation.samples=1"], "at least 2 images"),
        (lambda d: write(d, images=PIXELS), ["--penalty.space=one-hot"], "pixels are no tokens"),
        (lambda d: write(d, images=PIXELS), ["--penalty.mixing=crossover"], "no positions"),
        (lambda d: write(d, images=PIXELS), ["--tokenizer.length=3"], "tokenizer.length is for modality=text"),
        (lambda d: write(d, images=PIXELS), ["--method=likelihood"], "method"),
        (lambda d: write(d, images=PIXELS), ["--critic.chanels=3"], "did you mean critic.channels"),
        (lambda d: write(d, images=PIXELS), ["--modality=image"], "is no modality; choose text, images"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, source, capsys, make, options, complaint):
    (tmp_path / "data").mkdir()
    path = make(tmp_path / "data")
    capsys.readouterr()
    options = [option.format(source=source) for option in options]
    assert train(tmp_path / "run", path, "--images.holdout=4", *options) == 2
    lines = capsys.readouterr().err.strip().splitlines()  # `datasets` shows a bar before it
    assert complaint in lines[-1] and [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
