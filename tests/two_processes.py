"""Runs with two processes. They share one start, since a start takes long; test_processes.py starts this file."""

import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from conftest import TINY, draw_a_dot
from safetensors.torch import save_file

from seqgan_gp import config
from seqgan_gp.cli import main
from seqgan_gp.config.text import TextConfig
from seqgan_gp.training import curves
from seqgan_gp.training.base import BaseTrainer
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

# Without this, Adam makes a full step of a gradient that is nothing but rounding.
OPTIMIZERS = ("train.critic", "train.generator", "revision.optimizer", "reranking.optimizer")
STEADY = [f"--{key}.options={{eps: 1.e-4}}" for key in OPTIMIZERS]
SYSTEMS = {
    "text": ["--relaxation.kind=softmax"],
    "r3gan": ["--config=r3gan", "--critic.parametrization=spectral"],
    "labels": ["--corpus.train=grammar:types", "--corpus.label=label", "--objective=relativistic"],
}
# Five steps of the generator's game, five of the reviser's and four of the reranker.
PARTS = ["--reranking.candidates=4", "--reranking.share=0.3", "--corpus.train=grammar:types", *STEADY]
PARTS += ["--corpus.label=label", "--train.steps=14", "--revision.passes=2", "--revision.share=0.35"]
LIKELIHOOD = ["--method=likelihood", "--language_model.dropout=0", "--likelihood.optimizer.options={eps: 1.e-4}"]
LIKELIHOOD += ["--language_model.width=9", "--likelihood.validate_every=1", "--likelihood.validation=41"]


def gradients(system: str) -> dict[str, torch.Tensor]:
    """The gradients of one step of each player."""
    c = config.parse([*TINY, *SYSTEMS[system], "--corpus.size=64", "--corpus.holdout=10"]).config
    trainer = Trainer(Accelerator(cpu=True), TextTask.load(c))
    batch = trainer.draw(0)
    trainer.game.update_critic(batch)
    found = {f"critic.{n}": p.grad.clone() for n, p in trainer.critic.named_parameters()}
    trainer.game.update_generator(batch._replace(noise=trainer.draw(0).noise))
    return found | {f"generator.{n}": p.grad.clone() for n, p in trainer.generator.named_parameters()}


def stopped_at(step: int, method: type[BaseTrainer]) -> None:
    """The second process is asked to stop at that step, and it alone."""
    original = method.step

    def asked(self: BaseTrainer) -> dict[str, torch.Tensor]:
        parts = original(self)
        if self.progress.step == step and os.environ["RANK"] == "1":
            signal.raise_signal(signal.SIGTERM)
        return parts

    method.step = asked  # type: ignore[method-assign]


@contextlib.contextmanager
def unreadable_in_the_second() -> Iterator[None]:
    """The second process, and it alone, cannot read the run folder."""
    read = TextTask.read

    def failing(config: TextConfig, run: Path) -> TextTask:
        if os.environ["RANK"] == "1":
            raise OSError(errno.EIO, os.strerror(errno.EIO), "corpus/train.txt")
        return read(config, run)

    TextTask.read = failing  # type: ignore[method-assign,assignment]
    yield
    TextTask.read = read  # type: ignore[method-assign]


def run(out: Path) -> dict[str, int]:
    """All of them, and the exit code of each run."""
    torch.set_num_threads(1)
    curves.draw = draw_a_dot
    Accelerator.end_training = lambda self: None  # type: ignore[method-assign]  # which would part the processes
    for system in SYSTEMS:
        found = gradients(system)
        if os.environ["RANK"] == "0":
            save_file(found, out / f"{system}.safetensors")

    def train(name: str, *options: str) -> int:
        return main(["train", *TINY, f"--output={out / name}", *options])

    codes = {
        "uneven": train("uneven", "--train.batch_size=5"),
        "timed": train("timed", "--train.seconds=5"),
        "likelihood": train("likelihood", *LIKELIHOOD),
    }
    with unreadable_in_the_second():
        codes["unreadable"] = train("unreadable")
    stopped_at(4, Trainer)
    codes["stopped"] = train("parts", *PARTS)
    codes["resumed"] = train("parts", *PARTS, "--resume")
    return codes


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    exit_codes = run(folder)
    (folder / f"codes-{os.environ['RANK']}.json").write_text(json.dumps(exit_codes))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a library's thread that outlives the interpreter once aborted a process that was done
