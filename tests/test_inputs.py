"""The library takes what a user clearly means, and names what is wrong with the rest; it refuses what `sample` does."""

import re

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot
from untrained import checkpoint

from seqgan_gp import Critic, Generator, ImageCritic, ImageGenerator, LanguageModel, config
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.images.pretrained import build_critic, build_generator
from seqgan_gp.models.relaxations import most_probable, sample_ids

LENGTH, VOCABULARY = 6, 13
IMAGES = ["--modality=images", "--images.height=8", "--images.width=12", "--generator.noise=5"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    options = ("--reranking.candidates=2", "--reranking.temperature=0.7")
    return checkpoint(tmp_path_factory.mktemp("run"), *options, networks=("generator", "critic", "discriminator"))


@pytest.fixture(scope="module")
def generator(run):
    return Generator.from_pretrained(run)


@pytest.fixture(scope="module")
def critic(run):
    return Critic.from_pretrained(run)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return LanguageModel.from_pretrained(checkpoint(folder, "--method=likelihood", networks=("generator",)))


@pytest.fixture(scope="module")
def images():
    torch.manual_seed(4)
    c = config.parse(IMAGES).config
    return ImageGenerator(build_generator(c)), ImageCritic(build_critic(c))


IDS = torch.tensor([[3, 4, 2, 0, 0, 0], [5, 12, 4, 6, 2, 0], [7, 2, 0, 0, 0, 0]])
HOT = one_hot(IDS, VOCABULARY)


# --- options of sampling


@pytest.mark.parametrize(
    "option, values, words",
    [
        ("temperature", [-1.0, -1e-9, float("nan"), float("inf"), "-1"], "is not a number of at least 0"),
        ("num", [-1], "is not a whole number of at least"),
        ("seed", [-1, 1.5], "is not a whole number of at least 0"),
        ("batch_size", [0, -3, 2.0], "is not a whole number of at least 1"),
        ("candidates", [0, -1, 2.5], "is not a whole number of at least 1"),
    ],
)
def test_the_library_refuses_what_the_command_refuses_in_the_same_words(option, values, words, run, generator, capsys):
    for value in values:
        complaint = re.escape(f"{option}: {value!r} {words}")
        for sample in (generator.sample, generator.sample_ids):
            with pytest.raises(UserError, match=complaint) as error:
                sample(**{"num": 2, option: value})  # before anything is read from it
            assert "\n" not in str(error.value)
        assert main(["sample", str(run), f"--{option.replace('_', '-')}={value}"]) == 2
        if value != "-1":
            assert words in capsys.readouterr().err


def test_image_generators_refuse_the_same(images):
    for options in ({"num": -1}, {"num": 2, "seed": -1}, {"num": 2, "batch_size": 0}, {"num": 2.5}):
        with pytest.raises(UserError, match="is not a whole number of at least"):
            images[0].sample(**options)


def test_language_models_refuse_the_same(model):
    with pytest.raises(UserError, match=r"temperature: -1.0 is not"):
        model.sample(2, temperature=-1.0)
    with pytest.raises(UserError, match="batch_size: 0 is not"):
        model.log_likelihood(["a bee"], batch_size=0)


def test_numbers_of_numpy_are_numbers(generator):
    expected = list(generator.sample(3, 2, 0.5, 4, candidates=2))
    own = generator.sample(np.int64(3), np.int32(2), np.float32(0.5), np.int64(4), candidates=np.int8(2))
    assert list(own) == expected and list(generator.sample(0)) == []


@pytest.mark.parametrize("temperature", [1e-39, 1e-40, 1e-45, 1e-300, 5e-324])
def test_a_temperature_that_is_too_small_for_a_float_takes_the_most_probable(temperature, generator, model, run):
    for one in (generator, model):
        assert list(one.sample(20, 3, temperature)) == list(one.sample(20, 3, 0.0))
    logits, chance = torch.randn(7, 5), torch.rand(7)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert torch.equal(sample_ids(logits.to(dtype), temperature, chance), most_probable(logits.to(dtype)))
    flushed = torch.set_flush_denormal(True)  # as the commands do
    try:
        assert torch.equal(sample_ids(logits, temperature, chance), most_probable(logits))
        assert torch.equal(sample_ids(logits, 1.2e-38, chance), most_probable(logits))
    finally:
        torch.set_flush_denormal(False)
    assert flushed


# --- sequences of a critic


@pytest.mark.parametrize(
    "make",
    [
        lambda: IDS.numpy(),
        lambda: IDS.numpy().astype(">i4"),
        lambda: IDS.numpy()[::-1][::-1],
        lambda: IDS.tolist(),
        lambda: tuple(map(tuple, IDS.tolist())),
        lambda: list(IDS),
        lambda: [IDS[0].tolist(), IDS[1].numpy(), IDS[2]],
        lambda: IDS.int(),
        lambda: IDS.to(torch.uint8),
        lambda: IDS.T.contiguous().T,
        lambda: HOT,
        lambda: HOT.bool(),
        lambda: HOT.double(),
        lambda: HOT.half(),
        lambda: HOT.numpy().astype(np.float64),
        lambda: HOT.tolist(),
        lambda: list(HOT.float()),
    ],
)
def test_arrays_and_lists_are_the_sequences_that_they_clearly_are(make, critic):
    scores = critic(IDS)
    torch.testing.assert_close(critic(make()), scores)
    torch.testing.assert_close(critic.features(make()), critic.features(IDS))
    assert critic.embed(make()).dtype == critic.network.embedding.dtype


def test_one_sequence_is_a_batch_of_one(critic):
    score = critic(IDS)[1:2]
    for one in (IDS[1], IDS[1].numpy(), IDS[1].tolist(), HOT[1], HOT[1].double()):
        torch.testing.assert_close(critic(one), score)


def test_sentences_come_in_any_iterable(critic):
    sentences = ["a bee", "good jobs"]
    scores = critic(sentences)
    for same in (tuple(sentences), np.array(sentences), np.array(sentences, dtype=object), (s for s in sentences)):
        torch.testing.assert_close(critic(same), scores)


def test_gradients_pass_tokens_of_another_type(critic):
    soft = HOT.double().requires_grad_()
    critic(soft).sum().backward()
    assert soft.grad.dtype == torch.float64 and soft.grad.abs().sum() > 0
    rows = [row.float().requires_grad_() for row in HOT]
    critic(rows).sum().backward()
    assert all(row.grad.abs().sum() > 0 for row in rows)


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda: ["a", None], r"item 1 is None \(NoneType\), not a sentence"),
        (lambda: [None, "a"], r"item 0 is None \(NoneType\), not a sentence"),
        (lambda: ["a", 3], r"item 1 is 3 \(int\)"),
        (lambda: ["a", b"b"], r"item 1 is b'b' \(bytes\)"),
        (lambda: ["a", float("nan")], r"item 1 is nan \(float\)"),
        (lambda: [["the", "dog"]], "item 0 is .*: join its words to one text"),
        (lambda: [["the", "dog"], ["a"]], "join its words to one text"),
        (lambda: ["a", "\ud800"], "item 1, .* surrogate"),
        (lambda: [None, None], r"item 0 is None \(NoneType\): sentences, ids or tokens are needed"),
        (lambda: [], "the list is empty"),
        (lambda: (), "the list is empty"),
        (lambda: None, r"sentences, ids or tokens are needed, not None"),
        (lambda: {"a": 1}, r"are needed, not \{'a': 1\} \(dict\)"),
        (lambda: IDS + 1000, "item 0, position 0: the id 1003 is not in the vocabulary, whose 13 tokens"),
        (lambda: (IDS + (IDS == 12)).numpy(), "item 1, position 1: the id 13 is not in the vocabulary"),
        (lambda: (-IDS).tolist(), "item 0, position 0: the id -3 is not in the vocabulary"),
        (lambda: IDS[:, :4], r"int64 of shape \(3, 4\): this critic takes ids \(B, 6\)"),
        (lambda: [1, 2, 3], r"int64 of shape \(3,\): this critic takes ids \(B, 6\)"),
        (lambda: [[1, 2, 3, 4, 2, 0], [1, 2]], r"item 1 has shape \(2,\), and item 0 has \(6,\)"),
        (lambda: IDS.float(), r"float32 of shape \(3, 6\): this critic takes ids"),
        (lambda: HOT.float()[..., :-1], r"tokens \(B, 6, 13\)"),
        (lambda: HOT.float()[None], r"tokens \(B, 6, 13\)"),
        (lambda: torch.tensor(3), r"shape \(\)"),
        (lambda: HOT.to(torch.complex64), "real numbers are needed"),
        (lambda: IDS > 3, r"bool of shape \(3, 6\)"),
    ],
)
def test_anything_else_is_named_in_one_line(make, complaint, critic):
    for method in (critic, critic.embed, critic.features, critic.tokens):
        with pytest.raises(UserError, match=complaint) as error:
            method(make())
        assert "\n" not in str(error.value)


