"""Runs the training command in parallel, and each run once, for the studies with equal time.

The folder of a study holds results/NAME.json for every finished run, its log in logs/NAME.log and its run folder in
runs/NAME. A run with a result for the same options is skipped. An interrupted run resumes from its last checkpoint. A
run with other options is replaced. A failed run does not affect the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from seqgan_gp import config as configs
from seqgan_gp.artefacts import TOKENIZER, checkpoints, read_config
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.files import atomic_write
from seqgan_gp.text.corpus import GRAMMAR
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training import folder

COMMAND = (sys.executable, "-m", "seqgan_gp")
FOREVER = 10**9  # steps, so that time ends a run
SEED = 1  # seed of the samples to score, other than that of a run's evaluations


@dataclass(frozen=True)
class Scoring:
    """Options for scoring samples of the last checkpoint, and as many training sentences, against held-out sentences.

    Args:
        samples: sentences to draw.
        families: families of scores, as for `seqgan-gp evaluate --metrics`.
        encoder: encoder of sentences for fed and mauve.
    """

    samples: int
    families: tuple[str, ...]
    encoder: str


@dataclass(frozen=True)
class Job:
    """A run.

    Args:
        arguments: options of the training command.
        scoring: scoring of its last checkpoint; None takes the scores of the run's own last evaluation.
    """

    arguments: Sequence[str]
    scoring: Scoring | None = None


class Stopped(Exception):
    """A command was not started, because the study is stopping."""


class Commands:
    """Starts commands and can interrupt them.

    Each command has its own session, so that a Ctrl-C reaches it only through `interrupt` and only once. A second one
    would prevent it from saving.
    """

    def __init__(self) -> None:
        self._lock, self._under_way, self._stopped = threading.Lock(), set[subprocess.Popen[bytes]](), False

    def __call__(self, arguments: Sequence[str], log: Path) -> int:
        """Run a command of the package on one thread, append its output to `log`, and return its exit code."""
        with log.open("ab") as file:
            with self._lock:
                if self._stopped:
                    raise Stopped
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                process = subprocess.Popen(
                    [*COMMAND, *arguments], stdout=file, stderr=file, env=environment, start_new_session=True
                )
                self._under_way.add(process)
            code = process.wait()
            with self._lock:
                self._under_way.remove(process)
        return code

    def interrupt(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._under_way:
                process.send_signal(signal.SIGINT)


def finish(jobs: Mapping[str, Job], out: Path, at_a_time: int) -> dict[str, dict[str, Any]]:
    """Train and score all unfinished jobs.

    Returns:
        The result of each job: `arguments`, `scoring`, `diverged` (None, or the run's message), `steps`, `scores` and
        those of as many `real` sentences, and `curves` of everything logged over the seconds of training.

    Raises:
        UserError: wrong options, before any run starts; or failed runs, after all others have ended.
        KeyboardInterrupt: Ctrl-C or a termination signal. Every run has saved, and the message says how to resume.
    """
    if at_a_time < 1:
        raise UserError(f"--jobs is {at_a_time}: at least 1 run at a time is needed")
    for name, job in jobs.items():
        try:
            configs.parse(list(job.arguments))
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
    for part in ("results", "logs", "runs"):
        (out / part).mkdir(parents=True, exist_ok=True)
    commands, failures, done = Commands(), dict[str, UserError](), 0
    with (
        _one_interrupt(),
        ThreadPoolExecutor(at_a_time) as pool,
        tqdm(total=len(jobs), unit="run", mininterval=0 if sys.stderr.isatty() else 30) as bar,
    ):
        futures = {pool.submit(_finish, name, job, out, commands): name for name, job in jobs.items()}
        try:
            for future in as_completed(futures):
                try:
                    future.result()
                    done += 1
                except UserError as error:
                    failures[futures[future]] = error
                bar.set_description(futures[future])
                bar.update()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            commands.interrupt()  # the end of the `with` block waits for them to save
            left = f"{done} of {len(jobs)} runs are done, those under way are saved"
            raise KeyboardInterrupt(f"interrupted: {left}; the same command goes on with {out}") from None
    if failures:
        first, *others = (str(failures[name]) for name in jobs if name in failures)
        more = f"; {len(others)} more failed" if others else ""
        raise UserError(f"{first}{more}; the same command tries again")
    return {name: _read(out, name) for name in jobs}


@contextlib.contextmanager
def _one_interrupt() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a KeyboardInterrupt, and ignore further ones.

    A further one would stop the saving, and `timeout` sends its signal twice.
    """
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(name: str, job: Job, out: Path, commands: Commands) -> None:
    """Train one run to its end and score it, unless its results exist.

    Raises:
        UserError: a command failed. The log says how. A run that diverges does not count as failed.
    """
    result, run, log = out / "results" / f"{name}.json", out / "runs" / name, out / "logs" / f"{name}.log"
    arguments = list(job.arguments)
    # Through JSON, which turns tuples into lists, to compare with the saved result.
    scoring = json.loads(json.dumps(asdict(job.scoring))) if job.scoring else None
    known = _read(out, name) if result.is_file() else {}
    if known.get("arguments") != arguments:
        log.write_bytes(b"")
        result.unlink(missing_ok=True)
        diverged = _train(name, arguments, run, log, commands)
        known = {"arguments": arguments, "diverged": diverged, "scoring": None, **_summary(run)}
        _write(result, known)  # the training is kept if scoring fails
    if known.get("scoring") == scoring or known["diverged"]:
        return
    known |= {"scoring": scoring, **_summary(run)}
    if job.scoring:
        for part, scores in _score(name, job.scoring, run, log, commands).items():
            known[part] |= scores  # scores of no family, such as well_formed, stay those of the run's own evaluation
    _write(result, known)


def _train(name: str, arguments: list[str], run: Path, log: Path, commands: Commands) -> str | None:
    """Train to the end, resuming the same run if it was interrupted. Return its message if it diverged, else None."""
    asked = run.with_name(f"{name}.arguments.json")  # beside the run folder, which the training command owns
    same = not asked.is_file() or json.loads(asked.read_text()) == arguments
    mode = "--resume" if same and folder.is_run(run) else "--overwrite"
    _write(asked, arguments)
    code = commands(["train", *arguments, "--report=false", f"--output={run}", mode], log)
    lines = log.read_text(errors="replace").splitlines()
    diverged = next((line for line in reversed(lines) if line.startswith("error: diverged")), None)
    if code and not diverged:
        raise UserError(f"{name} ended with exit code {code}: see {log}")
    return diverged


def _summary(run: Path) -> dict[str, Any]:
    """The last scores, those of real sentences, and curves over the seconds of training."""
    rows = folder.read_metrics(run / folder.METRICS)
    seconds = {row["step"]: row["train/seconds"] for row in rows if "train/seconds" in row}
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for section, key, value in _entries(row):
            if section in ("train", "eval") and key != "seconds" and value is not None and row["step"] in seconds:
                curves.setdefault(key, []).append((seconds[row["step"]], value))
    scored = [row for row in rows if any(section == "eval" for section, _, _ in _entries(row))]
    return {
        "steps": rows[-1]["step"],
        "seconds": max(seconds.values(), default=0.0),
        "scores": {key: v for section, key, v in _entries(scored[-1]) if section == "eval"} if scored else None,
        "real": {key: v for section, key, v in _entries(rows[0]) if section == "real"},
        "curves": curves,
    }


def _entries(row: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, value in row.items():
        section, slash, key = name.partition("/")
        if slash:
            yield section, key, value


def _score(name: str, scoring: Scoring, run: Path, log: Path, commands: Commands) -> dict[str, Any]:
    """The `scores` of samples of the last checkpoint, and those of as many `real` training sentences."""
    if not checkpoints(run):
        raise UserError(f"{name} has no checkpoint in {run} to score: delete {run} to train it again")
    config, scored = read_config(run, TextConfig), run / "scored"
    samples = scored / f"{name}.txt"
    sample = ["sample", str(run), f"--num={scoring.samples}", f"--seed={SEED}", f"--out={samples}"]
    compare = ["compare", str(samples), f"--out={scored}", "--bootstrap=0", f"--encoder={scoring.encoder}"]
    compare += [f"--reference={run / 'corpus' / 'test.txt'}", f"--train={run / 'corpus' / 'train.txt'}"]
    compare += [f"--unit={Tokenizer.load(run / TOKENIZER).unit}", "--metrics", *scoring.families]
    if config.corpus.train.startswith(GRAMMAR):
        compare += [f"--grammar={config.corpus.train.removeprefix(GRAMMAR)}"]
    for arguments in (sample, compare):
        if code := commands(arguments, log):
            raise UserError(f"{name}: seqgan-gp {arguments[0]} ended with exit code {code}: see {log}")
    found = json.loads((scored / "scores.json").read_text())
    return {"scores": next(iter(found["systems"].values())), "real": found["real"]}


def _write(path: Path, content: Any) -> None:
    with atomic_write(path) as file:
        json.dump(content, file)


def _read(out: Path, name: str) -> dict[str, Any]:
    return json.loads((out / "results" / f"{name}.json").read_text())
