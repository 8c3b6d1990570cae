"""Test files: checkpoints, atomic writing, shipped files; and the mode of a network."""

import os

import pytest
import torch
from torch import nn
from untrained import checkpoint

from seqgan_gp import Critic, Generator, artefacts, shipped
from seqgan_gp.artefacts import evaluating
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.files import atomic_binary, atomic_write


def test_checkpoints_are_in_the_order_of_their_steps_however_many_digits_they_have(tmp_path):
    ours = ("step-0000010", "step-0000009", "step-10000000", "step-0000099")
    for name in (*ours, "step-9", "step-00000099", "step-11.part", "step-x", "old-step-0000500", "step-"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert [path.name for path in artefacts.checkpoints(tmp_path)] == [f"step-{n:07d}" for n in (9, 10, 99, 10**7)]
    assert artefacts.checkpoints(tmp_path / "none") == []


def test_a_run_is_its_checkpoint_of_the_most_steps(tmp_path):
    for step in (9, 10, 8):
        checkpoint(tmp_path / "checkpoints" / f"step-{step:07d}")
    assert artefacts.locate(tmp_path) == artefacts.locate(str(tmp_path)) == tmp_path / "checkpoints" / "step-0000010"
    assert artefacts.locate(tmp_path / "checkpoints" / "step-0000009").name == "step-0000009"


def test_a_checkpoint_found_by_a_path_is_never_asked_of_the_hub(tmp_path, monkeypatch):
    def download(*_, **__):
        raise AssertionError("asked the hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    checkpoint(tmp_path / "someone" / "model")
    assert artefacts.locate("someone/model").resolve() == tmp_path / "someone" / "model"
    (tmp_path / "someone" / "notes").write_text("a file")
    for source, message in (
        ("someone/notes", "is a file: give a run folder"),
        ("none", "no such run folder"),
        ("a/b/c", "no such run folder"),
        ("../none", "no such run folder"),
        (tmp_path / "none", "no such run folder"),
    ):
        with pytest.raises(UserError, match=message):
            artefacts.locate(source)


def test_each_network_has_the_weights_that_were_saved_under_its_name(tmp_path):
    checkpoint(tmp_path, networks=("generator", "critic", "discriminator"))
    assert artefacts.saved_networks(tmp_path) == {"generator", "critic", "discriminator"}
    own = artefacts.load_file(tmp_path / artefacts.WEIGHTS)
    for part, network in (
        ("generator", Generator.from_pretrained(tmp_path).network),
        ("critic", Critic.from_pretrained(tmp_path).network),
    ):
        state = network.state_dict()
        assert {f"{part}.{name}" for name in state} == {name for name in own if name.startswith(part)}
        assert all(torch.equal(value, own[f"{part}.{name}"]) for name, value in state.items())


def test_weights_of_a_view_of_a_larger_tensor_are_saved_as_they_are(tmp_path):
    network = nn.Linear(5, 3)
    network.weight = nn.Parameter(torch.randn(5, 3).T)  # not contiguous
    artefacts.save(tmp_path, TextConfig(), {"part": network})
    again = nn.Linear(5, 3)
    artefacts.load_weights(tmp_path, "part", again)
    assert torch.equal(again.weight, network.weight) and torch.equal(again.bias, network.bias)


@pytest.mark.parametrize("training", [True, False])
def test_a_network_goes_back_to_its_mode_after_it_was_evaluated(training):
    network = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).train(training)
    with evaluating(network):
        assert not network.training and not network[1].training and not torch.is_grad_enabled()
    assert network.training is network[1].training is training and torch.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), evaluating(network):
        1 / 0  # noqa: B018
    assert network.training is network[1].training is training and torch.is_grad_enabled()


# --- files


def test_a_file_is_there_when_all_of_it_is_written(tmp_path):
    path = tmp_path / "deep" / "down" / "a.txt"
    with atomic_write(path) as file:
        file.write("hällo\n")
        assert not path.exists()
    assert path.read_bytes() == "hällo\n".encode()
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_file_of_before(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(error), atomic_write(path) as file:
        file.write("half of it")
        file.flush()
        assert path.read_text() == "before"
        raise error
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["a.txt"]
    with atomic_write(path) as file:
        file.write("after")
    assert path.read_text() == "after"


def test_bytes_are_written_as_they_are_through_a_link(tmp_path):
    path = tmp_path / "elsewhere" / "b.bin"
    path.parent.mkdir()
    path.touch()
    (tmp_path / "link").symlink_to(path)
    with atomic_binary(tmp_path / "link") as file:
        file.write(b"\r\n\xff")
    assert path.read_bytes() == b"\r\n\xff" and (tmp_path / "link").is_symlink()
    with pytest.raises(UserError, match="is a folder"), atomic_binary(tmp_path):
        pass


def test_a_path_goes_before_a_shipped_name_and_a_name_needs_no_suffix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = shipped.folder("data") / "types.pcfg"
    assert shipped.find("types", "data", ".pcfg", "grammar") == there
    assert shipped.find("types.pcfg", "data", ".pcfg", "grammar") == there
    (tmp_path / "types.pcfg").touch()
    assert shipped.find("types.pcfg", "data", ".pcfg", "grammar").resolve() == tmp_path / "types.pcfg"
    assert shipped.find("types", "data", ".pcfg", "grammar") == there
    for source in ("nonesuch", "folder/types", str(tmp_path / "none" / "types.pcfg")):
        with pytest.raises(UserError, match=rf"grammar '{source}' not found: .* shipped names: .*dialogue, .*types"):
            shipped.find(source, "data", ".pcfg", "grammar")


def test_shipped_files_inside_the_package_go_first(tmp_path, monkeypatch):
    package = tmp_path / "package"
    (tmp_path / "data").mkdir()
    package.mkdir()
    monkeypatch.setattr(shipped, "PACKAGE", package)
    assert shipped.folder("data") == tmp_path / "data"
    (package / "data").mkdir()
    assert shipped.folder("data") == package / "data"
