"""Sections and keys: nested dataclasses from nested values, for configs, YAML files and the command line.

A section is a dataclass, and a key is the path of one of its fields, such as `train.critic.lr`. A section may have
fields that depend on one of its values, such as the options of a backbone. Its method `variant(values, prefix)` returns
the section for these values, and `variants()` returns all such sections by key and value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import Any, NamedTuple, get_type_hints

from ..errors import UserError
from ..fields import check
from ..modality import MODALITIES, modality
from ..names import nearest

OPTIONS = ("config", "output", "resume", "overwrite", "import")  # options of the training command that are not keys


class Key(NamedTuple):
    """A key of a config.

    Args:
        name: its name, such as train.critic.lr.
        kind: the type of its values.
        default: its default value.
        section: the dataclass that has it as a field.
        asked_by: the key and value that the key depends on, such as generator.backbone=attention.
    """

    name: str
    kind: Any
    default: Any
    section: type
    asked_by: str = ""


def flat(config: Any) -> dict[str, Any]:
    """Every field by its key, such as train.critic.lr. A mapping, such as the options of an optimiser, is one value."""

    def walk(prefix: str, section: Any) -> Iterator[tuple[str, Any]]:
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            if dataclasses.is_dataclass(value):
                yield from walk(f"{prefix}{field.name}.", value)
            else:
                yield prefix + field.name, value

    return dict(walk("", config))


def keys(config: Any, prefix: str = "") -> list[Key]:
    """All keys of a config, including those of other backbones."""
    hints = get_type_hints(type(config), include_extras=True)
    found = []
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            found += keys(value, f"{name}.")
        else:
            found.append(Key(name, hints[field.name], value, type(config)))
    known = {field.name for field in dataclasses.fields(config)}
    for asked_by, other in getattr(config, "variants", dict)().items():
        hints = get_type_hints(type(other), include_extras=True)
        found += [
            Key(prefix + f.name, hints[f.name], getattr(other, f.name), type(other), f"{prefix}{asked_by}")
            for f in dataclasses.fields(other)
            if f.name not in known
        ]
    return found


def sections(config: Any, prefix: str = "") -> dict[str, Any]:
    """The sections of a config by their keys, including sections within sections."""
    found = {}
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(value := getattr(config, field.name)):
            found[prefix + field.name] = value
            found |= sections(value, f"{prefix}{field.name}.")
    return found


def changed(config: Any, values: Any, whole: Any = None, prefix: str = "") -> Any:
    """A copy of a config with new values.

    Args:
        config: a section.
        values: nested values by field.
        whole: the experiment of the section.
        prefix: the key of the section, with a dot.

    Raises:
        UserError: an unknown key, or a value that does not fit its key.
    """
    whole = config if whole is None else whole
    if not isinstance(values, Mapping):
        raise UserError(f"{prefix[:-1]} is a section: give keys with values in it, or leave it out")
    if hasattr(config, "variant"):
        config = config.variant(values, prefix)
    hints = get_type_hints(type(config), include_extras=True)
    new = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if name not in hints or name not in {f.name for f in dataclasses.fields(config)}:
            raise unknown(key, whole)
        old = getattr(config, name)
        new[name] = (
            changed(old, value, whole, f"{key}.") if dataclasses.is_dataclass(old) else check(key, hints[name], value)
        )
    return dataclasses.replace(config, **new)


def unknown(name: str, config: Any) -> UserError:
    """The error for an unknown key, with the reason or the nearest key."""
    if name in OPTIONS:
        return UserError(f"{name} is an option of the command line, and no key of a file: give --{name} instead")
    known = keys(config)
    askers = [key.asked_by for key in known if key.name == name and key.asked_by]
    if askers:
        return UserError(f"{name} is for {' and '.join(askers)}: leave it out, or give that too")
    first = name.partition(".")[0]
    if first not in sections(config):
        for other in MODALITIES:
            if first in sections(resolve_name(modality(other).config)()):
                return UserError(f"{name} is for modality={other}, and this experiment has modality={config.modality}")
    names = [key.name for key in known]
    hint = nearest(name, [*names, *sections(config), *OPTIONS])
    if not hint:  # perhaps the right name in the wrong section
        same = [k for k in names if k.rpartition(".")[2] == name.rpartition(".")[2]]
        hint = f"; did you mean {same[0]}?" if same else "; --help lists every key"
    return UserError(f"there is no key {name}{hint}")
