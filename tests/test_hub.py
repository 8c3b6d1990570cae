"""Test push and pull with the real client of the hub, against a hub on this machine."""

import re
import socket

import huggingface_hub
import pytest
from hub_server import OTHER, TOKEN, serving
from huggingface_hub import constants
from untrained import checkpoint

from seqgan_gp import Critic, Generator
from seqgan_gp.cli import main


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub where the user `me` is logged in, with a cache of its own."""
    with serving() as hub:
        for name, value in {
            "ENDPOINT": hub.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_TOKEN_PATH": str(tmp_path / "no token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub
    huggingface_hub.utils._http.close_session()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("untrained") / "words")


def test_a_pushed_checkpoint_samples_and_scores_as_it_did(hub, folder, tmp_path, capsys):
    assert main(["push", str(folder), "me/words"]) == 0
    print(capsys.readouterr(), *hub.asked, sep="\n")
    generator = Generator.from_pretrained("me/words")
    assert list(generator.sample(5)) == list(Generator.from_pretrained(folder).sample(5))
    print(*hub.asked, sep="\n")
