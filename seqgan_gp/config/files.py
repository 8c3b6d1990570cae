"""Experiments in YAML files."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import yaml

from ..errors import UserError
from ..files import atomic_write
from ..modality import MODALITIES, TEXT, modality
from .experiment import Experiment
from .schema import changed


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as in YAML 1.2. The library follows 1.1, where it is a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*|\d*\.\d+|\d+\.\d*)[eE][-+]?\d+$"), list("-+0123456789.")
)


def read_yaml(text: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        UserError: it is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from None


def save(config: Experiment, path: Path) -> None:
    """Write every field, defaults too, as YAML."""
    text = yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, default_flow_style=None)
    with atomic_write(path) as file:
        file.write(text)


def load(path: Path) -> Experiment:
    """Read what `save` wrote, or any YAML file of an experiment. The modules that it names are not imported.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown key or a wrong value; with the path.
    """
    values = read(path)
    with naming(path):
        try:
            config = changed(default(values.get("modality", TEXT)), values)
            config.check()
            return config
        except UserError as error:
            missing = [name for name in _imports(values) if name not in sys.modules]
            if not missing:
                raise
            options = " ".join(f"--import {name}" for name in missing)
            remedy = f"this was trained with {options}: pass the same (in Python, import it first)"
            raise UserError(f"{error}; {remedy}") from None


def _imports(values: dict[str, Any]) -> list[str]:
    names = values.get("imports")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def modality_of(path: Path) -> str:
    """The modality of the experiment in a YAML file, whose other keys are not looked at.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown modality; with the path.
    """
    return read(path).get("modality", TEXT)


def read(path: Path) -> dict[str, Any]:
    """The nested values of a YAML file, with a modality that there is.

    Raises:
        UserError: not YAML, no mapping of keys to values, an unknown modality; with the path.
    """
    with naming(path):
        try:
            values = read_yaml(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(str(error)) from None
        if not isinstance(values, dict) or not values:
            raise UserError("no keys with values in it; --help lists the keys")
        known_modality(values.get("modality", TEXT))
        return {str(key): value for key, value in values.items()}


def known_modality(name: Any) -> str:
    """`name`, or a UserError that names the modalities that there are."""
    if name not in list(MODALITIES):  # a list, since YAML may have anything here
        raise UserError(f"modality is {name!r}: there are {', '.join(MODALITIES)}")
    return name


def default(name: str) -> Any:
    """An experiment of a modality with nothing changed."""
    return resolve_name(modality(name).config)()


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """One line of an error, with the file that it is in."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
