"""Test that damage to a checkpoint or to the data of a run is found, and named, before anything is computed from it."""

import random
import shutil
import warnings

import numpy as np
import pytest
import torch
from conftest import rows, train
from safetensors.torch import load_file, save_file

from seqgan_gp import Critic, Generator, artefacts, manifest
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.training import checkpoint, random_states

MORE = ("--resume", "--train.steps=7")
INFERENCE = ("config.yaml", "tokenizer.json", "model.safetensors")


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def last(run):
    return artefacts.checkpoints(run)[-1]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "damage", [truncate, empty, flip, lambda path: path.unlink()], ids=lambda damage: damage.__name__
)
def test_every_file_of_a_checkpoint_is_checked_on_resume(copy, capsys, damage):
    for name in manifest.files_of(last(copy)):
        path = last(copy) / name
        before = path.read_bytes()
        damage(path)
        assert train(copy, *MORE) == 2
        error = capsys.readouterr().err
        assert (name in error or name == "state/records.json") and len(error.splitlines()) == 1
        assert "delete this checkpoint to resume from the one before it" in error
        path.write_bytes(before)
    shutil.rmtree(last(copy))
    assert train(copy, *MORE) == 0


@pytest.mark.parametrize("damage", [truncate, empty, flip], ids=lambda damage: damage.__name__)
def test_every_file_of_inference_is_checked_on_load(copy, capsys, damage):
    for name in INFERENCE:
        path = last(copy) / name
        before = path.read_bytes()
        damage(path)
        for load in (Generator.from_pretrained, Critic.from_pretrained):
            with pytest.raises(UserError, match=f"{name} is damaged: .*use another checkpoint"):
                load(copy)
        path.write_bytes(before)
    Generator.from_pretrained(copy)


@pytest.mark.parametrize(
    "damage", [truncate, flip, lambda path: path.write_bytes(b"[]")], ids=lambda damage: damage.__name__
)
def test_a_damaged_manifest_is_named(copy, capsys, damage):
    path = last(copy) / manifest.MANIFEST
    damage(path)
    try:
        manifest.read(last(copy))
    except UserError:  # a flipped bit may hit a hash instead
        assert train(copy, *MORE) == 2
        assert "manifest.json is damaged" in capsys.readouterr().err
        with pytest.raises(UserError, match=r"manifest\.json is damaged"):
            Generator.from_pretrained(copy)


def test_what_users_upload_loads_with_its_manifest_and_without(run, tmp_path):
    for name in INFERENCE:
        shutil.copy(last(run) / name, tmp_path)
    expected = list(Generator.from_pretrained(run).sample(3))
    assert list(Generator.from_pretrained(tmp_path).sample(3)) == expected
    shutil.copy(last(run) / manifest.MANIFEST, tmp_path)  # which lists the training state, too
    assert list(Generator.from_pretrained(tmp_path).sample(3)) == expected
    flip(tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        Generator.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["corpus/train.txt", "corpus/test.txt", "tokenizer.json"])
def test_changed_data_of_a_run_are_not_trained_on_and_not_compared_with(copy, tmp_path, capsys, name):
    flip(copy / name)
    for command in (["--resume"],):
        assert train(copy, *command, "--train.steps=7") == 2
        error = capsys.readouterr().err
        assert f"{name} is damaged: its bytes are not" in error and "restore the file" in error
    swept = ["sweep", str(copy), "--num=9", "--temperatures", "1", "--metrics", "ngrams", f"--out={tmp_path / 'out'}"]
    assert main(swept) == 2
    assert f"{name} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(copy, capsys, value):
    for path in (last(copy) / "model.safetensors", last(copy) / "state" / checkpoint.NETWORKS):
        tensors = load_file(path)
        for name in (n for n in tensors if n.endswith("weight")):
            tensors[name].view(-1)[-1] = value
        save_file(tensors, path)
    manifest.write(last(copy), manifest.files_of(last(copy)), "checkpoint")
    for load in (Generator.from_pretrained, Critic.from_pretrained):
        with pytest.raises(UserError, match=r"model.safetensors: the weight \S+ is not finite"):
            load(copy)
    assert train(copy, *MORE) == 2
    assert "is not finite); delete this checkpoint" in capsys.readouterr().err


