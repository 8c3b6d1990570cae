"""Fixtures: a run small enough for every test, and the public data where it is there."""

from pathlib import Path

import pytest
import torch

from seqgan_gp.cli import main

torch.set_num_threads(1)  # tensors here are tiny: threads would only wait for one another

DATA = Path(__file__).parent.parent.parent / "shared" / "data"

# Seconds, not minutes: enough to exercise every part, not enough to learn anything.
TINY = [
    *(
        "--corpus.size=400",
        "--corpus.holdout=100",
        "--tokenizer.vocabulary=300",
        "--train.steps=6",
        "--train.batch_size=8",
    ),
    *("--generator.width=8", "--critic.width=8", "--critic.embedding=4", "--generator.noise=8", "--generator.blocks=1"),
    *("--train.log_every=2", "--train.checkpoint_every=3", "--evaluation.every=3", "--evaluation.samples=20"),
    *("--train.threads=1",),
]


def train(output: Path, *options: str) -> int:
    """Train the tiny run with some options on top."""
    return main(["train", *TINY, f"--output={output}", *options])


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A finished tiny run on the embedded grammar."""
    output = tmp_path_factory.mktemp("runs") / "tiny"
    assert train(output) == 0
    return output


@pytest.fixture(scope="session")
def coco() -> Path:
    """The folder of real captions and published samples."""
    if not (DATA / "coco" / "test.txt").is_file():
        pytest.skip(f"the public captions are not at {DATA}")
    return DATA
