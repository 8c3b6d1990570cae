"""Recorded gradients give the steps that unrecorded ones give."""

from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from bars import TINY as TINY_IMAGES
from bars import bars
from conftest import TINY, train
from every_part import ALL_PARTS, EVERY_PART, REVISED, SMALL, STEPS, name_of
from torch import nn
from torch.utils._pytree import tree_leaves

from seqgan_gp import config
from seqgan_gp.adversarial.game import Batch
from seqgan_gp.adversarial.gradients import Gradients
from seqgan_gp.errors import UserError
from seqgan_gp.images.data import Splits
from seqgan_gp.images.task import ImageTask
from seqgan_gp.training import build, recording
from seqgan_gp.training.recording import WARM, RecordedGradients
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture
def stand_in(monkeypatch):
    """The CPU stands in for a GPU: it records by keeping the call, which leaves its results where the first one did.

    As on a GPU, nothing is in that memory before the first replay. Returns the number of recordings, in a list.
    """
    recorded = []

    def capture(call):
        kept = call()
        for tensor in tree_leaves(kept):
            tensor.data.fill_(torch.nan)
        recorded.append(len(recorded))

        def replay():
            for old, new in zip(tree_leaves(kept), tree_leaves(call()), strict=True):
                old.data.copy_(new)
                new.data.fill_(torch.nan)  # a replay gives no weight a gradient by itself

        return kept, replay

    monkeypatch.setattr(recording, "capture", capture)
    monkeypatch.setattr(recording, "aside", lambda call: call())
    monkeypatch.setattr(build, "make_gradients", make_gradients)
    return recorded


def make_gradients(accelerator, record):
    return (RecordedGradients if record else Gradients)(accelerator.backward)


def steps(options, recorded: bool, cpu: bool = True) -> tuple[list[dict[str, float]], Trainer]:
    """The numbers of every step of an experiment, and its trainer."""
    keys = [*TINY, *SMALL, *options, f"--train.cuda_graphs={recorded}".lower()]
    trainer = Trainer(Accelerator(cpu=cpu), TextTask.load(config.parse(keys).config))
    kept = [trainer.step() for _ in range(STEPS)]  # read at the end, so that no replay may write over them
    return [{name: value.item() for name, value in parts.items()} for parts in kept], trainer


@pytest.mark.parametrize(
    ("options", "recordings"),
    [
        (REVISED, 5),  # critic and player of two games, and the reranker
        ([*REVISED, "--train.critic_steps=2", "--penalty.every=2"], 7),  # the critic with its penalty and without
        ([*REVISED, "--corpus.train=grammar:types", "--corpus.label=label", "--condition.features=8"], 5),
        ([*ALL_PARTS, "--revision.passes=0", "--objective=relativistic"], 3),
    ],
    ids=lambda value: name_of(value) if isinstance(value, list) else "",
)
def test_recorded_steps_are_the_same(options, recordings, stand_in):
    plain, one = steps(options, False)
    assert not stand_in
    recorded, other = steps(options, True)
    assert len(stand_in) == recordings
    assert recorded == plain
    mine, theirs = one.state().weights(), other.state().weights()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_batches_of_another_shape_are_recorded_anew(stand_in):
    weight = nn.Parameter(torch.ones(3))
    optimizer, gradients = torch.optim.SGD([weight]), RecordedGradients()

    def losses(batch):
        return {"loss": (weight * batch.real).sum()}

    for length in (4, 2, 4, 2):
        for number in range(WARM + 2):
            real = torch.full((length, 3), float(number))
            assert gradients(losses, optimizer, Batch(real, real))["loss"].item() == 3 * length * number
            assert weight.grad is not None and weight.grad.tolist() == [length * number] * 3
    assert len(stand_in) == 2


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted\n more"), torch.cuda.OutOfMemoryError("x")])
def test_a_step_that_cannot_be_recorded_names_the_key(error, stand_in, monkeypatch, tmp_path, capsys):
    def capture(call):
        raise error

    monkeypatch.setattr(recording, "capture", capture)
    assert train(tmp_path / "run", "--train.steps=20") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "error: train.cuda_graphs: the GPU " in last and "false" in last


@pytest.mark.parametrize(
    "device, processes, scaler, asked, kind",
    [
        ("cuda", 1, None, True, RecordedGradients),
        ("cuda", 1, None, False, Gradients),
        ("cpu", 1, None, True, Gradients),
        ("cuda", 2, None, True, Gradients),
        ("cuda", 1, object(), True, Gradients),
    ],
    ids=["one GPU", "not asked for", "CPU", "two processes", "float16"],
)
def test_one_gpu_records_where_it_is_asked_to_and_can(device, processes, scaler, asked, kind):
    accelerator = SimpleNamespace(
        device=torch.device(device), num_processes=processes, scaler=scaler, backward=torch.Tensor.backward
    )
    assert type(recording.make_gradients(accelerator, asked)) is kind


@on_a_gpu
@pytest.mark.parametrize("options", EVERY_PART, ids=name_of)
def test_a_gpu_replays_the_steps_that_it_records(options):
    plain, _ = steps(options, False, cpu=False)
    recorded, trainer = steps(options, True, cpu=False)
    assert type(trainer.game.gradients) is RecordedGradients
    for one, other in zip(plain, recorded, strict=True):
        assert one == pytest.approx(other, rel=1e-2, abs=1e-3)


@on_a_gpu
def test_a_gpu_replays_steps_of_images():
    found = []
    for recorded in (False, True):
        keys = [*TINY_IMAGES, f"--train.cuda_graphs={recorded}".lower()]
        one = Trainer(Accelerator(), ImageTask(config.parse(keys).config, Splits(bars(30), bars(20, seed=1))))
        found.append([one.step()["critic_loss"] for _ in range(2 * WARM)])
    assert torch.stack(found[0]).tolist() == pytest.approx(torch.stack(found[1]).tolist(), rel=1e-2, abs=1e-3)


@on_a_gpu
def test_a_step_that_reads_a_number_cannot_be_recorded():
    weight = nn.Parameter(torch.ones(3, device="cuda"))
    optimizer, gradients = torch.optim.SGD([weight]), RecordedGradients()
    real = torch.ones(2, 3, device="cuda")

    def losses(batch):
        return {"loss": (weight * batch.real).sum() * batch.real[0, 0].item()}

    with pytest.raises(UserError, match=r"train\.cuda_graphs false"):
        for _ in range(WARM + 1):
            gradients(losses, optimizer, Batch(real, real))
