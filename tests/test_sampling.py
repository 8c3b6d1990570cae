"""Test sampling: every option reaches the networks, streams are separate, sentences have their conditions."""

import collections
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn
from untrained import CONTEXTS, COUNTS, LABELS, WORDS, checkpoint

from seqgan_gp import Critic, Generator, ImageGenerator, LanguageModel, artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.images.grid import save_grid
from seqgan_gp.images.pretrained import build_generator
from seqgan_gp.models.sequence import SequenceModel
from seqgan_gp.networks import build_critic, condition_of
from seqgan_gp.pretrained import Reranking
from seqgan_gp.pretrained.generator import SIDE_BY_SIDE
from seqgan_gp.text.conditions import Labels
from seqgan_gp.text.tokenizer import Tokenizer

GUMBEL = "--relaxation.kind=straight-through-gumbel"


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """A checkpoint that samples at temperature 0, and at 0.7 where it chooses among three."""
    options = ("--reranking.candidates=3", "--reranking.temperature=0.7")
    folder = tmp_path_factory.mktemp("untrained") / "chosen"
    return checkpoint(folder, *options, networks=("generator", "critic", "discriminator"))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("untrained") / "labelled", GUMBEL, *LABELS)


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    """Contexts are longer than their answers: nine tokens with the end, not six."""
    options = (*CONTEXTS, "--condition.length=9")
    return checkpoint(tmp_path_factory.mktemp("untrained") / "answering", *options)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("untrained") / "language-model"
    return checkpoint(folder, "--method=likelihood", networks=("generator",))


# --- the command


def sampled(run, path, *options):
    """The lines that the command writes to a file."""
    assert main(["sample", str(run), "--out", str(path), *options]) == 0
    return path.read_text().splitlines()


def test_the_command_writes_what_the_generator_samples_with_the_same_options(chosen, tmp_path):
    generator, out = Generator.from_pretrained(chosen), tmp_path / "out.txt"
    assert sampled(chosen, out) == list(generator.sample(10, seed=0))
    options = {"num": 13, "seed": 5, "temperature": 0.4, "candidates": 2}
    given = {name: (f"--{name}", str(value)) for name, value in options.items()}
    expected = list(generator.sample(**options))
    assert sampled(chosen, out, *(word for words in given.values() for word in words)) == expected
    for left_out in options:
        others = {name: value for name, value in options.items() if name != left_out}
        words = [word for name in others for word in given[name]]
        assert sampled(chosen, out, *words) == list(generator.sample(**{"num": 10, **others})) != expected


def test_temperature_zero_is_a_temperature(tmp_path):
    run = checkpoint(tmp_path / "run", GUMBEL)
    generator = Generator.from_pretrained(run)
    cold = sampled(run, tmp_path / "cold.txt", "--temperature", "0", "--seed", "2")
    assert cold == list(generator.sample(10, seed=2, temperature=0.0)) != list(generator.sample(10, seed=2))
    assert list(generator.sample(10, seed=2)) == list(generator.sample(10, seed=2, temperature=1.0))


