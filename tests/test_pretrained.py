"""Test sampling and probing from a run folder, a checkpoint or a download."""

import itertools
import re
import shutil
import warnings

import numpy as np
import pytest
import torch
from conftest import train
from torch.nn.functional import one_hot

from seqgan_gp import Critic, Generator, artefacts, manifest
from seqgan_gp.errors import UserError
from seqgan_gp.models.relaxations import RELAXATIONS


@pytest.fixture(scope="module")
def critic(run):
    return Critic.from_pretrained(run)


def test_the_critic_scores_sentences_ids_one_hot_and_soft_tokens(critic):
    sentences = ["the dog sleeps.", "dog the . sleeps"]
    ids = critic.tokens(sentences)
    hard = one_hot(ids, len(critic.tokenizer)).float()
    scores = critic(sentences)
    assert scores.shape == (2,)
    torch.testing.assert_close(critic(ids), scores)
    torch.testing.assert_close(critic(hard), scores)
    mixed = 0.3 * hard + 0.7 * hard.flip(0)  # a mixture of tokens is embedded as the mixture of their embeddings
    torch.testing.assert_close(critic.embed(mixed), 0.3 * critic.embed(ids) + 0.7 * critic.embed(ids.flip(0)))
    torch.testing.assert_close(critic(mixed), critic.score(critic.embed(mixed)))
    torch.testing.assert_close(critic("the dog sleeps.")[0], scores[0])
    torch.testing.assert_close(critic.score(critic.embed(sentences)), scores)


def test_the_critic_gives_features_and_gradients(critic):
    states = [critic.features(["the dog sleeps."], layer) for layer in range(4)]
    assert all(state.shape == (1, 16, 8) for state in states)
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(states, 2))
    assert torch.equal(critic.features(["the dog sleeps."]), states[-1])
    with pytest.raises(IndexError):
        critic.features(["the dog sleeps."], layer=9)
    soft = torch.full((1, 16, len(critic.tokenizer)), 1 / len(critic.tokenizer), requires_grad=True)
    critic(soft).sum().backward()
    assert soft.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in critic.network.parameters())


def test_a_seed_gives_the_same_sentences(run):
    generator = Generator.from_pretrained(run)
    one = list(generator.sample(30, seed=5, batch_size=8))
    assert len(one) == 30
    assert one == list(generator.sample(30, seed=5, batch_size=8)) != list(generator.sample(30, seed=6, batch_size=8))
    hot = list(generator.sample(30, seed=5, temperature=2.0))
    assert hot == list(generator.sample(30, seed=5, temperature=2.0)) != one


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_batch_size_does_not_change_the_sentences(run, temperature):
    generator = Generator.from_pretrained(run)
    one, other = (list(generator.sample(30, 5, temperature, batch_size)) for batch_size in (30, 7))
    assert one == other


def test_the_generator_gives_logits_with_a_gradient(run):
    generator = Generator.from_pretrained(run)
    noise = generator.network.sample_noise(3, np.random.default_rng(0)).requires_grad_()
    logits = generator(noise)
    assert logits.shape == (3, 16, len(generator.tokenizer))
    logits.sum().backward()
    assert noise.grad.abs().sum() > 0


def test_the_critic_says_when_it_cuts_a_sentence(critic):
    with pytest.warns(UserWarning, match="1 sentences are longer than 16 tokens"):
        critic(["the dog sleeps.", "the dog " * 20])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        critic(["the dog sleeps.", "the dog " * 7 + "sleeps"])  # fifteen words and the end


def test_a_sample_is_lazy(run):
    generator = Generator.from_pretrained(run)
    stream = generator.sample(10**9)
    assert isinstance(next(stream), str)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_gumbel_generators_sample_and_the_others_take_the_most_probable(name):
    for temperature in (0.3, 1.0):  # of the softmax, which samples do not have
        assert RELAXATIONS[name](temperature).sampling_temperature == (1.0 if "gumbel" in name else 0.0)


def test_a_run_means_its_last_checkpoint(run):
    last = artefacts.checkpoints(run)[-1]
    assert artefacts.locate(run) == artefacts.locate(last) == last
    sentences = list(Generator.from_pretrained(run).sample(5))
    assert sentences == list(Generator.from_pretrained(last).sample(5))


def test_inference_files_alone_are_enough_and_hold_no_pickle(run, tmp_path):
    last = artefacts.checkpoints(run)[-1]
    for name in artefacts.FILES:
        shutil.copy(last / name, tmp_path)
    assert list(Generator.from_pretrained(tmp_path).sample(5)) == list(Generator.from_pretrained(run).sample(5))
    assert Critic.from_pretrained(tmp_path)("the dog sleeps.").isfinite()


@pytest.mark.parametrize("missing", artefacts.FILES)
def test_an_incomplete_checkpoint_names_what_is_missing(run, tmp_path, missing):
    folder = tmp_path / "checkpoint"
    shutil.copytree(artefacts.checkpoints(run)[-1], folder)
    (folder / missing).unlink()
    with pytest.raises(UserError, match=re.escape(missing)):
        Generator.from_pretrained(folder)


def test_a_run_without_a_checkpoint_says_so(run, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("step-*"))
    with pytest.raises(UserError, match="no checkpoint yet"):
        Generator.from_pretrained(tmp_path / "run")


def test_a_checkpoint_of_another_shape_is_named(run, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(artefacts.checkpoints(run)[-1], folder)
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("width: 8", "width: 16"))
    (folder / manifest.MANIFEST).unlink()
    with pytest.raises(UserError, match="does not fit config") as error:
        Critic.from_pretrained(folder)
    assert "\n" not in str(error.value)
    (folder / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        Critic.from_pretrained(folder)


@pytest.mark.parametrize(
    "options",
    [
        ["generator.backbone=recurrent", "critic.backbone=recurrent"],
        ["generator.backbone=recurrent", "generator.cell=lstm", "critic.backbone=attention", "critic.windows=3"],
        ["generator.backbone=attention", "critic.backbone=recurrent", "critic.cell=lstm", "penalty.space=one-hot"],
        ["generator.norm=layer", "critic.norm=instance", "critic.windows=2"],
        ["generator.norm=instance", "critic.norm=layer"],
    ],
    ids=lambda options: ", ".join(options),
)
def test_every_backbone_trains_samples_and_scores(tmp_path, options):
    few = ("--train.steps=2", "--train.checkpoint_every=2", "--evaluation.every=2", "--corpus.size=100")
    assert train(tmp_path / "run", *few, "--corpus.holdout=20", *(f"--{option}" for option in options)) == 0
    (ids,) = Generator.from_pretrained(tmp_path / "run").sample_ids(3)
    critic, ids = Critic.from_pretrained(tmp_path / "run"), torch.from_numpy(ids)
    assert critic(ids).shape == (3,) and critic(ids).isfinite().all()
    assert critic.features(ids, 2).shape == (3, 16, 8)


def test_a_hub_id_is_downloaded(run, monkeypatch):
    last = artefacts.checkpoints(run)[-1]
    asked = []

    def download(repo, allow_patterns, **_):
        asked.append((repo, allow_patterns))
        return str(last)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert next(Generator.from_pretrained("someone/some-model").sample(1)) is not None
    # Not the training state, which is large.
    assert asked == [("someone/some-model", [*artefacts.FILES, artefacts.LABELS, manifest.MANIFEST])]


def test_nothing_there(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no such run"):
        Generator.from_pretrained(tmp_path / "none")

    def offline(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(UserError, match="no network"):
        Generator.from_pretrained("someone/some-model")
