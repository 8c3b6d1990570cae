"""Test runs on images by the loop that trains on text."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bars import HEIGHT, TINY, WIDTH, bars, load, train
from conftest import ROOT, weights
from PIL import Image

from seqgan_gp import Critic, Generator, ImageCritic, ImageGenerator, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.evaluation.catalogue import describe
from seqgan_gp.images import networks, scorer
from seqgan_gp.images.config import ImageConfig
from seqgan_gp.images.data import Images
from seqgan_gp.images.grid import grid
from seqgan_gp.images.task import ImageTask
from seqgan_gp.training import folder


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    bars(200).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A classifier of bars is trained in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scorer, "STEPS", 60)
        yield


@pytest.fixture(autouse=True)
def one_thread():
    """The command sample takes all cores, which on tiny images would wait for one another."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, source) -> Path:
    """A finished tiny run."""
    output = tmp_path_factory.mktemp("runs") / "bars"
    assert train(output, source) == 0
    return output


def test_a_run_folder_holds_pictures_and_scores(run):
    names = {str(p.relative_to(run)) for p in run.rglob("*")}
    assert {"config.yaml", "images/train.npz", "images/test.npz", "curves.png", "samples/step-0000006.png"} <= names
    assert not [n for n in names if "tokenizer" in n or n.endswith((".txt", ".part"))]
    with Image.open(run / "samples" / "step-0000006.png") as picture:
        assert picture.size == (5 * (WIDTH + 2) - 2, 4 * (HEIGHT + 2) - 2)  # 20 samples
    rows = folder.read_metrics(run / folder.METRICS)
    assert rows[0]["real/accuracy"] > 0.95
    scores = {key.partition("/")[2] for row in rows for key in row if key.startswith(("eval/", "real/"))}
    assert [key for key in scores if describe(key) is None] == []
    for key in ("frechet", "frechet_pixels", "confidence", "class_0", "class_1"):
        assert [row["step"] for row in rows if f"eval/{key}" in row] == [3, 6] and f"real/{key}" in rows[0]
    assert {"train/wasserstein", "train/penalty", "train/gradient_norm"} <= {k for row in rows for k in row}


def test_a_run_keeps_its_images_with_their_labels(run, source):
    train, test = (Images.load(run / "images" / f"{name}.npz") for name in ("train", "test"))
    assert (len(train.pixels), len(test.pixels)) == (160, 40)
    expected = load(source, holdout=40)
    for one, other in zip((train, test), expected, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.labels, other.labels)
    lines = ImageTask.read(config.load(run / "config.yaml"), run).describe()
    assert lines == ["160 training and 40 held-out images of 8 x 16 pixels in 2 classes"]


def test_a_resumed_run_ends_like_one_that_never_stopped(run, source, tmp_path):
    assert train(tmp_path / "parts", source, "--train.steps=3") == 0
    assert train(tmp_path / "parts", source, "--resume") == 0
    parts = weights(tmp_path / "parts")
    assert all(torch.equal(v, parts[k]) for k, v in weights(run).items())


@pytest.mark.parametrize(
    "system",
    [
        ["--objective=relativistic", "--penalty.sided=zero", "--penalty.at=[real, generated]"],
        ["--penalty.weight=0", "--clipping=0.01"],
        ["--penalty.weight=0", "--objective=hinge", "--critic.parametrization=spectral"],
    ],
    ids=["r3gan", "clipping", "spectral"],
)
def test_objectives_and_constraints_are_those_of_text(source, tmp_path, system):
    assert train(tmp_path / "run", source, "--train.steps=3", *system) == 0
    critic = ImageCritic.from_pretrained(tmp_path / "run")
    assert critic(torch.from_numpy(bars(5).pixels[:, None])).isfinite().all()


def test_a_seed_gives_the_same_images_whatever_the_batches(run):
    generator = ImageGenerator.from_pretrained(run)
    one, other = (np.concatenate(list(generator.sample(30, 5, size))) for size in (30, 7))
    assert one.shape == (30, HEIGHT, WIDTH) and one.dtype == np.uint8
    assert np.abs(one.astype(int) - other).max() <= 1  # rounding differs with the batch
    assert not (one == np.concatenate(list(generator.sample(30, seed=6)))).all()


def test_the_command_sample_writes_a_picture(run, tmp_path, capsys):
    out = tmp_path / "grid.png"
    assert main(["sample", str(run), "--num", "10", "--out", str(out), "--seed", "3"]) == 0
    with Image.open(out) as picture:
        pixels = np.asarray(picture)
    (expected,) = ImageGenerator.from_pretrained(run).sample(10, seed=3)
    np.testing.assert_array_equal(pixels, grid(expected))
    for options, complaint in (
        (["--out", str(tmp_path / "a.txt")], ".png"),
        ([], ".png"),
        (["--out", str(tmp_path / "b.png"), "--temperature", "1"], "--temperature is for text"),
    ):
        assert main(["sample", str(run), *options]) == 2
        error = capsys.readouterr().err
        assert complaint in error and len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == [out]


