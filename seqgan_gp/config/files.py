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

CONFIG = "config.yaml"  # in every run and checkpoint
DEEPEST = 20  # values within values: no key needs as many
MOST_VALUES = 10_000  # of a text, with those that aliases repeat: ten lines of aliases can stand for 10**10 values


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as in YAML 1.2. The library follows YAML 1.1, where it is a text."""

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None and _size(node) > MOST_VALUES:
            raise UserError(f"more than {MOST_VALUES:,} values, with those that aliases repeat: write fewer")
        return node


def _size(node: yaml.Node, depth: int = 0, known: dict[int, int] | None = None) -> int:
    """The number of values in a node, in which an alias counts as the values that it stands for.

    Raises:
        UserError: the values are too deep, as those of an alias within its own value are.
    """
    known = {} if known is None else known
    if depth > DEEPEST:
        raise UserError(f"line {node.start_mark.line + 1}: values within values, {DEEPEST} deep: write them flatter")
    if id(node) not in known:
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [part for entry in inner for part in (entry if isinstance(entry, tuple) else (entry,))]
        known[id(node)] = 1 + sum(_size(part, depth + 1, known) for part in parts)
    return known[id(node)]


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    """A mapping whose keys differ. The library would take the last of two equal keys without a word."""
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            raise UserError(f"line {key.start_mark.line + 1}: the key {key.value} stands there twice: leave one out")
        seen.add(str(key.value))
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*|\d*\.\d+|\d+\.\d*)[eE][-+]?\d+$"), list("-+0123456789.")
)


def read_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        UserError: the text is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise UserError("too many brackets within brackets: write the values flatter") from None
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, TypeError) as error:  # the last two: no day, no number of so many digits
        raise UserError(f"not YAML: {' '.join(str(error).split())}") from None


def save(config: Experiment, path: Path) -> None:
    """Write every field as YAML, including defaults."""
    text = yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, default_flow_style=None)
    with atomic_write(path) as file:
        file.write(text)


def load(path: Path) -> Experiment:
    """Read the YAML file that `save` wrote, without importing the modules that it names.

    Raises:
        UserError: the file is not YAML or not a mapping, or has an unknown key or a wrong value. The message names the
            path.
    """
    values = read(path)
    critic = values.get("critic")
    if isinstance(critic, dict) and critic.get("backbone") == "convolutional":
        critic.setdefault("dilation", 1)  # a file of an older version lacks it, and all networks had 1 then
    if isinstance(reranking := values.get("reranking"), dict):
        reranking.setdefault("passes", None)  # likewise: candidates had as many revisions as other samples
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
    """The modality of the experiment in a YAML file. Other keys are not checked.

    Raises:
        UserError: the file is not YAML or not a mapping, or has an unknown modality. The message names the path.
    """
    return read(path).get("modality", TEXT)


def read(path: Path) -> dict[str, Any]:
    """Read the nested values of a YAML file, and check the modality.

    Raises:
        UserError: the file is not YAML or not a mapping, or has an unknown modality. The message names the path.
    """
    with naming(path):
        try:
            values = read_yaml(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"not UTF-8 text ({error}): save it as UTF-8") from None
        except OSError as error:
            raise UserError(f"cannot be read ({error.strerror or error})") from None
        if not isinstance(values, dict) or not values:
            raise UserError("no keys with values in it; --help lists the keys")
        known_modality(values.get("modality", TEXT))
        return {str(key): value for key, value in values.items()}


def known_modality(name: Any) -> str:
    """Return `name` if it is a modality, else raise a UserError that lists the modalities."""
    if name not in list(MODALITIES):  # a list, since YAML may have anything here
        raise UserError(f"{name!r} is no modality; choose {', '.join(MODALITIES)}")
    return name


def default(name: str) -> Any:
    """An experiment of a modality with all defaults."""
    return resolve_name(modality(name).config)()


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the path in front of the message of a UserError, and make it one line."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
