"""The experiments of a YAML file at equal time, each a config and what it changes: who is better, and is it noise.

    question: Does a wider critic kernel pay?
    config: text.yaml            # what every trial starts from, unless it has a config of its own
    seconds: 180                 # of training of each run; evaluation and saving do not count
    seeds: 2                     # runs of each trial
    samples: 2000                # sentences that the evaluations of a run score
    score_on: development        # or test, once, when the choice is made
    table: [grammatical, unique, self_bleu_4]
    keys: {tokenizer.length: 16} # of every trial, written like this or nested as in a config
    scoring: {samples: 10000, families: [ngrams, embedding], encoder: lsa}   # of the last checkpoint; may be left out
    trials:
      baseline: {expect: 70% grammatical}
      kernel5: {expect: "more steps are lost than are won", keys: {critic.kernel: 5}}
      lstm: {expect: "nearly all grammatical", config: mle.yaml, seconds: 360}

Every run is the training command in a process of one thread (train.threads among the keys gives it more), for so many
seconds of training. What learns until it gets no better, such as a language model, may end sooner; the table has the
seconds. score_on development holds training sentences out (corpus.holdout) by another draw of the corpus and scores
against them, so that what is chosen is not chosen for the test sentences; test scores against those of the config.
Without `scoring` the scores are those of the run's own last evaluation.

The figure has the first two scores of the table against each other, or those of `figure: [horizontal, vertical]`.

A run that ends leaves a file in results/ and is skipped the next time: after Ctrl-C, the same command goes on, from the
last checkpoints. A trial whose keys have changed runs anew; new trials may be added. Runs side by side share the
machine: give no more --jobs than cores, and keep --jobs the same for all that is compared.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seqgan_gp.errors import UserError
from seqgan_gp.evaluation import FAMILIES
from seqgan_gp.evaluation.catalogue import RUN_METRICS, describe, metrics

from . import report, runner

SCORE_ON = {"development": ("--corpus.test=null", "--corpus.seed=1"), "test": ()}


@dataclass
class Trial:
    """One line of the table: what it changes, and what is expected of that."""

    expect: str
    config: str | None = None
    seconds: float | None = None
    keys: dict[str, Any] = field(default_factory=dict)


@dataclass
class Scoring:
    """How the last checkpoint is scored."""

    samples: int = 10_000
    families: list[str] = field(default_factory=lambda: ["ngrams"])
    encoder: str = "lsa"


@dataclass
class Trials:
    """What a file says."""

    question: str
    seconds: float
    table: list[str]
    trials: dict[str, Trial]
    config: str = "text.yaml"
    seeds: int = 1
    samples: int = 1_000
    score_on: str = "development"
    figure: list[str] | None = None
    keys: dict[str, Any] = field(default_factory=dict)
    scoring: Scoring | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.yaml", help="the trials; studies/trials holds ours")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each (default: %(default)s)")


def run(options: argparse.Namespace, out: Path) -> tuple[dict[str, Any], str]:
    asked = load(options.file)
    names = {trial: [f"{trial}-seed{seed}" for seed in range(asked.seeds)] for trial in asked.trials}
    jobs = {
        names[name][seed]: runner.Job(_arguments(asked, trial, seed), _scoring(asked))
        for seed in range(asked.seeds)  # seed by seed, so that a study cut short has seen every trial
        for name, trial in asked.trials.items()
    }
    finished = runner.finish(jobs, out, options.jobs)
    results = {trial: [finished[name] for name in runs] for trial, runs in names.items()}
    horizontal, vertical = asked.figure or (asked.table * 2)[:2]
    report.draw(results, (horizontal, vertical), asked.table, out / "study.png")
    samples = asked.scoring.samples if asked.scoring else asked.samples
    table = (
        f"{asked.question}\n\n"
        f"{asked.seconds:g} seconds of training of each run, {options.jobs} at a time; {samples:,} samples, scored on "
        f"{asked.score_on} sentences; mean ± standard deviation over the seeds that did not diverge.\n\n"
        f"{report.write(results, asked.table, 'trial', out)}\n\nExpected before:\n\n"
        + "\n".join(f"- {name}: {trial.expect}" for name, trial in asked.trials.items())
    )
    return {"settings": {**dataclasses.asdict(asked), "jobs": options.jobs}, "runs": results}, table


def load(path: Path) -> Trials:
    """Read and check a file of trials.

    Raises:
        UserError: not YAML, a key that is unknown, missing or of another type; the message names the file and the key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        asked = _fields(Trials, content, "")
        _check(asked)
    except (UserError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
    return asked


TYPES: dict[str, tuple[Any, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "list[str]": (list, "a list such as [unique, jsd_4]"),
    "dict[str, Any]": (dict, "keys with values"),
    "dict[str, Trial]": (dict, "names with what each trial changes"),
    "Scoring": (dict, "keys with values"),
}
NESTED = {"dict[str, Trial]": lambda v, at: {str(k): _fields(Trial, x, f"{at}.{k}") for k, x in v.items()}}
NESTED["Scoring"] = lambda v, at: _fields(Scoring, v, at)


def _fields(kind: type[Any], content: Any, where: str) -> Any:
    """A dataclass of what the file says at `where`."""
    fields = {f.name: f for f in dataclasses.fields(kind)}
    place = f"{where}: " if where else ""
    if not isinstance(content, dict):
        raise UserError(f"{place}keys with values are needed: {', '.join(fields)}")
    if unknown := [key for key in content if key not in fields]:
        raise UserError(f"{place}there is no key {unknown[0]}; there are {', '.join(fields)}")
    needed = [n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING]
    if missing := [name for name in needed if name not in content]:
        raise UserError(f"{place}{missing[0]} is missing: give it a value")
    values = {}
    for key, value in content.items():
        at, name = f"{where}.{key}".lstrip("."), str(fields[key].type).removesuffix(" | None")
        expected, described = TYPES[name]
        if not isinstance(value, expected) or isinstance(value, bool):
            raise UserError(f"{at} is {value!r}: {described} is needed")
        values[key] = NESTED[name](value, at) if name in NESTED else value
    return kind(**values)


def _check(asked: Trials) -> None:
    if not asked.trials or not asked.table:
        raise UserError(f"{'table' if asked.trials else 'trials'} is empty: name at least one")
    for name in asked.trials:
        if not re.fullmatch(r"[\w.+-]+", name):
            raise UserError(f"trials.{name}: a name makes files: only letters, digits and . _ + - may be in it")
    for key in [*asked.table, *(asked.figure or [])]:
        if not describe(key):
            raise UserError(f"there is no score {key}; there are {', '.join([*metrics(), *RUN_METRICS])}")
    if asked.figure and len(asked.figure) != 2:
        raise UserError(f"figure is {asked.figure}: two scores are needed, [horizontal, vertical]")
    if asked.score_on not in SCORE_ON:
        raise UserError(f"score_on is {asked.score_on}: give one of {', '.join(SCORE_ON)}")
    sizes = {"seeds": (asked.seeds, 1), "samples": (asked.samples, 2)}
    if asked.scoring:
        sizes["scoring.samples"] = asked.scoring.samples, 2
        if wrong := [family for family in asked.scoring.families if family not in FAMILIES]:
            raise UserError(f"scoring.families: there is no {wrong[0]}; there are {', '.join(FAMILIES)}")
    for key, (value, least) in sizes.items():
        if value < least:
            raise UserError(f"{key} is {value}: at least {least}")


def _scoring(asked: Trials) -> runner.Scoring | None:
    s = asked.scoring
    return runner.Scoring(s.samples, tuple(s.families), s.encoder) if s else None


def _arguments(asked: Trials, trial: Trial, seed: int) -> list[str]:
    return [
        f"--config={trial.config or asked.config}",
        f"--train.seconds={trial.seconds or asked.seconds}",
        f"--train.steps={runner.FOREVER}",
        f"--evaluation.samples={asked.samples}",
        f"--seed={seed}",
        "--train.threads=1",
        *SCORE_ON[asked.score_on],
        *(f"--{key}={value}" for key, value in options(asked.keys)),
        *(f"--{key}={value}" for key, value in options(trial.keys)),
    ]


def options(keys: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Keys of a config, dotted or nested, as options of the training command."""
    for key, value in keys.items():
        if isinstance(value, Mapping):
            yield from options(value, f"{prefix}{key}.")
        else:
            yield prefix + str(key), value if isinstance(value, str) else json.dumps(value)
