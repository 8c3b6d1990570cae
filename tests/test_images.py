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
import torch.nn.functional as F
from conftest import ROOT, critic_loss
from PIL import Image
from safetensors.torch import load_file

from seqgan_gp import Critic, Generator, ImageCritic, ImageGenerator, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.errors import UserError
from seqgan_gp.evaluation.catalogue import describe
from seqgan_gp.images import judge, networks
from seqgan_gp.images.data import Images, Splits, load_images
from seqgan_gp.images.grid import grid
from seqgan_gp.images.pretrained import build_critic
from seqgan_gp.training import folder
from seqgan_gp.training.images import Evaluator, ImageTask

# No two sizes are equal and no seed is 0: a mistake in which of them is taken must show.
HEIGHT, WIDTH = 8, 16
TINY = [
    *("--modality=images", f"--images.height={HEIGHT}", f"--images.width={WIDTH}", "--images.holdout=40"),
    *("--seed=3", "--images.seed=1", "--generator.channels=5", "--generator.noise=7", "--critic.channels=3"),
    *("--train.steps=6", "--train.batch_size=11", "--train.critic_steps=2", "--train.decay_from=1"),
    *("--train.log_every=2", "--train.checkpoint_every=3", "--train.threads=1"),
    *("--evaluation.every=3", "--evaluation.samples=20"),
]


