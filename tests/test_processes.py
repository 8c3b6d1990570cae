"""Several processes, and the launcher of accelerate."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, rows, train, weights
from safetensors.torch import load_file

from seqgan_gp import artefacts
from seqgan_gp.training import checkpoint


def gradients(tmp_path: Path, processes: int, *options: str) -> dict[str, torch.Tensor]:
    """Gradients of one critic and one generator step, from `processes` processes."""
    out = tmp_path / f"gradients-{processes}.safetensors"
    launcher = (
        ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--standalone"] if processes > 1 else []
    )
    command = [sys.executable, *launcher, str(ROOT / "tests" / "gradients.py"), str(out), *TINY, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return load_file(out)


@pytest.mark.parametrize("system", [[], ["--config=r3gan", "--critic.parametrization=spectral"]], ids=["text", "r3gan"])
def test_two_processes_give_the_gradients_of_one(tmp_path, system):
    one, two = gradients(tmp_path, 1, *system), gradients(tmp_path, 2, *system)
    assert len(one) > 10 and one.keys() == two.keys()
    # Rounding differs, and three steps of Adam carry it on.
    for name, gradient in one.items():
        if name != "critic.output.bias":  # a constant cancels in D(x) - D(G(z))
            assert gradient.abs().sum() > 0, name
        atol = 1e-3 if name.startswith("weights.") else 1e-6
        torch.testing.assert_close(two[name], gradient, atol=atol, rtol=1e-4)


def launch(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_accelerate_launch_runs_in_mixed_precision(tmp_path):
    start = ["accelerate.commands.launch", "--cpu", "--mixed_precision"]
    for precision in ("no", "bf16"):
        launch(*start, precision, str(ROOT / "run.py"), *TINY, f"--output={tmp_path / precision}")
    full, mixed = weights(tmp_path / "no"), weights(tmp_path / "bf16")
    assert all(v.dtype == torch.float32 for v in mixed.values())
    # The flag reaches the networks: the runs differ, but by no more than a few steps of rounding.
    assert not all(torch.equal(v, mixed[k]) for k, v in full.items())
    assert all((v - mixed[k]).abs().max() < 0.05 for k, v in full.items())


def test_two_processes_train_and_resume_like_one(tmp_path):
    start = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(ROOT / "run.py")]
    options = ["--train.decay_from=1", "--resampling.candidates=4", "--resampling.share=0.34"]
    launch(*start, *TINY, "--train.steps=3", *options, f"--output={tmp_path / 'two'}")
    # Two processes of one run, not two runs: each has a random state in the checkpoint.
    state = artefacts.checkpoints(tmp_path / "two")[-1] / checkpoint.STATE
    assert len(list(state.glob("random_states_*"))) == 2
    launch(*start, *TINY, *options, f"--output={tmp_path / 'two'}", "--resume")
    assert train(tmp_path / "one", "--train.steps=3", *options) == train(tmp_path / "one", *options, "--resume") == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert any(name.startswith("discriminator.") for name in one) and one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=5e-3, rtol=1e-3)
    assert [row["step"] for row in rows(tmp_path / "two") if "eval/jsd_4" in row] == [3, 6]
