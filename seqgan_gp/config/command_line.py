"""The command line of training: from arguments to an experiment and its run folder."""

from __future__ import annotations

import argparse
import math
import os.path
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from .. import extensions, names, shipped
from ..errors import UserError
from ..fields import is_text
from ..modality import TEXT
from .experiment import Experiment
from .files import CONFIG, default, known_modality, naming, read, read_yaml
from .help import explain
from .schema import changed, flat, keys, sections, unknown


class Invocation(NamedTuple):
    """A training command: an experiment, its run folder, and whether to resume or overwrite a run in it."""

    config: Experiment
    output: Path
    resume: bool = False
    overwrite: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if option := re.fullmatch(r"argument (\S+): ignored explicit argument (.*)", message, re.DOTALL):
            raise UserError(f"{option[1].partition('/')[2] or option[1]} takes no value: leave out {option[2]}")
        raise UserError(message)


def new_parser(prog: str) -> argparse.ArgumentParser:
    """A parser of the options that are not keys of an experiment."""
    parser = _Parser(prog=prog, allow_abbrev=False, add_help=False)  # --over must not delete a run
    add = parser.add_argument
    add("-h", "--help", action="store_true", help="show this help and exit")
    add("--config", action="append", default=[], metavar="FILE", help="YAML file, by path or by its name in configs/")
    add(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of your own, which registers objectives, backbones and other parts by name",
    )
    add("--modality", action="append", default=[], help="kind of samples, which determines the keys")
    add("--output", metavar="DIR", help="run folder (default: runs/NAME for --config NAME.yaml)")
    resume = "continue the run from its last checkpoint; without --config, the run in --output has all other options"
    add("--resume", action="store_true", help=resume)
    add("--overwrite", action="store_true", help="delete the run in the run folder and start anew")
    return parser


def parse(arguments: list[str], prog: str = "run.py") -> Invocation:
    """Parse the arguments of the training command.

    Options override files, in any order, and later files override earlier ones. A run that resumes without a
    file takes its own.

    Raises:
        UserError: an unknown key, a value of another type or out of range, a missing file or module.
    """
    parser = new_parser(prog)
    given, rest = parser.parse_known_args(arguments)
    output = None if given.output is None else Path(_path("output", given.output))
    if given.resume and not given.config and output is not None and os.path.isfile(output / CONFIG):
        given.config = [str(output / CONFIG)]
    paths = [shipped.find(_path("config", f), "configs", ".yaml", "config") for f in given.config]
    files = {path: read(path) for path in paths}
    named = [name for values in files.values() for name in _list(values.get("imports"))]
    extensions.load([*named, *given.imports])  # before any key is checked: they may add keys
    wanted = [*(values.get("modality", TEXT) for values in files.values()), *given.modality]
    modality = known_modality(wanted[-1] if wanted else TEXT)
    config = default(modality)
    if given.help:
        explain(parser, config)
        raise SystemExit(0)
    for path, values in files.items():
        with naming(path):
            config = changed(config, values | {"modality": modality})
            config.check()
    for values in _values(rest, config):
        config = changed(config, values)
    config.imports = [*dict.fromkeys([*config.imports, *given.imports])]
    config.check()
    if given.resume and given.overwrite:
        raise UserError("--resume and --overwrite contradict each other: give one of them")
    output = output or Path("runs", paths[-1].stem if paths else "default")
    return Invocation(config, output, given.resume, given.overwrite)


def differences(config: Experiment) -> dict[str, tuple[Any, Any]]:
    """The keys whose values are not the defaults of the modality: the value and the default of each.

    The default is None where a key belongs to another backbone than the default one.
    """
    defaults = flat(default(config.modality))
    return {
        key: (value, defaults.get(key))
        for key, value in flat(config).items()
        if key not in defaults or value != defaults[key]
    }


def arguments(config: Experiment) -> list[str]:
    """The arguments that `parse` makes this experiment of."""
    kinds = {key.name: key.kind for key in keys(config)}
    given = [f"--modality={config.modality}"] if config.modality != TEXT else []
    given += [f"--import={name}" for name in config.imports]
    for key, (value, _) in differences(config).items():
        if key != "imports":
            literal = value is not None and is_text(kinds[key])
            given.append(f"--{key}={value if literal else written(value)}")
    return given


def written(value: Any) -> str:
    """A value of a key as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _path(option: str, text: str) -> str:
    try:
        return names.usable_path(text)
    except UserError as error:
        raise UserError(f"--{option} {error}") from None


def _list(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _values(arguments: list[str], config: Any) -> Iterator[dict[str, Any]]:
    """Nested values from `--key value` and `--key=value`. Backbones come first, since other keys depend on them.

    Raises:
        UserError: an unknown key, a missing value, a section without keys, or a value that is not YAML.
    """
    known, inner = {key.name: key for key in keys(config)}, sections(config)
    found: dict[str, Any] = {}
    for name, text in _pairs(arguments):
        if name == "imports":
            raise UserError("--imports is a key of YAML files: give --import MODULE for each module")
        owner = _owner(name, known)
        if not text.strip() and name not in inner:  # a shell's variable that is not set; to YAML it would be null
            raise UserError(f"--{name} is empty: give a value, or leave it out")
        if name in inner:
            value = _yaml(name, text)
            if not isinstance(value, dict):
                options = ", ".join(f"--{key}" for key in known if key.startswith(f"{name}."))
                raise UserError(f"--{name} is a section of keys and takes no value itself: give one of {options}")
            found |= _flat(name, value, inner)
        elif owner not in known:
            raise unknown(name, config)
        elif owner != name:  # an entry of a mapping, such as train.critic.options.weight_decay
            before = found.get(owner, known[owner].default)
            found[owner] = before | {name.removeprefix(f"{owner}."): _yaml(name, text)}
        else:
            found[name] = text if is_text(known[name].kind) and text != "null" else _yaml(name, text)
    for first in (True, False):
        values: dict[str, Any] = {}
        for name, value in found.items():
            if (name.rpartition(".")[2] == "backbone") == first:
                _put(values, name, value)
        if values:
            yield values


def _flat(name: str, values: dict[str, Any], inner: Collection[str]) -> dict[str, Any]:
    """The values of a section by key, so that each overrides no other key than its own."""
    found: dict[str, Any] = {}
    for field, value in values.items():
        key = f"{name}.{field}"
        found |= _flat(key, value, inner) if key in inner and isinstance(value, dict) else {key: value}
    return found


def _pairs(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """The name of each option, without hyphens, and its value."""
    left = iter(arguments)
    for argument in left:
        name, equals, text = argument.partition("=")
        if not name.startswith("--"):
            run = f"; a run folder is --output {argument}" if os.path.isfile(os.path.join(argument, CONFIG)) else ""
            raise UserError(f"{argument} stands alone: options are --key value, or --key=value{run}")
        if not equals:
            text = next(left, "--")
            if text.startswith("--"):
                raise UserError(f"{name} needs a value")
        yield name[2:], text


def _owner(name: str, known: dict[str, Any]) -> str:
    """The key itself, or for an entry of a mapping the key of the mapping."""
    parent = name.rpartition(".")[0]
    return parent if name not in known and parent in known and isinstance(known[parent].default, dict) else name


def _yaml(name: str, text: str) -> Any:
    try:
        return read_yaml(text)
    except UserError as error:
        raise UserError(f"--{name}: {error}") from None


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    *outer, field = name.split(".")
    for section in outer:
        values = values.setdefault(section, {})
    values[field] = value
