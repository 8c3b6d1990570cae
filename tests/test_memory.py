"""Networks and batches that do not fit into memory: one line with the key to lower, before anything is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, train

from seqgan_gp import Generator, artefacts, config, machine, memory
from seqgan_gp.cli import main
from seqgan_gp.config import OptimizerConfig
from seqgan_gp.errors import UserError
from seqgan_gp.training import optimizers
from seqgan_gp.training.text import TextTask
from seqgan_gp.training.trainer import Trainer

MIB = 2**20


@pytest.fixture
def little(monkeypatch):
    """A machine with 48 MiB, which lets this process live all the same."""
    monkeypatch.setattr(memory, "_machine", lambda: 48 * MIB)
    monkeypatch.setattr(machine, "limit", lambda: None)


@pytest.fixture(scope="module")
def task() -> TextTask:
    return TextTask.load(config.parse(TINY).config)


@pytest.mark.parametrize(
    "key, value, options",
    [
        ("generator.width", 10**9, []),
        ("generator.width", 2000, []),
        ("generator.noise", 10**12, []),
        ("generator.position_noise", 10**9, []),
        ("generator.kernel", 10**8 + 1, []),
        ("critic.width", 10**9, ["--critic.parametrization=spectral"]),
        ("critic.embedding", 10**18, []),
        ("tokenizer.length", 10**11, []),
        ("train.batch_size", 10**12, []),
        ("train.batch_size", 10**18, []),
        ("evaluation.samples", 10**12, []),
        ("relaxation.substitutions", 1500, ["--train.batch_size=66"]),
        ("generator.width", 10**9, ["--revision.passes=2"]),
        ("language_model.width", 10**7, ["--method=likelihood"]),
        ("language_model.embedding", 10**18, ["--method=likelihood"]),
        ("train.batch_size", 10**10, ["--method=likelihood"]),
    ],
)
def test_sizes_without_end_are_refused_by_their_key_and_leave_nothing(tmp_path, capsys, little, key, value, options):
    assert train(tmp_path / "run", f"--{key}={value}", *options) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: this run needs ") and line.count("\n") == 1
    assert "there are 48.0 MiB: " in line and f"lower {key}, which is {value:,}" in line
    assert not list(tmp_path.glob("run*"))


def test_a_large_vocabulary_is_named(tmp_path, capsys, little):
    words = [f"w{number}" for number in range(20_000)]
    lines = [" ".join(words[start : start + 6]) for start in range(0, 20_000, 6)]
    (tmp_path / "words.txt").write_text("\n".join(lines))
    options = [f"--corpus.train={tmp_path / 'words.txt'}", "--tokenizer.vocabulary=20000", "--train.batch_size=64"]
    assert train(tmp_path / "run", *options) == 2
    assert "lower tokenizer.vocabulary, which is 20,000" in capsys.readouterr().err


def test_a_run_that_is_too_large_harms_no_older_one(tmp_path, run, little):
    shutil.copytree(run, tmp_path / "run")
    assert train(tmp_path / "run", "--overwrite", "--generator.width=100000") == 2
    assert artefacts.locate(tmp_path / "run").name == "step-0000006"


def test_layers_without_end_are_refused(tmp_path, capsys):
    for key, more in (
        ("generator.blocks", []),
        ("condition.blocks", []),
        ("language_model.layers", ["--method=likelihood"]),
    ):
        assert train(tmp_path / "run", f"--{key}={10**9}", *more) == 2
        assert key in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--generator.backbone=attention", "--critic.backbone=recurrent"],
        ["--critic.parametrization=weight", "--critic.windows=3"],
        ["--generator.noise=0", "--generator.position_noise=3"],
    ],
    ids=lambda options: " ".join(options),
)
def test_weights_are_counted_exactly_without_random_numbers(task, options):
    other = task.resized(config.parse([*TINY, *options]).config)
    for build in (other.build_generator, other.build_reviser, other.build_critic):
        torch.manual_seed(5)
        counted, state = memory.weights(build), torch.get_rng_state()
        assert torch.equal(state, torch.manual_seed(5).get_state())
        network = build()
        assert counted == sum(t.nbytes for t in (*network.parameters(), *network.buffers()))


def test_a_network_that_cannot_be_counted_is_not_refused():
    def build():
        network = torch.nn.Linear(3, 5)
        assert network.weight.sum().item() > 0  # on no device but a real one
        return network

    assert memory.weights(build) == 0


def test_optimizers_keep_what_they_are_said_to_keep():
    kept = {"Adam": 2, "SGD": 0, "RMSprop": 1}
    assert {name: optimizers.states(OptimizerConfig(name)) for name in kept} == kept
    assert optimizers.states(OptimizerConfig("SGD", options={"momentum": 0.9})) == 1


def test_a_reviser_counts_with_its_gradient_its_average_and_its_moments(task):
    plain, revising, reranking = (
        task.resized(config.parse([*TINY, *options]).config)
        for options in ([], ["--revision.passes=3", "--revision.substitutions=0"], ["--relaxation.substitutions=5"])
    )
    size, without = memory.weights(plain.build_reviser), Trainer.needs(plain, 1)
    assert Trainer.needs(revising, 1) - without == size * 5
    assert Trainer.needs(revising, 2) - Trainer.needs(plain, 2) == size * 6
    assert Trainer.needs(reranking, 1) > without


# Options, and the least share of what a run takes that the estimate is.
LARGE = (
    ("--generator.noise=200000", 0.5),
    ("--train.batch_size=1024", 0.05),
    ("--relaxation.substitutions=1000", 0.05),
)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="it reads /proc, as on Linux")
def test_an_estimate_is_no_more_than_what_a_run_takes(tmp_path):
    program = (
        "import resource, sys\nfrom seqgan_gp.cli import train\nfrom seqgan_gp.training import fitting\n"
        "needs, found = fitting._needs, []\n"
        "def kept(*a):\n"
        "    own = int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
        "    found.append((needs(*a), own)); return found[-1][0]\n"
        "fitting._needs = kept\n"
        "assert train(sys.argv[1:]) == 0\n"
        "needed, own = found[-1]\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))  # not its parent's\n"
        "print(needed / (int(peak.split()[1]) * 1024 - own))"
    )
    for large, least in LARGE:
        options = [*TINY, large, "--train.steps=3", f"--output={tmp_path / large.partition('=')[0]}"]
        done = subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert least < float(done.stdout.splitlines()[-1]) < 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit of Linux")
def test_an_allocation_that_fails_is_one_line(tmp_path):
    program = (
        "import sys\nfrom seqgan_gp import memory\nmemory._machine = lambda: 1200 * 2**20\n"
        "from seqgan_gp.cli import train\nsys.exit(train(sys.argv[1:]))"
    )
    options = [*TINY, "--train.batch_size=8192", f"--output={tmp_path / 'run'}"]
    done = subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: not enough memory (")


def test_limits_of_containers_and_of_the_shell_count(monkeypatch):
    files = {
        "/proc/self/cgroup": "9:memory:/job\n3:cpu:/\n0::/box/inner\n",
        "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "7000\n",
        "/sys/fs/cgroup/box/inner/memory.max": "max\n",
        "/sys/fs/cgroup/box/memory.max": "5000\n",
        "/proc/meminfo": "MemTotal: 8 kB\nSwapTotal: 2 kB\n",
    }

    def read(path):
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    monkeypatch.setattr(memory.Path, "read_text", read)
    assert set(memory._groups()) == {7000, 5000} and memory._machine() == 10 * 1024
    assert memory.there_is() == 5000
    monkeypatch.setattr(memory, "_limits", lambda: [4000])
    assert memory.there_is() == 4000


def test_processes_of_a_host_share_its_memory(little):
    memory.check(20 * MIB, "this", "lower that", sharers=2)
    with pytest.raises(UserError, match=r"this needs at least 25\.0 MiB of memory, and there are 24\.0 MiB for each"):
        memory.check(25 * MIB, "this", "lower that", sharers=2)


def test_samples_that_do_not_fit_are_refused(run, capsys, little):
    for options, said in (
        (["--num=1000000", "--batch-size=1000000"], "lower batch_size, which is 1,000,000"),
        (["--num=100000000000", f"--batch-size={10**18}"], f"lower batch_size, which is {10**18:,}"),
    ):
        assert main(["sample", str(run), *options]) == 2
        shown = capsys.readouterr()
        assert said in shown.err and shown.out == ""
    assert main(["sample", str(run), "--num=7", f"--batch-size={10**18}"]) == 0  # no more than there are to draw


def test_a_checkpoint_whose_networks_do_not_fit_is_refused(run, tmp_path, little):
    shutil.copytree(artefacts.locate(run), tmp_path / "large")
    path = tmp_path / "large" / "config.yaml"
    path.write_text(path.read_text().replace("width: 12", f"width: {10**9}"))
    (tmp_path / "large" / "manifest.json").unlink()
    with pytest.raises(UserError, match="large: its generator needs more than 8 EiB of memory"):
        Generator.from_pretrained(tmp_path / "large")