def test_damaged_lines_of_the_metrics_are_left_out_and_all_others_stay(copy, capsys):
    path = copy / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    bad = ["null\n", "[1]\n", '{"train/loss": 1}\n', '{"step": "3"}\n', '{"step": true}\n', '{"step": 3, "a": [1]}\n']
    bad += ["[" * 100_000 + "\n", "\0\n", '{"step": 2, "tra\n']
    path.write_text("".join([lines[0], *bad, *lines[1:], '{"step": 6, "tr']))
    assert train(copy, *MORE) == 0
    assert capsys.readouterr().err.count(f"{path}: {len(bad)} damaged lines were left out") == 1
    assert [row["step"] for row in rows(copy)][: len(lines)] == [0, 2, 3, 3, 3, 4, 6, 6, 6]
    assert path.read_text().splitlines(keepends=True)[: len(lines)] == lines
    assert train(copy, *MORE) == 0 and "left out" not in capsys.readouterr().err


def test_real_scores_stand_once_whatever_became_of_their_line(copy):
    lines = (copy / "metrics.jsonl").read_text().splitlines(keepends=True)
    for start in ("", "null\n", lines[0][:40] + "\n"):
        (copy / "metrics.jsonl").write_text("".join([start, *lines[1:]]))
        assert train(copy, *MORE) == 0
        assert sum("real/jsd_4" in row for row in rows(copy)) == 1


def test_a_checkpoint_of_an_older_version_says_so(copy, capsys):
    state = last(copy) / "state"
    shutil.rmtree(state)
    state.mkdir()
    (state / "optimizer.bin").write_bytes(b"PK")
    assert train(copy, *MORE) == 2
    assert "older version, whose training state could run code" in capsys.readouterr().err


def test_another_number_of_processes_goes_on_with_its_own_random_state(copy, capsys):
    """As two processes would have left it: a process that was there has its state, and the rest is not needed."""
    import json

    path = last(copy) / "state" / checkpoint.RECORDS
    records = json.loads(path.read_text())
    records["random"].append(records["random"][0])
    path.write_text(json.dumps(records))
    manifest.write(last(copy), manifest.files_of(last(copy)), "checkpoint")
    assert train(copy, *MORE) == 0
    assert "saved by 2 processes, goes on with 1" in capsys.readouterr().out


def test_a_new_process_draws_from_a_state_of_its_own():
    cpu, drawn = torch.device("cpu"), []
    known = [random_states.state(cpu)]
    for seed in ((3, 5, 0), (3, 5, 1), (3, 5, 2), (3, 6, 1), (4, 5, 1), (3, 5, 1)):
        random_states.restore(cpu, known, seed)
        drawn.append((torch.rand(1).item(), np.random.rand(), random.random()))
    assert len(set(drawn)) == 5 and drawn[1] == drawn[5]
    random_states.restore(cpu, known, (3, 5, 0))
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == drawn[0]


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta"])
def test_every_optimiser_goes_on_to_the_bit(tmp_path, name):
    """Half of its steps, saved, loaded into another one, and the other half."""
    from accelerate import Accelerator

    from seqgan_gp.config import OptimizerConfig
    from seqgan_gp.training.optimizers import make_optimizer

    accelerator = Accelerator(cpu=True)
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}

    class Trained:
        def __init__(self):
            torch.manual_seed(1)
            self.network = torch.nn.Linear(5, 3)
            config = OptimizerConfig(name=name, lr=0.01, options=options)
            made = make_optimizer("a", config, self.network.parameters(), (0.9, 0.999))
            self.optimizer = accelerator.prepare(made)
            self.progress = checkpoint.Progress(3)
            self.state = checkpoint.State({"n": self.network}, {"o": self.optimizer}, {"progress": self.progress})

        def step(self):
            self.optimizer.zero_grad()
            (self.network(torch.rand(7, 5)) + self.progress.rng.random()).square().sum().backward()
            self.optimizer.step()
            self.progress.step += 1

    whole, parts = Trained(), Trained()
    torch.manual_seed(2)
    for _ in range(3):
        whole.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoint.save(accelerator, tmp_path, 3, 2, whole.state, lambda folder: None)
    for _ in range(3):
        whole.step()
    torch.manual_seed(9)
    assert checkpoint.load(accelerator, tmp_path, parts.state, parts.progress) == []
    for _ in range(3):
        parts.step()
    assert parts.progress.step == 6 and torch.equal(whole.network.weight, parts.network.weight)


def test_the_scale_of_fp16_is_saved(tmp_path):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    state, progress = checkpoint.State({}, {}, {}), checkpoint.Progress(3)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
    accelerator.scaler.scale(torch.ones(1))  # it makes its tensors
    checkpoint.save(accelerator, tmp_path, 1, 1, state, lambda folder: None)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    checkpoint.load(accelerator, tmp_path, state, progress)
    assert accelerator.scaler.get_scale() == 128.0
