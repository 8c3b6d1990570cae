"""Test several processes, and the launcher of accelerate."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import two_processes
from accelerate.commands import launch as accelerate
from conftest import ROOT, TINY, rows, train, weights
from safetensors.torch import load_file

from seqgan_gp import artefacts
from seqgan_gp.training import checkpoint


def launch(*command: str) -> str:
    """Run a module, and give what it wrote to stderr."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    command = (sys.executable, "-m", *command)
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """A folder with all that two processes leave; what they wrote to stderr is in stderr.txt."""
    out = tmp_path_factory.mktemp("two")
    start = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    (out / "stderr.txt").write_text(launch(*start, str(ROOT / "tests" / "two_processes.py"), str(out)))
    return out


@pytest.mark.parametrize("system", two_processes.SYSTEMS)
def test_two_processes_give_the_gradients_of_one(two, system):
    ours, theirs = load_file(two / f"{system}.safetensors"), two_processes.gradients(system)
    assert len(theirs) > 10 and ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        # A constant cancels in D(x) - D(G(z)), and modulations start as the identity, whatever the label.
        if name not in ("critic.output.bias", "generator.encoder.embedding"):
            assert gradient.abs().sum() > 0, name
        torch.testing.assert_close(ours[name], gradient, atol=1e-6, rtol=1e-4)


def test_both_processes_stop_where_one_is_asked_to_and_go_on_like_one(two, tmp_path):
    codes = [json.loads((two / f"codes-{rank}.json").read_text()) for rank in (0, 1)]
    assert codes[0] == codes[1]
    assert (codes[0]["stopped"], codes[0]["resumed"]) == (130, 0)
    # They ask one another every tenth step.
    assert (two / "stderr.txt").read_text().count("stopped after step 10, checkpoint saved") == 1
    # Two processes of one run, not two runs: each has a random state in the checkpoint.
    # Gumbel noise, too, each draws for its own samples.
    assert len(set(torch_states(two / "parts"))) == 2
    assert train(tmp_path / "one", *two_processes.PARTS) == 0
    one, ours = weights(tmp_path / "one"), weights(two / "parts")
    assert {name.partition(".")[0] for name in one} == {"generator", "critic", "reviser", "discriminator"}
    assert one.keys() == ours.keys()
    for name, weight in one.items():
        torch.testing.assert_close(ours[name], weight, atol=2e-5, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}")
    logs = [
        {row["step"]: row for row in rows(run) if "train/critic_loss" in row}
        for run in (tmp_path / "one", two / "parts")
    ]
    for step, row in logs[0].items():
        for key in ("train/critic_loss", "train/wasserstein", "train/penalty", "train/generator_loss"):
            assert logs[1][step][key] == pytest.approx(row[key], rel=1e-3, abs=1e-5)
    assert [row["step"] for row in rows(two / "parts") if "eval/jsd_4" in row] == [3, 6, 9, 12, 14]


def torch_states(run: Path) -> list[str]:
    """torch's random state in each process, from the run's last checkpoint."""
    records = artefacts.checkpoints(run)[-1] / checkpoint.STATE / checkpoint.RECORDS
    return [state["torch"] for state in json.loads(records.read_text())["random"]]


def test_two_processes_train_a_language_model_like_one(two, tmp_path):
    assert len(set(torch_states(two / "likelihood"))) == 2  # or both would drop out alike
    assert train(tmp_path / "one", *two_processes.LIKELIHOOD) == 0
    one, ours = weights(tmp_path / "one"), weights(two / "likelihood")
    assert one.keys() == ours.keys()
    for name, weight in one.items():
        torch.testing.assert_close(ours[name], weight, atol=2e-5, rtol=1e-3)
    for key in ("validation/loss", "validation/best_loss", "train/loss"):
        found, expected = (
            [row[key] for row in rows(run) if key in row] for run in (two / "likelihood", tmp_path / "one")
        )
        assert len(expected) > 3 and found == pytest.approx(expected, rel=1e-4)


def test_what_several_processes_cannot_do_is_said_once(two):
    codes, others = (json.loads((two / f"codes-{rank}.json").read_text()) for rank in (1, 0))
    assert codes == others
    assert (codes["uneven"], codes["timed"], codes["unreadable"]) == (2, 2, 2)
    said = [line for line in (two / "stderr.txt").read_text().splitlines() if line.startswith("error: ")]
    assert len(said) == 3
    assert "train.batch_size is 5: it must be a multiple of the 2 processes" in said[0]
    assert "train.seconds: several processes would not agree on the time" in said[1]
    assert re.fullmatch("error: process 1 on .*: corpus/train.txt: Input/output error", said[2])
    assert not (two / "uneven").exists() and not (two / "timed").exists()


def test_accelerate_launch_runs_in_mixed_precision(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the launcher itself needs no process of its own
    start = ["--cpu", "--mixed_precision", "bf16", str(ROOT / "run.py"), *TINY, f"--output={tmp_path / 'mixed'}"]
    accelerate.launch_command(accelerate.launch_command_parser().parse_args(start))
    assert train(tmp_path / "full") == 0
    full, mixed = weights(tmp_path / "full"), weights(tmp_path / "mixed")
    assert all(v.dtype == torch.float32 for v in mixed.values())
    # The flag reaches the networks: the runs differ, but by no more than a few steps of rounding.
    assert not all(torch.equal(v, mixed[k]) for k, v in full.items())
    assert all((v - mixed[k]).abs().max() < 0.05 for k, v in full.items())