def test_a_run_is_loaded_by_the_classes_of_its_modality(run, request):
    for kind in (Generator, Critic):
        with pytest.raises(UserError, match="modality=images: give a run with modality=text"):
            kind.from_pretrained(run)
    for kind in (ImageGenerator, ImageCritic):
        with pytest.raises(UserError, match="modality=text: give a run with modality=images"):
            kind.from_pretrained(request.getfixturevalue("text_run"))


@pytest.fixture
def text_run(tmp_path):
    """What a checkpoint of text looks like from outside."""
    config.save(TextConfig(), tmp_path / artefacts.CONFIG)
    (tmp_path / artefacts.WEIGHTS).touch()
    return tmp_path


def test_the_critic_scores_bytes_and_pixels_alike_and_gives_gradients(run):
    critic = ImageCritic.from_pretrained(run)
    images = torch.from_numpy(bars(3).pixels[:, None])
    pixels = (images.float() / 127.5 - 1).requires_grad_()
    torch.testing.assert_close(critic(pixels), critic(images))
    assert (networks.to_bytes(pixels.detach()) == images[:, 0].numpy()).all()
    critic(pixels).sum().backward()
    assert pixels.grad.abs().sum() > 0
    assert critic.features(images, 0).shape == (3, 3, HEIGHT // 2, WIDTH // 2)
    with pytest.raises(IndexError):
        critic.features(images, 3)
    with pytest.raises(ValueError, match="uint8 or floating"):
        critic(images.long())


def test_images_without_labels_train_and_have_no_classes(tmp_path, capsys):
    Images(bars(200).pixels).save(tmp_path / "bare.npz")
    assert train(tmp_path / "run", tmp_path / "bare.npz", "--train.steps=3") == 0
    assert "no labels" in capsys.readouterr().out
    keys = {k for row in folder.read_metrics(tmp_path / "run" / folder.METRICS) for k in row}
    assert "eval/frechet_pixels" in keys and not {"eval/frechet", "eval/confidence"} & keys


def test_a_file_names_its_modality_and_help_is_that_of_its_keys(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("modality: images\nimages: {train: a.npz}\n")
    parsed = config.parse([f"--config={tmp_path / 'mine.yaml'}", "--generator.channels=3"]).config
    assert isinstance(parsed, ImageConfig) and parsed.generator.channels == 3
    for text, complaint in (
        ("modality: images\ncorpus: {size: 3}\n", "corpus is for modality=text"),
        ("images: {train: a.npz}\n", "images is for modality=images"),
        ("modality: [images]\n", "is no modality; choose text, images"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(UserError, match=complaint):
            config.parse([f"--config={tmp_path / 'bad.yaml'}"])
    with pytest.raises(SystemExit):
        config.parse(["--modality", "images", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--images.height" in text and "--tokenizer.length" not in text


@pytest.mark.parametrize("modality", ["images", "text"])
def test_a_run_imports_nothing_of_the_other_modality(modality, source, tmp_path):
    from conftest import TINY as TEXT

    options = [*TINY, f"--images.train={source}"] if modality == "images" else TEXT
    mine = {"images": "--out=a.png", "text": "--out=a.txt"}[modality]
    quick = {"images": "from seqgan_gp.images import scorer; scorer.STEPS = 10", "text": ""}[modality]
    code = f"""
import json, sys
{quick}
from seqgan_gp.training import curves
curves.draw = lambda rows, panels, path, real: path.touch()
from seqgan_gp.cli import main
assert main(["train", *{options!r}, "--train.steps=2", "--output=run"]) == 0
assert main(["sample", "run", "--num=4", {mine!r}]) == 0
json.dump(sorted(sys.modules), open("modules.json", "w"))
"""
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment, capture_output=True)
    loaded = json.loads((tmp_path / "modules.json").read_text())
    others = {
        "images": ("seqgan_gp.text", "tokenizers", "nltk", "seqgan_gp.pretrained", "seqgan_gp.scoring"),
        "text": ("seqgan_gp.images",),
    }[modality]
    others += {"images": ("seqgan_gp.training.text", "seqgan_gp.models.generator"), "text": ()}[modality]
    assert [m for m in loaded if any(m == other or m.startswith(f"{other}.") for other in others)] == []
    assert {"images": "seqgan_gp.images.task", "text": "seqgan_gp.training.text"}[modality] in loaded