def test_embeddings_of_another_shape_or_type(critic):
    embedded = critic.embed(IDS)
    torch.testing.assert_close(critic.score(embedded.double()), critic.score(embedded))
    for wrong in (embedded[0], embedded[..., :-1], IDS, embedded.tolist()):
        with pytest.raises(UserError, match=r"embeddings \(B, 6, 5\) are needed"):
            critic.score(wrong)


# --- generators, language models and tokenizers


def test_noise_of_a_generator_may_be_any_array_of_its_shape(generator):
    noise = generator.network.sample_noise(3, np.random.default_rng(1))
    logits = generator(noise)
    for same in (noise.numpy(), noise.double(), noise.tolist(), noise.numpy().astype(np.float64)):
        torch.testing.assert_close(generator(same), logits)
    torch.testing.assert_close(generator(noise[1]), logits[1:2])
    for wrong in (noise[:, :3], IDS, None, ["a"], torch.zeros(2, 3, 7)):
        with pytest.raises(UserError, match="noise"):
            generator(wrong)


def test_ids_of_a_language_model_may_be_any_array_of_whole_numbers(model):
    logits = model(IDS)
    for same in (IDS.numpy(), IDS.tolist(), IDS.int()):
        assert torch.equal(model(same), logits)
    for wrong, complaint in ((IDS + 100, "the id 103 is not"), (IDS - 9, "the id -6 is not"), (IDS.float(), "ids")):
        with pytest.raises(UserError, match=complaint):
            model(wrong)


