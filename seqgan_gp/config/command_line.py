"""The training command line: an experiment, and what to do with its run folder."""

from pathlib import Path
from typing import NamedTuple

from .. import shipped
from ..errors import UserError
from .experiment import Experiment
from .files import load
from .parser import MODALITIES, TEXT, build, known_modality, new_parser, parse_options


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
    files, rest = _take("--config", "a file, or the name of one in configs/", arguments)
    paths = [shipped.find(f, "configs", ".yaml", "config") for f in files]
    # The file first, wherever it stood: options override it.
    loaded = [load(path) for path in paths]  # by itself first, so that an error in it names it
    named, rest = _take("--modality", f"one of {', '.join(MODALITIES)}", rest)
    # Which other options there are depends on it: it is read before them, and the last of several wins.
    modality = known_modality(named[-1]) if named else loaded[-1].modality if loaded else TEXT
    last = [f"--modality={modality}"] if named else []
    values = parse_options(new_parser(prog, modality), [*(f"--config={p}" for p in paths), *rest, *last])
    run = {key: values.pop(key) for key in ("output", "resume", "overwrite")}
    if run["resume"] and run["overwrite"]:
        raise UserError("--resume and --overwrite contradict each other: give one of them")
    name = paths[-1].stem if paths else "default"
    return Invocation(build(values, modality), Path(run["output"] or f"runs/{name}"), run["resume"], run["overwrite"])


def _take(option: str, needs: str, arguments: list[str]) -> tuple[list[str], list[str]]:
    """The values of an option among the arguments, `--option VALUE` or `--option=VALUE`, and the other arguments.

    Raises:
        UserError: its last value is missing; the message says what it `needs`.
    """
    values, rest, left = [], [], iter(arguments)
    for argument in left:
        if argument == option:
            value = next(left, None)
            if value is None:
                raise UserError(f"{option} needs {needs}")
            values.append(value)
        elif argument.startswith(f"{option}="):
            values.append(argument.removeprefix(f"{option}="))
        else:
            rest.append(argument)
    return values, rest
