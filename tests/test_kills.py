"""Test that runs which are killed at any moment, and resumed, end like one that was not: weights and metrics.

Each kind of run is killed again and again until its share of the kills is used up. A kill comes after a random time,
or just before a random change of a file, which hits the short moments of saving. The seed of each kind is printed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from bars import TINY as IMAGES
from bars import bars
from conftest import ROOT, TINY, rows, weights

from seqgan_gp.training import folder

SHORT = ["--train.steps=12", "--train.keep=2", "--corpus.size=60", "--corpus.holdout=20", "--evaluation.samples=9"]
SHORT += ["--evaluation.every=6"]
TEXT = [*TINY, *SHORT]
KINDS = {
    "a reranker": [*TEXT, "--reranking.candidates=3", "--reranking.share=0.5", "--relaxation.kind=gumbel"],
    "labels": [*TEXT, "--corpus.train=grammar:types", "--corpus.label=label"],
    "likelihood": [*TEXT, "--method=likelihood", "--language_model.width=9", "--language_model.dropout=0.3"],
    "clipping": [*TEXT, "--clipping=0.05", "--penalty.weight=0", "--train.critic.name=RMSprop"],
    "images": [*IMAGES, "--train.steps=12", "--train.keep=2", "--train.checkpoint_every=3", "--evaluation.every=6"],
}
KINDS["likelihood"] += ["--likelihood.validate_every=2", "--likelihood.validation=11"]
KILLS = 46  # of these kinds together, and four of two processes
CLOCKS = ("train/seconds", "train/steps_per_second")


def scores(run: Path) -> list[dict]:
    """The metrics of a run without times."""
    return [{key: value for key, value in row.items() if key not in CLOCKS} for row in rows(run)]


def assert_equal(ours: Path, theirs: Path) -> None:
    left, right = weights(ours), weights(theirs)
    assert left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)
    assert scores(ours) == scores(theirs)
    names = [sorted(path.name for path in (run / "samples").iterdir()) for run in (ours, theirs)]
    assert names[0] == names[1]
    assert all((ours / "samples" / n).read_bytes() == (theirs / "samples" / n).read_bytes() for n in names[0])
    assert not list(ours.rglob("*.part")) or all("step-" not in path.name for path in ours.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_runs_end_like_one_that_was_not(tmp_path, starts, kind):
    seed = 1 + list(KINDS).index(kind)
    rng, options, quota = random.Random(seed), KINDS[kind], -(-KILLS // len(KINDS))
    if kind == "images":
        np.savez(tmp_path / "bars.npz", images=bars(200).pixels, labels=bars(200).labels)
        options = [*options, f"--images.train={tmp_path / 'bars.npz'}"]
    began = time.perf_counter()
    done = starts.run("train", *options, f"--output={tmp_path / 'whole'}")
    seconds, changes = time.perf_counter() - began, starts.changes
    assert done.returncode == 0, done.stderr
    killed, number, moments = 0, 0, []
    while killed < quota:
        run, number = tmp_path / f"run-{number}", number + 1
        for _ in range(30):
            share = rng.uniform(0, 0.7)  # a resumed run is shorter
            how = (
                {"seconds": max(0.01, share * seconds)} if rng.random() < 0.5 else {"moment": 1 + int(share * changes)}
            )
            how = how if killed < quota else {}
            mode = ["--resume"] if folder.is_run(run) else []
            done = starts.run("train", *options, f"--output={run}", *mode, **how)
            code = done.returncode
            moments += [how] if code == -signal.SIGKILL else []
            killed += code == -signal.SIGKILL
            assert code in (0, -signal.SIGKILL), (seed, moments, done.stderr)
            if code == 0:
                break
        assert code == 0
        assert_equal(run, tmp_path / "whole")
    print(f"{kind}: seed {seed}, {killed} kills in {number} runs: {moments}")


TWO = [*TEXT, "--relaxation.kind=gumbel"]


def launch(output: Path, *options: str) -> subprocess.Popen:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*start, str(ROOT / "run.py"), *TWO, f"--output={output}", *options]
    log = output.with_suffix(".log").open("w")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)


def children(process: int) -> list[int]:
    """The processes that this one has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):  # it has just ended
            continue
        found += [int(path.parent.name)] if parent == process else []
    return found


def gone(processes: list[int]) -> bool:
    return not any(
        Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes
    )


@pytest.mark.slow
def test_two_processes_whose_launcher_or_one_of_which_is_killed_end_like_two_that_were_not(tmp_path):
    seed = 11
    rng = random.Random(seed)
    process = launch(tmp_path / "whole")
    assert process.wait(300) == 0, (tmp_path / "whole.log").read_text()
    run = tmp_path / "run"
    for victim in ("launcher", "rank 0", "launcher", "rank 1"):
        process = launch(run, *(["--resume"] if folder.is_run(run) else []))
        before = len(rows(run)) if folder.is_run(run) else -1
        while not (folder.is_run(run) and len(rows(run)) > max(before, 1)):  # it trains
            if process.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        ranks = children(process.pid)
        if process.poll() is None and len(ranks) == 2:
            os.kill({"launcher": process.pid, "rank 0": min(ranks), "rank 1": max(ranks)}[victim], signal.SIGKILL)
        process.wait(300)
        for pid in ranks:  # orphans of a launcher train on, and hold the lock
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while not gone(ranks):
            time.sleep(0.05)
    process = launch(run, "--resume")
    assert process.wait(300) == 0, (tmp_path / "run.log").read_text()
    assert_equal(run, tmp_path / "whole")
    print(f"two processes: seed {seed}, 4 kills")