def bars(num: int, seed: int = 0) -> Images:
    """A class for each of two kinds of picture: bright above and dark below, or the other way round, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=num)
    upper = np.arange(HEIGHT)[:, None] < HEIGHT // 2
    bright = (upper == (labels == 0)[:, None, None]) & np.ones((HEIGHT, WIDTH), dtype=bool)
    return Images((bright * 180 + rng.integers(60, size=(num, HEIGHT, WIDTH))).astype(np.uint8), labels)


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
    return load_images(str(train), test_path, "image", "label", HEIGHT, WIDTH, holdout, 1)


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
    assert critic.features(images, 0).shape == (3, 3, HEIGHT // 2, WIDTH // 2)
    with pytest.raises(IndexError):
        critic.features(images, 3)
    with pytest.raises(ValueError, match="uint8 or floating"):
        critic(images.long())


def test_the_penalty_of_pixels_is_that_of_all_of_them_and_treats_each_image_by_itself():
    torch.manual_seed(0)
    critic = networks.ImageCriticNetwork(HEIGHT, WIDTH, 4).double()
    real, fake = torch.from_numpy(bars(6).pixels[:, None]), torch.rand(6, 1, HEIGHT, WIDTH, dtype=torch.float64) * 2 - 1
    alpha = torch.rand(6, dtype=torch.float64)
    step = critic_loss(critic, PenaltyConfig(weight=7.0))
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


def test_the_networks_are_those_that_are_described():
    noise = torch.randn(6, 7)
    generator = networks.ImageGeneratorNetwork(HEIGHT, WIDTH, noise=7, channels=5)
    state = generator.state_dict()
    hidden = F.linear(noise, state["project_noise.weight"], state["project_noise.bias"]).relu()
    hidden = hidden.view(6, 10, HEIGHT // 4, WIDTH // 4)
    for name in ("middle", "output"):
        hidden = F.conv_transpose2d(hidden, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1)
        hidden = hidden.relu() if name == "middle" else hidden.tanh()
    assert hidden.shape == (6, 1, HEIGHT, WIDTH)
    torch.testing.assert_close(generator(noise), hidden)
    assert generator(100 * noise).abs().max() <= 1

    critic = networks.ImageCriticNetwork(HEIGHT, WIDTH, channels=3)
    state, hidden = critic.state_dict(), generator(noise)
    for layer in range(3):
        hidden = F.conv2d(hidden, state[f"layers.{layer}.weight"], state[f"layers.{layer}.bias"], stride=2, padding=1)
        hidden = F.leaky_relu(hidden, 0.2)
    assert hidden.shape == (6, 12, HEIGHT // 8, WIDTH // 8)
    expected = F.linear(hidden.flatten(1), state["output.weight"], state["output.bias"])[:, 0]
    torch.testing.assert_close(critic(generator(noise)), expected)


def test_a_spectral_critic_of_images_has_singular_values_of_one():
    parsed = config.parse([*TINY, "--critic.parametrization=spectral"]).config
    critic = build_critic(parsed)
    norms = [torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() for layer in [*critic.layers, critic.output]]
    assert norms == pytest.approx([1] * 4, rel=0.05)
    plain = build_critic(config.parse(TINY).config)
    assert torch.linalg.matrix_norm(plain.layers[1].weight.flatten(1), 2).item() != pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    "network, section", [(networks.ImageGeneratorNetwork, "generator"), (networks.ImageCriticNetwork, "critic")]
)
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


def test_confidence_is_a_mean_over_the_images():
    scorer = judge.Judge(bars(300), bars(100, seed=1))
    sure = bars(50, seed=2).pixels
    unsure = np.random.default_rng(3).integers(256, size=(70, HEIGHT, WIDTH)).astype(np.uint8)
    one, other, both = (scorer(x)["confidence"] for x in (sure, unsure, np.concatenate([sure, unsure])))
    assert one > 0.95 and other < 0.9
    assert both == pytest.approx((50 * one + 70 * other) / 120, abs=1e-5)


def test_images_are_compared_with_the_reference_and_not_with_those_of_the_training():
    train, others = bars(300), bars(120, seed=1)
    # Nine of ten images of the reference are of one class.
    rows = np.concatenate([np.flatnonzero(others.labels == 0)[:45], np.flatnonzero(others.labels == 1)[:5]])
    reference = others.take(rows)
    scorer = judge.Judge(train, reference)
    itself = scorer(reference.pixels)
    assert itself["frechet"] == pytest.approx(0, abs=1e-3) and itself["frechet_pixels"] == pytest.approx(0, abs=1e-3)
    assert itself["class_jsd"] < 0.02 and itself["largest_class"] == pytest.approx(0.9, abs=0.02)
    other = scorer(train.pixels)
    assert other["class_jsd"] > 0.1 and min(other["frechet"], other["frechet_pixels"]) > 0.1


def test_accuracy_is_that_on_the_images_asked_about():
    train, reference = bars(300), bars(60, seed=1)
    scorer = judge.Judge(train, reference)
    turned = Images(reference.pixels, 1 - reference.labels)
    assert scorer.real(reference)["accuracy"] > 0.9 and scorer.real(turned)["accuracy"] < 0.1


def test_images_are_judged_alike_in_one_part_and_in_several(monkeypatch):
    scorer = judge.Judge(bars(300), bars(50, seed=1))
    whole = scorer(bars(30, seed=2).pixels)
    monkeypatch.setattr(judge, "CHUNK", 7)
    assert scorer(bars(30, seed=2).pixels) == pytest.approx(whole, abs=1e-3)


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
    evaluator = Evaluator(Splits(bars(100, seed=1), test), samples=20)
    assert evaluator.real["count"] == len(evaluator.judge.reference.pixels) == 20
    assert (evaluator.judge.reference.pixels == test.pixels[:40:2]).all()
    # All held-out images differ: only the reference itself would be at no distance from it.
    assert evaluator.real == evaluator.judge.real(test.take(slice(1, 40, 2)))
    assert evaluator.real["frechet_pixels"] > 0.1 and evaluator.real["frechet"] > 0


def test_samples_of_a_run_are_judged_and_shown(tmp_path):
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


def test_images_are_held_out_at_random_with_their_labels_in_their_order(tmp_path):
    # The first pixel is the number of the image, its label is whether that is odd.
    pixels = np.zeros((60, HEIGHT, WIDTH), dtype=np.uint8)
    pixels[:, 0, 0] = np.arange(60)
    Images(pixels, np.arange(60) % 2).save(tmp_path / "a.npz")

    def numbers(seed: int, holdout: int | None = None) -> list[list[int]]:
        loaded = load_images(str(tmp_path / "a.npz"), None, "image", "label", HEIGHT, WIDTH, holdout, seed)
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
    loaded = load_images(str(tmp_path / "a.parquet"), None, "scan", "kind", HEIGHT, WIDTH, 5, 1)
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
