"""Experiments in YAML files."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from ..files import atomic_write
from .experiment import Experiment
from .parser import TEXT, build, default, known_modality, new_parser, parse_options


def save(config: Experiment, path: Path) -> None:
    """Write every field, defaults too, as YAML."""
    text = yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, default_flow_style=None)
    with atomic_write(path) as file:
        file.write(text)


def load(path: Path) -> Experiment:
    """Read what `save` wrote, or any YAML file of an experiment.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown key or a wrong value; with the path.
    """
    with _naming(path):
        content, modality = _read(path)
        for key, value in content.items():
            if dataclasses.is_dataclass(getattr(default(modality), str(key), None)) and not isinstance(value, dict):
                raise UserError(f"{key} is a section: give keys with values in it, or leave it out")
        return build(parse_options(new_parser(modality=modality), [f"--config={path}"]), modality)


def modality_of(path: Path) -> str:
    """The modality of the experiment in a YAML file, whose other keys are not looked at.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown modality; with the path.
    """
    with _naming(path):
        return _read(path)[1]


def _read(path: Path) -> tuple[dict[Any, Any], str]:
    """What a YAML file says, and the modality in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(str(error)) from None
    if not isinstance(content, dict):
        raise UserError("no keys with values in it; --help lists the keys")
    return content, known_modality(content.get("modality", TEXT))


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """One line of an error, with the file that it is in."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
