"""A device that this machine lacks is one line for every class that takes one."""

import pytest
import torch
from bars import TINY as TINY_IMAGES
from untrained import checkpoint

import seqgan_gp
from seqgan_gp import Critic, ImageCritic, ImageGenerator, artefacts, config
from seqgan_gp.errors import UserError
from seqgan_gp.images import pretrained
from seqgan_gp.machine import device_of

NAMES = ["nonsense", "cuda:99", "", None, 1.5, torch.device("cuda:99")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    options = ("--reranking.candidates=2",)
    text = checkpoint(folder / "text", *options, networks=("generator", "critic", "discriminator"))
    model = checkpoint(folder / "model", "--method=likelihood", networks=("generator",))
    c = config.parse(TINY_IMAGES).config
    (folder / "images").mkdir()
    built = {"generator": pretrained.build_generator(c), "critic": pretrained.build_critic(c)}
    artefacts.save(folder / "images", c, built)
    return {
        **dict.fromkeys(("Critic", "Discriminator", "Generator"), text),
        "LanguageModel": model,
        **dict.fromkeys(("ImageCritic", "ImageGenerator"), folder / "images"),
    }


@pytest.mark.parametrize("name", NAMES, ids=str)
@pytest.mark.parametrize("kind", [name for name in seqgan_gp.__all__ if name[0].isupper()])
def test_a_device_that_is_not_there_is_named_in_one_line(runs, kind, name):
    with pytest.raises(UserError, match=r"^device: this machine has no .*, give cpu") as error:
        getattr(seqgan_gp, kind).from_pretrained(runs[kind], device=name)
    assert "\n" not in str(error.value) and (not isinstance(name, str) or repr(name) in str(error.value))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_the_same(runs):
    critic = Critic.from_pretrained(runs["Critic"])
    for use in (
        lambda: Critic.from_pretrained(runs["Critic"], "cuda"),
        lambda: Critic.random_like(runs["Critic"], device="cuda"),
        lambda: critic.to("cuda"),
        lambda: ImageCritic.from_pretrained(runs["ImageCritic"], torch.device("cuda")),
        lambda: ImageGenerator.from_pretrained(runs["ImageGenerator"], 0),
    ):
        with pytest.raises(UserError, match=r"device: this machine has no .*, give cpu"):
            use()
    assert critic.device.type == "cpu"


def test_devices_that_are_there_are_taken_by_any_name():
    assert device_of("cpu") == device_of(torch.device("cpu")) == torch.device("cpu")
    assert device_of("meta").type == "meta"
