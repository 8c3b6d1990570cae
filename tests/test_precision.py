"""No tensor of ours has float64 on a device: some devices, such as Apple's, have no such numbers."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from bars import HEIGHT, WIDTH, bars
from bars import TINY as TINY_IMAGES
from conftest import TINY
from corpora import load
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from untrained import LABELS, checkpoint

from seqgan_gp import Critic, Generator, ImageCritic, ImageGenerator, LanguageModel, config
from seqgan_gp.adversarial import MIXINGS
from seqgan_gp.adversarial.reranker import resample
from seqgan_gp.images.data import Splits
from seqgan_gp.images.pretrained import build_critic, build_generator
from seqgan_gp.images.task import ImageTask
from seqgan_gp.machine import onto
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training.likelihood import LikelihoodTrainer
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer


class WithoutFloat64(TorchDispatchMode):
    """The CPU stands in for a device without float64: no operation takes or gives such a tensor."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, torch.Tensor) and value.dtype == torch.float64:
                raise TypeError(f"{function} has a tensor of float64")
        return result


@pytest.fixture
def no_float64():
    with WithoutFloat64():
        yield


def test_the_stand_in_refuses_float64():
    chance = torch.from_numpy(np.random.default_rng(1).standard_exponential((3, 2)))
    with WithoutFloat64(), pytest.raises(TypeError, match="float64"):
        resample(torch.zeros(3, 2), chance)
    with WithoutFloat64(), pytest.raises(TypeError, match="float64"):
        torch.from_numpy(chance.numpy())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    options = (*LABELS, "--reranking.candidates=3", "--reranking.temperature=0.7")
    return checkpoint(tmp_path_factory.mktemp("run"), *options, networks=("generator", "critic", "discriminator"))


@pytest.mark.parametrize("batch_size", [10, 200])
def test_sampling_with_a_reranker(run, no_float64, batch_size):
    assert len(list(Generator.from_pretrained(run).sample(13, seed=2, batch_size=batch_size))) == 13


def test_tokens_and_noise_in_float64_are_cast_before_they_go_to_a_device(run):
    """The device `meta` has no convolutions, so that embeddings and noise are as far as it goes."""
    critic = Critic.from_pretrained(run, "meta")
    hard = np.eye(len(critic.tokenizer))[np.ones((3, critic.network.length), dtype=int)]
    assert hard.dtype == np.float64
    moved = []
    to = torch.Tensor.to

    def watched(tensor, *args, **options):
        moved.extend(tensor.dtype for a in args if isinstance(a, torch.device) and a.type == "meta")
        return to(tensor, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", watched)
        for tokens in (hard, torch.from_numpy(hard)):
            assert critic.embed(tokens).dtype == torch.float32
    assert moved == [torch.float32] * 2


def build(options, make=Trainer):
    c = config.parse([*TINY, *options]).config
    corpus = load(c.corpus.train, size=64, holdout=10)
    return make(Accelerator(cpu=True), TextTask(c, corpus, Tokenizer.train("word", corpus.train.text, 300)))


@pytest.mark.parametrize("mixing", ["convex", "crossover", "my own"])
def test_training_and_its_phase_of_the_reranker(mixing, no_float64, monkeypatch):
    monkeypatch.setitem(MIXINGS, "my own", lambda rng, batch, positions: rng.random(batch))  # float64
    options = ["--reranking.candidates=3", "--reranking.share=0.5", f"--penalty.mixing={mixing}"]
    options += ["--revision.passes=2", "--revision.share=0.25", "--relaxation.substitutions=3"]
    trainer = build([*options, "--train.steps=4", "--relaxation.kind=straight-through-gumbel"])
    keys = [set(trainer.step()) for _ in range(4)]
    assert "discriminator_loss" in keys[-1] and "penalty" in keys[0] and "generator_loss" in keys[1]
    assert "reviser" in trainer.networks()
    assert len(list(trainer.sampler().sample(5))) == 5


def test_training_and_validating_a_language_model(no_float64):
    trainer = build(["--method=likelihood", "--likelihood.validate_every=1", "--train.steps=2"], LikelihoodTrainer)
    for _ in range(2):
        trainer.step()
        assert trainer.validate()["loss"] > 0
    model = trainer.sampler()
    assert isinstance(model, LanguageModel) and len(list(model.sample(5))) == 5
    nats, _ = model.log_likelihood(["a bee", "jobs"])
    assert nats.shape == (2,)


def test_training_on_images_and_sampling_them(no_float64):
    c = config.parse(TINY_IMAGES).config
    trainer = Trainer(Accelerator(cpu=True), ImageTask(c, Splits(bars(30), bars(20, seed=1))))
    for _ in range(2):
        assert "penalty" in trainer.step()
    assert np.concatenate(list(trainer.sampler().sample(7, batch_size=4))).shape == (7, HEIGHT, WIDTH)
    pixels = np.concatenate(list(ImageGenerator(build_generator(c)).sample(7, batch_size=4)))
    assert ImageCritic(build_critic(c))(pixels).dtype == torch.float32


def test_arrays_go_to_a_device_as_they_are_but_for_float64():
    for dtype in (np.int64, np.uint8, np.float32, np.bool_):
        array = np.ones((2, 3), dtype=dtype)
        assert onto(array, "meta").dtype == torch.from_numpy(array).dtype
    assert onto(np.ones(3), "meta").dtype == torch.float32


def test_the_choice_is_the_one_that_float64_makes(run):
    """But for candidates that are equal but for rounding, about one in a million."""
    rng = np.random.default_rng(3)
    chance, scores = rng.standard_exponential((20_000, 5)), torch.from_numpy(rng.normal(size=(20_000, 5))).float()
    assert torch.equal(resample(scores, onto(chance, "cpu")), resample(scores, torch.from_numpy(chance)))
