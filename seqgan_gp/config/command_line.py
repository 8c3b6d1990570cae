"""The training command line: an experiment, and what to do with its run folder."""

import itertools
from pathlib import Path
from typing import NamedTuple

from .. import shipped
from ..errors import UserError
from .experiment import Experiment
from .files import load
from .parser import TEXT, build, known_modality, new_parser, parse_options


class Invocation(NamedTuple):
    """What the training command was asked for: an experiment, its run folder, and what to do with a run in it."""

    config: Experiment
    output: Path
    resume: bool = False
    overwrite: bool = False


def parse(arguments: list[str], prog: str = "run.py") -> Invocation:
    """The training command line to an experiment.

    Raises:
        UserError: an unknown key, a value of another type or out of range, a missing file.
    """
    files, rest = _take_config(arguments)
    paths = [shipped.find(f, "configs", ".yaml", "config") for f in files]
    # The file first, wherever it stood: options override it.
    loaded = [load(path) for path in paths]  # by itself first, so that an error in it names it
    modality = _modality(rest, loaded[-1].modality if loaded else TEXT)
    values = parse_options(new_parser(prog, modality), [*(f"--config={p}" for p in paths), *rest])
    run = {key: values.pop(key) for key in ("output", "resume", "overwrite")}
    if run["resume"] and run["overwrite"]:
        raise UserError("--resume and --overwrite contradict each other: give one of them")
    name = paths[-1].stem if paths else "default"
    return Invocation(build(values, modality), Path(run["output"] or f"runs/{name}"), run["resume"], run["overwrite"])


def _take_config(arguments: list[str]) -> tuple[list[str], list[str]]:
    files, rest, left = [], [], iter(arguments)
    for argument in left:
        if argument == "--config":
            value = next(left, None)
            if value is None:
                raise UserError("--config needs a file, or the name of one in configs/")
            files.append(value)
        elif argument.startswith("--config="):
            files.append(argument.removeprefix("--config="))
        else:
            rest.append(argument)
    return files, rest


def _modality(arguments: list[str], default: str) -> str:
    """The modality that the command line names: which other options there are depends on it."""
    named = [
        b if a == "--modality" else a.removeprefix("--modality=")
        for a, b in itertools.pairwise([*arguments, ""])
        if a == "--modality" or a.startswith("--modality=")
    ]
    return known_modality(named[-1]) if named else default
