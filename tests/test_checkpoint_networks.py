"""Test the networks of a checkpoint: what they read, their temperatures, their weights and their devices."""

import numpy as np
import pytest
import torch
from untrained import CONTEXTS, COUNTS, LABELS, WORDS, checkpoint, choosing, of_contexts

from seqgan_gp import Critic, Generator, LanguageModel, artefacts, config
from seqgan_gp.networks import build_critic, condition_of
from seqgan_gp.text.conditions import Labels
from seqgan_gp.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return choosing(tmp_path_factory.mktemp("untrained") / "chosen")


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    return of_contexts(tmp_path_factory.mktemp("untrained") / "answering")


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("untrained") / "language-model"
    return checkpoint(folder, "--method=likelihood", networks=("generator",))


def test_contexts_may_be_longer_or_shorter_than_answers(answering, tmp_path):
    short = checkpoint(tmp_path / "short", *CONTEXTS, "--condition.length=4")
    like = checkpoint(tmp_path / "like", *CONTEXTS)
    words = ["bee", "can", "do", "even", "fine", "good", "honest", "inner", "jobs"]
    for run, length in ((short, 4), (like, 6), (answering, 9)):
        generator, critic = Generator.from_pretrained(run), Critic.from_pretrained(run)
        noise = generator.network.sample_noise(1, np.random.default_rng(0))
        for place in range(len(words)):
            other = [*words[:place], "a", *words[place + 1 :]]
            contexts = [" ".join(words)], [" ".join(other)]
            read = place < length
            assert torch.equal(*(generator(noise, given=c) for c in contexts)) is not read
            assert torch.equal(*(critic("good jobs", given=c) for c in contexts)) is not read


def test_the_padding_of_a_foreign_tokenizer_is_not_looked_at():
    """Its padding is not token 0."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers

    backend = Backend(models.WordLevel({word: i for i, word in enumerate([*WORDS, "<unk>"])}, "<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = Tokenizer(backend)
    assert tokenizer.pad > 9
    c = config.parse(["--tokenizer.length=6", *CONTEXTS, "--condition.features=4", "--condition.blocks=0"]).config
    condition = condition_of(c, tokenizer, lambda: Labels(COUNTS))
    critic = build_critic(c, tokenizer, condition)
    ids = torch.randint(len(tokenizer), (1, 6))
    given = [torch.from_numpy(condition.encode([text])) for text in ("bee can", "a bee")]
    before = [critic(ids, g) for g in given]
    with torch.no_grad():
        critic.encoder.embedding[tokenizer.pad] += 3
    assert all(torch.equal(critic(ids, g), b) for g, b in zip(given, before, strict=True))
    with torch.no_grad():
        critic.encoder.embedding[0] += 3  # the word a
    assert [torch.equal(critic(ids, g), b) for g, b in zip(given, before, strict=True)] == [True, False]


@pytest.mark.parametrize("kind", ["softmax", "straight-through", "gumbel", "straight-through-gumbel"])
def test_a_generator_samples_at_the_temperature_that_it_was_trained_for(kind, tmp_path):
    """The temperature of the relaxation's softmax is another one, which samples do not have."""
    run = checkpoint(tmp_path / "run", f"--relaxation.kind={kind}", "--relaxation.temperature=0.2")
    generator = Generator.from_pretrained(run)
    asked = list(generator.sample(40, temperature=1.0 if "gumbel" in kind else 0.0))
    assert list(generator.sample(40)) == asked