def test_a_dash_is_the_terminal(chosen, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(chosen), "--num", "3", "--out", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == list(Generator.from_pretrained(chosen).sample(3))
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_sentences_of_a_label(labelled, tmp_path):
    generator = Generator.from_pretrained(labelled)
    lines = sampled(labelled, tmp_path / "out.txt", "--num", "30", "--label", "question", "--seed", "3")
    assert lines == list(generator.sample(30, seed=3, given="question"))
    assert lines != list(generator.sample(30, seed=3, given="report"))
    assert sampled(labelled, tmp_path / "out.txt", "--num", "30", "--seed", "3") == list(generator.sample(30, seed=3))


def test_every_line_of_a_long_file_is_answered_in_its_place(answering, tmp_path, capsys):
    generator = Generator.from_pretrained(answering)
    lines = [" ".join(WORDS[(i + j) % 10] for j in range(1 + i % 7)) for i in range(23)]
    (tmp_path / "questions.txt").write_text("".join(f"{line}\n" for line in lines))
    options = ("--context", str(tmp_path / "questions.txt"), "--batch-size", "4")
    answers = sampled(answering, tmp_path / "out.txt", *options)
    assert answers == list(generator.sample(23, given=lines)) != list(generator.sample(23, given=lines[::-1]))
    assert sampled(answering, tmp_path / "out.txt", *options, "--num", "2") == answers
    assert "cut" not in capsys.readouterr().err
    (tmp_path / "questions.txt").write_text("\n".join(["a " * 8, "a " * 9, "a " * 10]) + "\n")
    sampled(answering, tmp_path / "out.txt", *options)  # eight words and an end are nine tokens
    assert "2 lines of " in (message := capsys.readouterr().err) and "longer than 9 tokens" in message


def test_sampling_takes_the_threads_that_the_user_asks_for(chosen, tmp_path, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    try:
        sampled(chosen, tmp_path / "out.txt")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_label_and_a_context_are_not_given_together(labelled, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(labelled), "--label", "question", "--context", "questions.txt"])
    assert stop.value.code == 2 and "not allowed with argument" in capsys.readouterr().err


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A checkpoint of images of 8 x 12 pixels."""
    c = config.parse(["--modality=images", "--images.height=8", "--images.width=12", "--generator.noise=5"]).config
    folder = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(4)
    artefacts.save(folder, c, {"generator": build_generator(c)})
    return folder


def test_a_picture_has_the_images_that_the_options_ask_for(images, tmp_path):
    generator, out = ImageGenerator.from_pretrained(images), tmp_path / "a.PNG"  # however it is written
    assert main(["sample", str(images), "--num", "7", "--seed", "3", "--batch-size", "4", "--out", str(out)]) == 0
    save_grid(np.concatenate(list(generator.sample(7, 3, 4))), tmp_path / "b.png")
    assert out.read_bytes() == (tmp_path / "b.png").read_bytes()
    save_grid(np.concatenate(list(generator.sample(7, 0, 4))), tmp_path / "c.png")
    assert out.read_bytes() != (tmp_path / "c.png").read_bytes()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--label", "7"), "--label and --context are for text"),
        (("--context", "a.txt"), "--label and --context are for text"),
        (("--candidates", "1"), "--candidates is for text"),
        (("--temperature", "0"), "--temperature is for text"),
        (("--out", "-"), "images need the name of a file that ends in .png"),
        (("--out", "a.jpg"), "--out is a.jpg: images need"),
    ],
)
def test_images_take_no_options_of_text(options, message, images, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(images), "--out", "a.png", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and list(tmp_path.iterdir()) == []


# --- the networks of a checkpoint


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


# --- what is random


class Dice(SequenceModel):
    """A model of sequences of three tokens, which remembers what it is asked and how it computes."""

    vocabulary, length = 100, 3

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.asked, self.computed = [], []

    def draw(self, num, temperature, noise, tokens, condition=None):
        latent, chance = noise.random((num, 3)), tokens.random((num, 3))
        self.asked.append((num, temperature, latent, chance, condition))

        def compute():
            self.computed.append((self.training, torch.is_grad_enabled()))
            return torch.from_numpy(3 + (97 * latent).astype(np.int64))

        return compute

    def latents(self):
        return np.concatenate([asked[2] for asked in self.asked])

    def chances(self):
        return np.concatenate([asked[3] for asked in self.asked])

    def conditions(self):
        return torch.cat([asked[4] for asked in self.asked]).tolist()


class Keeper(Reranking):
    """Remembers the chance that it is given, and takes the first candidate."""

    kept: list = []  # noqa: RUF012

    def among(self, draw, chance, *condition):
        self.kept.append(chance)
        return lambda: draw()[:: chance.shape[1]]


TOKENIZER = Tokenizer.train("word", WORDS, 100)


def dice(**options):
    return Generator(Dice(), TOKENIZER, **options)


def drawn(generator, *args, **options):
    return np.concatenate(list(generator.sample_ids(*args, **options)))


def test_one_seed_makes_independent_streams_of_latents_tokens_and_labels():
    generator = dice(condition=Labels({"b": 1, "a": 1}))
    drawn(generator, 400, seed=5)
    latents, chances = generator.network.latents(), generator.network.chances()
    labels = np.array(generator.network.conditions(), dtype=float)
    own = np.stack([latents[:, 0], latents[:, 1], chances[:, 0], chances[:, 1], labels])
    assert np.abs(np.corrcoef(own) - np.eye(5)).max() < 0.2
    # Labels are drawn before the rest, from the front of their stream.
    thirds = np.stack([latents.ravel()[:400], chances.ravel()[:400], labels])
    assert np.abs(np.corrcoef(thirds) - np.eye(3)).max() < 0.2
    again, other = dice(condition=Labels({"b": 1, "a": 1})), dice(condition=Labels({"b": 1, "a": 1}))
    drawn(again, 400, seed=5)
    drawn(other, 400, seed=6)
    assert again.network.conditions() == generator.network.conditions() != other.network.conditions()
    assert np.array_equal(again.network.chances(), chances) and not np.array_equal(other.network.chances(), chances)
    assert np.array_equal(again.network.latents(), latents) and not np.array_equal(other.network.latents(), latents)


def test_the_choice_among_candidates_has_chances_of_its_own():
    keeper = Keeper(nn.Identity(), TOKENIZER, 2, 1.0)
    keeper.kept.clear()
    generator = dice(reranking=keeper, condition=Labels({"b": 1, "a": 1}))
    drawn(generator, 300, seed=5, batch_size=50)
    chance, network = np.concatenate(keeper.kept), generator.network
    assert chance.shape == (300, 2) and chance.mean() == pytest.approx(1, abs=0.15)  # of exponential variables
    assert len(np.unique(chance)) == 600  # no batch has those of another
    streams = [chance.ravel()[:300], network.latents().ravel()[:300], network.chances().ravel()[:300]]
    own = np.stack([*streams, network.conditions()[:300]])
    assert np.abs(np.corrcoef(own)[0, 1:]).max() < 0.2
    first = chance.copy()
    keeper.kept.clear()
    drawn(generator, 300, seed=6, batch_size=50)
    assert not np.array_equal(np.concatenate(keeper.kept), first)


def test_labels_are_as_frequent_as_in_the_corpus_and_mixed():
    generator = dice(condition=Labels(COUNTS))
    drawn(generator, 4000, seed=1)
    labels = generator.network.conditions()
    counts = collections.Counter(labels)
    for label, share in enumerate((30 / 40, 9 / 40, 1 / 40)):
        assert counts[label] / 4000 == pytest.approx(share, abs=0.03)
    assert collections.Counter(labels[:2000])[0] == pytest.approx(counts[0] / 2, rel=0.1)


def test_labels_that_are_drawn_make_the_sentences_that_they_make_when_given(labelled):
    generator, names = dice(condition=Labels(COUNTS)), list(COUNTS)
    drawn(generator, 30, seed=3)
    labels = [names[i] for i in generator.network.conditions()]
    trained = Generator.from_pretrained(labelled)
    assert list(trained.sample(30, seed=3)) == list(trained.sample(30, seed=3, given=labels))


def test_each_sentence_has_the_label_that_it_is_given():
    generator, names = dice(condition=Labels(COUNTS)), list(COUNTS)
    given = [names[i % 3] for i in range(11)]
    for each in (given, tuple(given)):
        generator.network.asked.clear()
        drawn(generator, 11, given=each, batch_size=4)
        assert generator.network.conditions() == [i % 3 for i in range(11)]
    generator.network.asked.clear()
    drawn(generator, 11, given="question", batch_size=4)
    assert generator.network.conditions() == [2] * 11
    generator.reranking = Keeper(nn.Identity(), TOKENIZER, 3, 1.0)
    generator.network.asked.clear()
    drawn(generator, 11, given=given, batch_size=12)
    assert generator.network.conditions() == np.repeat([i % 3 for i in range(11)], 3).tolist()


@pytest.mark.parametrize("candidates, rows", [(1, 20), (3, 18), (7, 14), (20, 20), (50, 50)])
def test_no_more_candidates_are_computed_at_once_than_the_batch_size(candidates, rows):
    """But for those of one sentence, which belong together."""
    generator = dice(reranking=Keeper(nn.Identity(), TOKENIZER, 5, 1.0))
    batches = list(generator.sample_ids(31, batch_size=20, candidates=candidates))
    asked = [asked[0] for asked in generator.network.asked]
    assert max(asked) == rows and sum(asked) == 31 * candidates
    assert sum(len(ids) for ids in batches) == 31
    assert [len(ids) * candidates for ids in batches] == asked


def test_a_discriminator_scores_no_more_candidates_at_once_than_the_batch_size(chosen):
    generator, rows = Generator.from_pretrained(chosen), []
    for network in (generator.network, generator.reranking.discriminator):
        network.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    assert len(list(generator.sample(25, batch_size=10, candidates=4))) == 25
    assert max(rows) == 8 and sum(rows) == 2 * 25 * 4


def test_the_command_computes_no_more_at_once_than_its_batch_size(chosen, tmp_path):
    rows = []

    def note(module, inputs):
        if module.__class__.__name__ == "GeneratorNetwork":
            rows.append(len(inputs[0]))

    hook = nn.modules.module.register_module_forward_pre_hook(note)
    try:
        sampled(chosen, tmp_path / "out.txt", "--num", "25", "--batch-size", "10")
    finally:
        hook.remove()
    assert max(rows) == 9 and sum(rows) == 75


def test_the_temperature_asked_for_reaches_the_network():
    generator = dice(temperature=0.6, reranking=Keeper(nn.Identity(), TOKENIZER, 2, 0.8))
    asked = [dict(), dict(temperature=0.0), dict(candidates=1), dict(candidates=3), dict(candidates=1, temperature=1.5)]
    for options in asked:
        drawn(generator, 2, **options)
    assert [a[1] for a in generator.network.asked] == [0.8, 0.0, 0.6, 0.8, 1.5]


@pytest.mark.parametrize("batch_size", [10, SIDE_BY_SIDE])
@pytest.mark.parametrize("training", [False, True])
def test_sampling_has_no_gradients_and_no_dropout_and_leaves_the_mode_alone(batch_size, training):
    generator = dice()
    generator.network.train(training)
    drawn(generator, 300, batch_size=batch_size)
    assert set(generator.network.computed) == {(False, False)}
    assert generator.network.training is training and torch.is_grad_enabled()
    stream = generator.sample_ids(300, batch_size=batch_size)
    next(stream)
    stream.close()  # whoever has enough leaves it so, too
    assert generator.network.training is training and torch.is_grad_enabled()


def test_batches_computed_side_by_side_come_in_their_order(chosen):
    generator, threads = Generator.from_pretrained(chosen), torch.get_num_threads()
    small = drawn(generator, 5 * SIDE_BY_SIDE, seed=3, batch_size=100, candidates=1)
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            large = drawn(generator, 5 * SIDE_BY_SIDE, seed=3, batch_size=SIDE_BY_SIDE, candidates=1)
            assert np.array_equal(large, small) and torch.get_num_threads() == number
            with ThreadPoolExecutor(1) as later:  # a thread that starts later has as many, too
                assert later.submit(torch.get_num_threads).result() == number
    finally:
        torch.set_num_threads(threads)


def test_ids_are_integers_a_row_each():
    batches = list(dice().sample_ids(7, batch_size=3))
    assert [ids.shape for ids in batches] == [(3, 3), (3, 3), (1, 3)]
    assert all(isinstance(ids, np.ndarray) and ids.dtype == np.int64 for ids in batches)
