"""Critics beside the trained one: the discriminator, a random critic, and the place of a score among real text."""

import shutil

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import train, weights
from untrained import checkpoint, choosing, of_contexts, of_labels

from seqgan_gp import Critic, Discriminator, Generator, artefacts
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.pretrained import held_out
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

SENTENCES = ["a bee", "good jobs can", "do"]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return choosing(tmp_path_factory.mktemp("untrained") / "chosen")


# --- the discriminator


def test_a_discriminator_scores_as_the_one_that_chooses_among_samples(chosen):
    discriminator = Discriminator.from_pretrained(chosen)
    own = Generator.from_pretrained(chosen).reranking.discriminator
    ids = discriminator.tokens(SENTENCES)
    torch.testing.assert_close(discriminator(SENTENCES), own(ids))
    assert (discriminator(SENTENCES) - Critic.from_pretrained(chosen)(SENTENCES)).abs().min() > 0
    torch.testing.assert_close(discriminator.features(ids, "block 2"), own.features(ids, 2))
    assert not any(weight.requires_grad for weight in discriminator.parameters())


def test_a_run_without_a_discriminator_says_so_in_one_line(tmp_path):
    for name, options, networks in (
        ("adversarial", [], ("generator", "critic")),
        ("likelihood", ["--method=likelihood"], ("generator",)),
    ):
        run = checkpoint(tmp_path / name, *options, networks=networks)
        with pytest.raises(UserError, match=r"has no discriminator: give a run .* reranking\.candidates") as error:
            Discriminator.from_pretrained(run)
        assert "\n" not in str(error.value)
    for load in (Critic.from_pretrained, Critic.random_like, Discriminator.random_like):
        with pytest.raises(UserError, match="trained by method=likelihood and has no "):
            load(run)


# --- a random critic


@pytest.mark.parametrize("options", [[], ["--critic.parametrization=spectral"]], ids=["plain", "spectral"])
def test_the_seed_of_a_run_gives_the_critic_that_it_began_with(run, tmp_path, options):
    if options:
        run = tmp_path / "run"
        assert train(run, *options, "--train.steps=2", "--evaluation.every=2") == 0
    config = artefacts.read_config(artefacts.locate(run), TextConfig)
    start = Trainer(Accelerator(cpu=True), TextTask.read(config, run)).critic.state_dict()
    for kind in (Critic, Discriminator):  # the discriminator starts as the critic
        found = kind.random_like(run, config.seed).network.state_dict()
        assert start.keys() == found.keys() and all(torch.equal(start[name], found[name]) for name in start)


def test_all_weights_of_a_random_critic_are_random(run):
    trained = {k.removeprefix("critic."): v for k, v in weights(run).items() if k.startswith("critic.")}
    one, same, other = (Critic.random_like(run, seed).network.state_dict() for seed in (5, 5, 6))
    assert trained.keys() == one.keys()
    for name, weight in one.items():
        assert weight.shape == trained[name].shape and torch.equal(weight, same[name])
        if weight.unique().numel() > 1:  # biases of zero
            assert not torch.equal(weight, trained[name]) and not torch.equal(weight, other[name])
    assert not torch.equal(one["embedding"], trained["embedding"])
    assert Critic.random_like(run).tokenizer.tokens == Critic.from_pretrained(run).tokenizer.tokens


def test_a_random_critic_leaves_the_callers_random_numbers_and_modes_alone(run):
    torch.manual_seed(8)
    np.random.seed(8)
    before, generator = np.random.get_state()[1].copy(), torch.get_rng_state()
    critic = Critic.random_like(run, 3)
    assert torch.equal(torch.get_rng_state(), generator) and (np.random.get_state()[1] == before).all()
    assert not critic.network.training and not any(weight.requires_grad for weight in critic.parameters())


def test_a_random_critic_takes_the_conditions_of_the_trained_one(tmp_path):
    for make, given in ((of_labels, ["order", "report", "order"]), (of_contexts, ["jobs", "can do", "a"])):
        run = make(tmp_path / make.__name__)
        scores = Critic.random_like(run, 2)(SENTENCES, given)
        assert (scores - Critic.from_pretrained(run)(SENTENCES, given)).abs().min() > 0
        with pytest.raises(UserError, match="conditional"):
            Critic.random_like(run)(SENTENCES)


@pytest.mark.parametrize("seed", [-1, 1.5, "3", None])
def test_a_seed_is_a_whole_number(chosen, seed):
    with pytest.raises(UserError, match="seed: "):
        Critic.random_like(chosen, seed)


# --- percentiles


def test_a_percentile_counts_the_real_sentences_that_score_lower(chosen):
    critic = Critic.from_pretrained(chosen)
    real = ["a bee", "good jobs can", "do", "even", "fine honest", "a bee"]
    scores, places = critic(real).numpy(), critic.percentiles([*real, "inner jobs"], real=real, batch_size=2).numpy()
    for score, place in zip([*scores, critic("inner jobs").item()], places, strict=True):
        below = (scores < score - 1e-6).sum() + 0.5 * (np.abs(scores - score) <= 1e-6).sum()
        assert place == pytest.approx(100 * below / len(real))


def test_percentiles_are_among_the_held_out_sentences_of_the_run(run, monkeypatch):
    critic = Critic.from_pretrained(run)
    real = (run / "corpus" / "test.txt").read_text().splitlines()
    assert len(real) == 100
    sentences = ["the dog sleeps.", "", "dog dog"]
    expected = critic.percentiles(sentences, real=real)
    assert torch.equal(critic.percentiles(sentences), expected)
    assert critic.percentiles(real).mean() == pytest.approx(50)
    monkeypatch.setattr(held_out, "MOST", 30)
    fewer = Critic.from_pretrained(run).percentiles(sentences)
    assert torch.equal(fewer, critic.percentiles(sentences, real=real[::4]))


def test_a_critic_away_from_its_run_needs_real_sentences(run, tmp_path, chosen):
    last = artefacts.checkpoints(run)[-1]
    for name in artefacts.FILES:
        shutil.copy(last / name, tmp_path)
    for critic in (Critic.from_pretrained(tmp_path), Critic.random_like(run)):
        with pytest.raises(UserError, match="give real sentences as `real`"):
            critic.percentiles(["the dog sleeps."])
        assert critic.percentiles(["the dog sleeps."], real=["the dog sleeps."]) == 50


def test_percentiles_of_a_conditional_critic_are_among_real_sentences_with_their_own_conditions(tmp_path):
    critic = Critic.from_pretrained(of_labels(tmp_path / "labels"))
    real, given = ["a bee", "do", "even"], ["order", "report", "question"]
    scores = critic(real, given)
    places = critic.percentiles(real, given, real=real, real_given=given)
    assert torch.equal(places.argsort(), scores.argsort())
    with pytest.raises(UserError, match="conditional"):
        critic.percentiles(real, given, real=real)
