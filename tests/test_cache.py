"""Test that files are read as they are now, and without a cache, which may be stale or out of reach."""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import huggingface_hub
import numpy as np
import pytest
from bars import HEIGHT, TINY, WIDTH
from bars import load as load_bars
from conftest import TINY as TINY_TEXT
from corpora import load
from PIL import Image

from seqgan_gp.errors import UserError

ROOT = Path(__file__).parent.parent


def written(path, word):
    lines = [f"{word} number {i}" for i in range(10)]
    match path.suffix:
        case ".csv":
            path.write_text("text\n" + "\n".join(lines))
        case ".jsonl":
            path.write_text("\n".join(json.dumps({"text": line}) for line in lines))
        case ".parquet":
            datasets.Dataset.from_dict({"text": lines}).to_parquet(path)
        case _:
            path.write_text("\n".join(lines))
    os.utime(path, (10**9, 10**9))
    return path.stat().st_size


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("folder", [False, True])
def test_an_edited_file_of_the_same_size_and_time_is_read_anew(tmp_path, suffix, folder):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / f"a{suffix}"
    size = written(path, "first")
    before = load(path.parent if folder else path)
    assert before.train.text[0].startswith("first")
    assert written(path, "other") == size
    after = load(path.parent if folder else path)
    assert all(line.startswith("other") for line in (*after.train.text, *after.test.text))


def test_edited_pictures_are_read_anew(tmp_path):
    def put(shade):
        for i in range(12):
            path = tmp_path / "data" / f"{i:02}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.full((HEIGHT, WIDTH), shade, dtype=np.uint8)).save(path)
            os.utime(path, (10**9, 10**9))
        data = {"image": [Image.fromarray(np.full((HEIGHT, WIDTH), shade, dtype=np.uint8))] * 12}
        datasets.Dataset.from_dict(data).to_parquet(tmp_path / "a.parquet")
        os.utime(tmp_path / "a.parquet", (10**9, 10**9))

    for shade in (40, 90):
        put(shade)
        for source in ("data", "a.parquet"):
            assert {*load_bars(tmp_path / source).train.pixels.ravel().tolist()} == {shade}


def test_a_run_on_files_needs_no_cache(tmp_path):
    """As under a home that is read-only. One process trains on all kinds of files: a start takes seconds."""
    runs = {suffix: [*TINY_TEXT, f"--corpus.train={tmp_path / f'a.{suffix}'}"] for suffix in ("txt", "parquet")}
    for suffix, options in runs.items():
        written(tmp_path / f"a.{suffix}", "any")
        options.append("--corpus.holdout=3")
    (tmp_path / "data").mkdir()
    for i in range(120):
        pixels = np.full((HEIGHT, WIDTH), i, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{i}.png")
    runs["pictures"] = [*TINY, f"--images.train={tmp_path / 'data'}"]
    (tmp_path / "file").touch()
    environment = os.environ | {"HF_HOME": str(tmp_path / "file" / "cache"), "HOME": str(tmp_path / "file")}
    environment = {key: value for key, value in environment.items() if key not in ("HF_DATASETS_CACHE", "HF_HUB_CACHE")}
    commands = [["train", *o, f"--output={tmp_path / n}", "--train.steps=2"] for n, o in runs.items()]
    code = f"from seqgan_gp.cli import main; assert [main(command) for command in {commands!r}] == [0, 0, 0]"
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / name / "checkpoints").is_dir() for name in runs)


def test_a_hub_data_set_whose_cache_cannot_be_written_names_the_folder(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    cache = tmp_path / "file" / "cache"

    def fail(*args, **options):
        os.makedirs(cache)

    monkeypatch.setattr(datasets, "load_dataset", fail)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    with pytest.raises(UserError, match=rf"corpus 'some/set' needs the cache {cache}, .*set HF_HOME to a folder"):
        load("some/set")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    with pytest.raises(UserError, match=r"'some/set' cannot be loaded \(NotADirectoryError"):
        load("some/set")


def test_a_hub_data_set_is_read_like_a_file(monkeypatch):
    rows = {"text": [f"line {i}" for i in range(12)] + [None]}
    splits = datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)})
    monkeypatch.setattr(datasets, "load_dataset", lambda source, streaming: splits)
    corpus = load("some/set", uppercase=True)
    assert sorted(corpus.train.text + corpus.test.text) == sorted(f"LINE {i}" for i in range(12))
