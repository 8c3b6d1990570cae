"""Nested dataclasses from nested keys and values: what a config, a YAML file and a command line have in common.

A section is a dataclass, and a key is the path of one of its fields, such as `train.critic.lr`. A section whose fields
depend on one of its values (the options of a backbone) has a classmethod `variant(values)`, which gives the section
that those values ask for, and a classmethod `variants()`, which gives every one by what asks for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import Any, NamedTuple, get_type_hints

from ..errors import UserError
from ..fields import check, nearest
from ..modality import MODALITIES, modality

OPTIONS = ("config", "output", "resume", "overwrite", "import")  # of the training command, besides the keys


class Key(NamedTuple):
    """A key of a config.

    Args:
        name: such as train.critic.lr.
        kind: the type of its values.
        default: its value where nothing else is asked for.
        section: the dataclass that it is a field of.
        asked_by: the key and value that a config must have for this key to exist, such as generator.backbone=attention.
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
    """All keys that a config may have, with those that another backbone would bring."""
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
    """The sections of a config by their keys, sections in sections too."""
    found = {}
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(value := getattr(config, field.name)):
            found[prefix + field.name] = value
            found |= sections(value, f"{prefix}{field.name}.")
    return found


def changed(config: Any, values: Any, whole: Any = None, prefix: str = "") -> Any:
    """A config with other values.

    Args:
        config: a section.
        values: nested, by field.
        whole: the experiment that the section is part of.

    Raises:
        UserError: a key that there is not, or a value that does not fit it.
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
    """The error for a key that a config does not have: with the reason, or the nearest key that it has."""
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
    if not hint:  # the right name in the wrong section
        same = [k for k in names if k.rpartition(".")[2] == name.rpartition(".")[2]]
        hint = f"; did you mean {same[0]}?" if same else "; --help lists every key"
    return UserError(f"there is no key {name}{hint}")