def test_log_likelihoods_are_of_sentences(model):
    nats, tokens = model.log_likelihood(["a bee"])
    assert model.log_likelihood("a bee")[0] == nats and tokens == 3
    for wrong, complaint in (
        (["a", None], "item 1 is None"),
        ([["a", "bee"]], "join its words"),
        ([], "the list is empty"),
        (None, "sentences are needed"),
        (IDS, "item 0 is "),
    ):
        with pytest.raises(UserError, match=complaint):
            model.log_likelihood(wrong)


def test_a_tokenizer_encodes_sentences_alone(critic):
    encode = critic.tokenizer.encode
    assert (encode("a bee", 5).ids == encode(["a bee"], 5).ids).all()
    for wrong in (["a", None], [["a", "bee"]], None, 5, {"a": 1}, b"a bee", ["a", "\ud800"]):
        with pytest.raises(UserError):
            encode(wrong, 5)
    for length in (0, -1, 2.5):
        with pytest.raises(UserError, match="length"):
            encode(["a"], length)


@pytest.mark.parametrize("given", [["order", None, "report"], [1, 2, 3], 5, [["order"]] * 3])
def test_labels_are_texts(given, tmp_path):
    run = checkpoint(tmp_path / "run", "--corpus.train=grammar:types", "--corpus.label=label")
    with pytest.raises(UserError, match="given"):
        Critic.from_pretrained(run)(["a", "a bee", "a"], given=given)
    with pytest.raises(UserError, match="given"):
        Generator.from_pretrained(run).sample(3, given=given)


# --- images


def test_images_are_taken_as_they_are_sampled_and_as_any_array(images):
    generator, critic = images
    pixels = np.concatenate(list(generator.sample(3, seed=2)))
    scores = critic(torch.from_numpy(pixels[:, None]))
    for same in (pixels, pixels[:, None], torch.from_numpy(pixels), list(pixels), pixels.tolist()):
        torch.testing.assert_close(critic(same), scores)
    torch.testing.assert_close(critic(pixels / 127.5 - 1), scores)  # float64
    torch.testing.assert_close(critic(pixels[1]), scores[1:2])
    for wrong, complaint in (
        (pixels[:, :4], r"this critic takes images \(B, 1, 8, 12\)"),
        (pixels[:, None].repeat(3, axis=1), r"images \(B, 1, 8, 12\)"),
        ((pixels.astype(int) + 300).tolist(), "item 0 has a pixel of .*from 0 to 255"),
        (pixels / 1.0, r"item 0 has a pixel of .* in \[-1, 1\]"),
        (pixels > 3, "pixels are uint8 or floating"),
        (pixels.astype(int), "int64 of shape .*: pixels are uint8 or floating"),
        ([pixels[0], pixels[1, :4]], r"item 1 has shape \(4, 12\)"),
        (None, "images are needed"),
        ([], "the list is empty"),
    ):
        with pytest.raises(UserError, match=complaint):
            critic(wrong)


def test_noise_of_an_image_generator(images):
    noise = np.random.default_rng(1).normal(size=(2, 5))
    assert images[0](noise).shape == (2, 1, 8, 12)
    with pytest.raises(UserError, match=r"noise \(B, 5\) is needed"):
        images[0](noise[:, :3])
