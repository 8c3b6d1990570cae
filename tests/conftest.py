"""Fixtures: a run small enough for every test, and the public data if they exist."""

import json
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import load_file
from starts import Starts

from seqgan_gp import artefacts, machine
from seqgan_gp.adversarial.game import CriticLoss
from seqgan_gp.adversarial.objectives import OBJECTIVES, Objective
from seqgan_gp.cli import main
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.files import atomic_binary
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.training.build import make_penalty
from seqgan_gp.training.curves import draw as draw_curves

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"

# A tiny run takes seconds: it exercises every part and learns nothing. No two sizes are equal, no seed
# is 0 and no loop has a single turn, so that tests notice when the code takes the wrong one.
SIZES = [
    "--report=false",
    *("--seed=3", "--corpus.seed=1", "--corpus.size=400", "--corpus.holdout=100", "--tokenizer.vocabulary=300"),
    *("--train.steps=6", "--train.batch_size=6", "--train.critic_steps=2", "--train.threads=1"),
    *("--generator.noise=7", "--generator.width=12", "--generator.blocks=2"),
    *("--critic.width=8", "--critic.embedding=5", "--critic.blocks=3"),
    *("--train.log_every=2", "--train.checkpoint_every=3", "--evaluation.every=3", "--evaluation.samples=20"),
]

TINY = [f"--config={ROOT / 'tests' / 'plain.yaml'}", *SIZES]

# As many steps as time allows, evaluated and saved once they are over.
LONG = ["--train.steps=90", "--evaluation.every=1000000", "--train.checkpoint_every=1000000", "--train.keep=9"]


def train(output: Path, *options: str) -> int:
    """Train the tiny run with further options."""
    return main(["train", *TINY, f"--output={output}", *options])


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepared corpora of tests are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQGAN_GP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


DOT = Image.new("L", (3, 2))


def draw_a_dot(rows: Sequence[dict], panels: Sequence, path: Path, real_samples: str) -> None:
    """Stands in for `curves.draw`, which takes two thirds of the time of a tiny run."""
    with atomic_binary(path) as file:
        DOT.save(file, "png")


@pytest.fixture(scope="session", autouse=True)
def dots() -> Iterator[None]:
    """The runs of tests draw no curves, but for those of the fixture `curves`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqgan_gp.training.curves.draw", draw_a_dot)
        yield


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs of this test draw their curves."""
    monkeypatch.setattr("seqgan_gp.training.curves.draw", draw_curves)


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made, and files of them hold a dot: matplotlib takes a third of a second for each."""
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: DOT.save(path, "png"))


def critic_loss(
    critic: torch.nn.Module, penalty: PenaltyConfig, objective: Objective = OBJECTIVES["wasserstein"]
) -> CriticLoss:
    """The critic's loss with the penalty of a config."""
    return CriticLoss(critic, objective, make_penalty(penalty))


def weights(run: Path) -> dict[str, torch.Tensor]:
    """The weights of a run's last checkpoint."""
    return load_file(artefacts.checkpoints(run)[-1] / artefacts.WEIGHTS)


def rows(run: Path) -> list[dict]:
    """The lines of a run's metrics."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def steps(run: Path) -> list[int]:
    """The steps that have a checkpoint."""
    return [int(path.name.removeprefix("step-")) for path in artefacts.checkpoints(run)]


@pytest.fixture(scope="session")
def signals() -> Iterator[socket.socket]:
    """A socket that receives the number of every signal of this process as a byte, whatever handles the signal."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    yield ours
    signal.set_wakeup_fd(before)
    ours.close()
    theirs.close()


@pytest.fixture(autouse=True)
def ctrl_c(signals):
    """Make Ctrl-C end pytest even if a run in this process took it as the request to save and stop."""
    yield
    try:
        if signal.SIGINT in signals.recv(1000):
            raise KeyboardInterrupt
    except BlockingIOError:  # no signal came
        pass


@pytest.fixture(autouse=True)
def alone():
    """Make random numbers and threads of a test independent of earlier tests."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the tensors are tiny: threads would only wait for one another


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A finished tiny run on the embedded grammar."""
    output = tmp_path_factory.mktemp("runs") / "tiny"
    assert train(output) == 0
    return output


@pytest.fixture(scope="session")
def starts() -> Iterator[Starts]:
    """Commands in processes of their own, without the seconds that a start takes."""
    server = Starts()
    yield server
    server.close()


@pytest.fixture(scope="session")
def coco() -> Path:
    """The folder of real captions and published samples."""
    if not (DATA / "coco" / "test.txt").is_file():
        pytest.skip(f"the public captions are not at {DATA}")
    return DATA


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """The working directory: real text, and samples of which half are copies."""
    monkeypatch.chdir(tmp_path)
    stream = Grammar.load("text").sentences(0)
    lines = {name: [next(stream) for _ in range(n)] for name, n in (("train", 300), ("reference", 200), ("other", 120))}
    lines["samples"] = [*lines["train"][:50], "", "dog dog dog", *(next(stream) for _ in range(48))]
    for name, sentences in lines.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{s}\n" for s in sentences))
    return tmp_path


@pytest.fixture
def one_thread(monkeypatch) -> None:
    """Commands take all cores, for which tiny language models would wait."""
    torch.set_num_threads(1)
    monkeypatch.setattr(machine, "set_threads", lambda threads: None)