def test_a_language_model_samples_at_temperature_one_and_ignores_its_dropout(language_model):
    model = LanguageModel.from_pretrained(language_model)
    assert list(model.sample(40, seed=2)) == list(model.sample(40, seed=2, temperature=1.0))
    assert list(model.sample(40, seed=2)) != list(model.sample(40, seed=2, temperature=0.0))
    ids = torch.randint(len(model.tokenizer), (8, 6))
    assert torch.equal(model(ids), model(ids))
    # One in the middle of its training says the same, and trains on.
    sentences = [" ".join(WORDS[: 1 + i % 5]) for i in range(11)]
    before = model.log_likelihood(sentences)
    encoded = torch.from_numpy(model.tokenizer.encode(sentences, 6).ids)
    np.testing.assert_allclose(before[0], model.network.log_probability(encoded).detach(), rtol=1e-5)
    model.network.train()
    np.testing.assert_allclose(model.log_likelihood(sentences, batch_size=4), before, rtol=1e-5)
    assert model.network.training
    assert list(before[1]) == [2 + i % 5 for i in range(11)]
    rows = []
    model.network.lstm.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    model.log_likelihood(sentences, batch_size=4)
    assert rows == [4, 4, 3]
    # One that is put together in memory samples alike.
    assert list(LanguageModel(model.network, model.tokenizer).sample(40, 2)) == list(model.sample(40, 2))


def test_a_discriminator_has_weights_of_its_own(chosen):
    generator, critic = Generator.from_pretrained(chosen), Critic.from_pretrained(chosen)
    own = artefacts.load_file(chosen / artefacts.WEIGHTS)
    for part, network in (("discriminator", generator.reranking.discriminator), ("critic", critic.network)):
        assert all(torch.equal(v, own[f"{part}.{name}"]) for name, v in network.state_dict().items())
        assert not network.training
    assert not torch.equal(own["critic.output.weight"], own["discriminator.output.weight"])
    assert not any(p.requires_grad for p in critic.network.parameters())


def test_samples_are_chosen_among_candidates_at_the_temperature_of_the_config(chosen):
    generator = Generator.from_pretrained(chosen)
    one = list(generator.sample(40, seed=2))
    assert one == list(generator.sample(40, seed=2, temperature=0.7, candidates=3))
    assert list(generator.sample(40, seed=2, candidates=5)) == list(generator.sample(40, 2, 0.7, candidates=5)) != one
    assert list(generator.sample(40, seed=2, temperature=0.0)) != one
    # As they come, they are those of the generator, at its own temperature.
    plain = Generator(generator.network, generator.tokenizer)
    assert list(generator.sample(40, seed=2, candidates=1)) == list(plain.sample(40, seed=2, temperature=0.0))


def test_networks_and_what_they_are_given_go_to_the_device_that_is_asked_for(tmp_path):
    """The device `meta`, which computes shapes alone, is on every machine; it has no convolutions."""
    options = (*LABELS, "--generator.kernel=1", "--critic.kernel=1", "--reranking.candidates=3")
    run = checkpoint(tmp_path / "run", *options, networks=("generator", "critic", "discriminator"))
    generator, critic = Generator.from_pretrained(run, "meta"), Critic.from_pretrained(run, "meta")
    for network in (generator.network, generator.reranking.discriminator, critic.network):
        assert {p.device.type for p in network.parameters()} == {"meta"}
    assert generator(torch.zeros(3, 7, device="meta"), given="order").device.type == "meta"
    for sequences in (["a bee", "a fine bee"], torch.zeros(2, 6, dtype=torch.long)):
        assert critic(sequences, given=["order", "report"]).device.type == "meta"


@pytest.mark.parametrize("backbone", ["convolutional", "recurrent"])
def test_a_spectral_critic_is_the_same_however_large_its_weights_are(backbone, tmp_path):
    run = checkpoint(tmp_path / "run", "--critic.parametrization=spectral", f"--critic.backbone={backbone}")
    critic = Critic.from_pretrained(run)
    scores = critic(["a bee", "good jobs"])
    parametrized = [m for m in critic.network.modules() if hasattr(m, "parametrizations")]
    assert len(parametrized) > 3
    for layer in parametrized:
        for weights in layer.parametrizations.values():
            weights.original.mul_(7)
    torch.testing.assert_close(critic(["a bee", "good jobs"]), scores, rtol=1e-4, atol=0)
    assert scores[0] != scores[1]
