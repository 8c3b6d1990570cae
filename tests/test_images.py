"""Images: where they come from, the networks, scores of known sets, and a run by the loop that trains on text."""

import inspect
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from test_training import ROOT

from seqgan_gp import Critic, Generator, ImageCritic, ImageGenerator, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.errors import UserError
from seqgan_gp.images import judge, networks
from seqgan_gp.images.data import Images, load_images
from seqgan_gp.images.grid import grid
from seqgan_gp.training import folder
from seqgan_gp.training.images import Evaluator
from seqgan_gp.training.steps import CriticStep

SIDE = 8
TINY = [
    *("--modality=images", f"--images.height={SIDE}", f"--images.width={SIDE}", "--images.holdout=40"),
    *("--generator.channels=4", "--generator.noise=8", "--critic.channels=4"),
    *("--train.steps=6", "--train.batch_size=8", "--train.log_every=2", "--train.checkpoint_every=3"),
    *("--evaluation.every=3", "--evaluation.samples=20", "--train.threads=1", "--train.decay_from=1"),
]


def bars(num: int, seed: int = 0) -> Images:
    """A class for each of two kinds of picture: bright above and dark below, or the other way round, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num)
    upper = np.arange(SIDE)[:, None] < SIDE // 2
    bright = (upper == (labels == 0)[:, None, None]) & np.ones((SIDE, SIDE), dtype=bool)
    return Images((bright * 180 + rng.integers(60, size=(num, SIDE, SIDE))).astype(np.uint8), labels)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    bars(200).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A classifier of bars is trained in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "STEPS", 60)
        yield


@pytest.fixture(autouse=True)
def one_thread():
    """The command sample takes all cores, which on tiny images would wait for one another."""
    torch.set_num_threads(1)


def train(output: Path, source: Path, *options: str) -> int:
    return main(["train", *TINY, f"--images.train={source}", f"--output={output}", *options])


@pytest.fixture(scope="module")
def run(tmp_path_factory, source) -> Path:
    """A finished tiny run."""
    output = tmp_path_factory.mktemp("runs") / "bars"
    assert train(output, source) == 0
    return output


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(artefacts.checkpoints(run)[-1] / artefacts.WEIGHTS)


def load(train: Path, test: Path | None = None, holdout: int | None = None):
    test_path = None if test is None else str(test)
    return load_images(str(train), test_path, "image", "label", SIDE, SIDE, holdout, 0)


def test_a_run_folder_holds_pictures_and_scores(run):
    names = {str(p.relative_to(run)) for p in run.rglob("*")}
    assert {"config.yaml", "images/train.npz", "images/test.npz", "curves.png", "samples/step-0000006.png"} <= names
    assert not [n for n in names if "tokenizer" in n or n.endswith((".txt", ".part"))]
    with Image.open(run / "samples" / "step-0000006.png") as picture:
        assert picture.size == (5 * (SIDE + 2) - 2, 4 * (SIDE + 2) - 2)  # 20 samples
    rows = folder.read_metrics(run / folder.METRICS)
    assert rows[0]["real/accuracy"] > 0.95
    for key in ("frechet", "frechet_pixels", "confidence", "class_0", "class_1"):
        assert [row["step"] for row in rows if f"eval/{key}" in row] == [3, 6] and f"real/{key}" in rows[0]
    assert {"train/wasserstein", "train/penalty", "train/gradient_norm"} <= {k for row in rows for k in row}


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
    assert one.shape == (30, SIDE, SIDE) and one.dtype == np.uint8
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
    config.save(config.Config(), tmp_path / artefacts.CONFIG)
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
    assert critic.features(images, 0).shape == (3, 4, SIDE // 2, SIDE // 2)
    with pytest.raises(IndexError):
        critic.features(images, 3)
    with pytest.raises(ValueError, match="uint8 or floating"):
        critic(images.long())


def test_the_penalty_of_pixels_is_that_of_all_of_them_and_treats_each_image_by_itself():
    torch.manual_seed(0)
    critic = networks.Critic(SIDE, SIDE, 4).double()
    real, fake = torch.from_numpy(bars(6).pixels[:, None]), torch.rand(6, 1, SIDE, SIDE, dtype=torch.float64) * 2 - 1
    alpha = torch.rand(6, dtype=torch.float64)
    step = CriticStep(critic, PenaltyConfig(weight=7.0))
    parts = step(real, fake, alpha)
    points = alpha.view(-1, 1, 1, 1) * critic.embed(real) + (1 - alpha.view(-1, 1, 1, 1)) * fake
    norms = [torch.autograd.functional.jacobian(lambda x: critic.score(x[None])[0], p).norm() for p in points]
    penalty = (torch.stack(norms) - 1).square().mean()
    torch.testing.assert_close(parts["penalty"], penalty)
    expected = critic(fake).mean() - critic(real).mean() + 7 * penalty
    torch.testing.assert_close(parts["critic_loss"], expected)

    # The derivative of the penalty by a weight, against finite differences: the second derivative of every layer.
    weight = critic.layers[1].weight

    def loss() -> torch.Tensor:
        return step(real, fake, alpha)["critic_loss"]

    (gradient,) = torch.autograd.grad(loss(), weight)
    direction, epsilon = torch.randn_like(weight), 1e-6
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * epsilon * direction
        values.append(loss().detach())
        with torch.no_grad():
            weight -= sign * epsilon * direction
    slope = (values[0] - values[1]) / (2 * epsilon)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network, section", [(networks.Generator, "generator"), (networks.Critic, "critic")])
def test_a_network_built_by_hand_has_the_defaults_of_the_config(network, section):
    parameters = inspect.signature(network).parameters.values()
    expected = asdict(getattr(config.ImageConfig(), section))
    expected.pop("parametrization", None)
    assert {p.name: p.default for p in parameters if p.default is not p.empty} == expected
    with pytest.raises(ValueError, match="multiples of 4"):
        network(10, 12)


def test_a_judge_tells_good_images_from_collapsed_and_blurred_ones():
    real, held_out, others = bars(400), bars(200, seed=1), bars(200, seed=2)
    scorer = judge.Judge(real, held_out)
    good = scorer.real(others)
    assert good["accuracy"] > 0.95 and good["confidence"] > 0.9
    assert good["class_0"] == pytest.approx((others.labels == 0).mean(), abs=0.03)
    assert good["class_0"] + good["class_1"] == pytest.approx(1)
    collapsed = scorer(others.take(others.labels == 0).pixels)
    assert (collapsed["smallest_class"], collapsed["largest_class"]) == (0, 1)
    assert collapsed["class_jsd"] > 0.2 > 0.02 > good["class_jsd"]
    assert collapsed["frechet"] > 5 * good["frechet"] and collapsed["frechet_pixels"] > 5 * good["frechet_pixels"]
    mean = np.broadcast_to(others.pixels.mean(axis=0), others.pixels.shape).astype(np.uint8)
    assert scorer(mean)["frechet_pixels"] > 5 * good["frechet_pixels"]


def test_a_classifier_is_the_same_for_the_same_seed_and_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    one, other = (judge.train_classifier(bars(100)).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(v, other[k]) for k, v in one.items())


def test_images_without_labels_train_and_have_no_classes(tmp_path, capsys):
    Images(bars(200).pixels).save(tmp_path / "bare.npz")
    assert train(tmp_path / "run", tmp_path / "bare.npz", "--train.steps=3") == 0
    assert "no labels" in capsys.readouterr().out
    keys = {k for row in folder.read_metrics(tmp_path / "run" / folder.METRICS) for k in row}
    assert "eval/frechet_pixels" in keys and not {"eval/frechet", "eval/confidence"} & keys


def test_real_and_reference_are_other_images():
    test = bars(60)
    evaluator = Evaluator(load_splits(bars(100), test), samples=20)
    assert evaluator.real["count"] == len(evaluator.judge.reference.pixels) == 20
    assert (evaluator.judge.reference.pixels == test.pixels[:40:2]).all()


def load_splits(train: Images, test: Images):
    from seqgan_gp.images.data import Splits

    return Splits(train, test)


def test_a_grid_is_row_by_row():
    picture = grid(np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 3, 4), dtype=np.uint8))
    assert picture.shape == (2 * 5 - 2, 3 * 6 - 2)
    assert picture[::5, ::6].tolist() == [[0, 1, 2], [3, 4, 0]]
    assert (picture[3:5] == 0).all()


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


def write(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "bad.npz", **arrays)  # type: ignore[arg-type]
    return folder / "bad.npz"


def mixed(folder: Path) -> Path:
    column = [Image.fromarray(np.zeros((side, SIDE), dtype=np.uint8)) for side in (8, 8, 12)]
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
        (lambda d: write(d, images=PIXELS[0]), [], "not uint8 of shape (8, 8)"),
        (
            lambda d: write(d, images=PIXELS, labels=np.arange(9)),
            [],
            "one for each of 50 images, not int64",
        ),
        (lambda d: write(d, images=PIXELS, labels=np.full(50, 0.5)), [], "whole numbers"),
        (lambda d: write(d, images=PIXELS, labels=np.arange(50)), [], "none is left to train on"),
        (lambda d: write(d, images=PIXELS[:, :4]), [], "--images.height 4 --images.width 8"),
        (lambda d: write(d, images=np.array([PIXELS[0], PIXELS[0, :3]], dtype=object)), [], "of plain arrays"),
        (lambda d: write(d, images=PIXELS[:6]), [], "--images.holdout"),
        (lambda d: text_file(d, "bad.npz"), [], "not an .npz file"),
        (lambda d: text_file(d, "bad.parquet"), [], "cannot be loaded"),
        (lambda d: text_file(d, "bad.xyz"), [], "not a kind that can be read"),
        (lambda d: text_file(d, "note.md").parent, [], "neither pictures nor .parquet files"),
        (lambda d: d / "missing.npz", [], "no such file"),
        (lambda d: d / "missing.zip", [], "not found"),
        (mixed, [], "images of 2 sizes (8 x 8, 12 x 8, ...)"),
        (half_labelled, [], "image 19 has no label in column 'label'"),
        (of_numbers, [], "cannot be read as images"),
        (of_numbers, ["--images.column=pictrue"], "--images.column with one of: image, picture"),
        (lambda d: write(d, images=PIXELS), ["--images.test={source}"], "label both, or none"),
        (lambda d: write(d, images=PIXELS), ["--images.width=10"], "multiple of 4"),
        (lambda d: write(d, images=PIXELS), ["--penalty.space=one-hot"], "pixels are no tokens"),
        (lambda d: write(d, images=PIXELS), ["--penalty.mixing=crossover"], "no positions"),
        (lambda d: write(d, images=PIXELS), ["--tokenizer.length=3"], "tokenizer is for modality=text"),
        (lambda d: write(d, images=PIXELS), ["--method=likelihood"], "method"),
        (lambda d: write(d, images=PIXELS), ["--critic.chanels=3"], "did you mean critic.channels"),
        (lambda d: write(d, images=PIXELS), ["--modality=image"], "there are text, images"),
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


def test_a_file_names_its_modality_and_help_is_that_of_its_keys(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("modality: images\nimages: {train: a.npz}\n")
    parsed = config.parse([f"--config={tmp_path / 'mine.yaml'}", "--generator.channels=3"]).config
    assert isinstance(parsed, config.ImageConfig) and parsed.generator.channels == 3
    for text, complaint in (
        ("modality: images\ncorpus: {size: 3}\n", "corpus is for modality=text"),
        ("images: {train: a.npz}\n", "images is for modality=images"),
        ("modality: [images]\n", "there are text, images"),
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
    quick = {"images": "from seqgan_gp.images import judge; judge.STEPS = 10", "text": ""}[modality]
    code = f"""
import json, sys
{quick}
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
        "text": ("seqgan_gp.images", "seqgan_gp.training.images"),
    }[modality]
    others += {"images": ("seqgan_gp.training.text", "seqgan_gp.models.generator"), "text": ()}[modality]
    assert [m for m in loaded if any(m == other or m.startswith(f"{other}.") for other in others)] == []
    assert f"seqgan_gp.training.{modality}" in loaded
