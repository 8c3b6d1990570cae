"""Types of the fields of a config: numbers with a range, and names that a registry must know.

To a type checker they are plain numbers and texts. `check` refuses a value that does not fit. `describe` gives the
words for a type, which --help and errors print.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from . import names
from .errors import MOST, UserError, not_at_least


@dataclass(frozen=True)
class Words:
    """The words for a type. In errors, "is needed" follows them."""

    text: str


def _whole(value: Any) -> Any:
    """1e3, which YAML takes for a float, as the whole number that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Int = Annotated[int, Field(strict=True), BeforeValidator(_whole)]
PositiveInt = Annotated[_Int, Field(ge=1, le=MOST), Words("a whole number of at least 1")]
NonNegativeInt = Annotated[_Int, Field(ge=0, le=MOST), Words("a whole number of at least 0")]
DEEPEST = 1000
PositiveDepth = Annotated[_Int, Field(ge=1, le=DEEPEST), Words("a whole number from 1 to 1000")]
"""A number of layers. Each is built by itself, so that a slip of the finger would take days."""
NonNegativeDepth = Annotated[_Int, Field(ge=0, le=DEEPEST), Words("a whole number from 0 to 1000")]
PositiveFloat = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False), Words("a finite number over 0")]
NonNegativeFloat = Annotated[
    float, Field(strict=True, ge=0, allow_inf_nan=False), Words("a finite number of at least 0")
]
UnitInterval = Annotated[float, Field(strict=True, ge=0, le=1), Words("a number from 0 to 1")]
Name = Annotated[str, AfterValidator(names.named), Words("a text")]
"""A text that names a thing, such as a column."""
Path = Annotated[str, AfterValidator(names.path), Words("a text")]
"""A text that names a file or a folder, or perhaps a data set of the hub."""


@dataclass(frozen=True)
class OneOf:
    """The name of an entry of a registry. Modules of the user may add entries.

    Args:
        registry: the entries by name.
        note: a sentence for the error about an unknown name.
    """

    registry: Collection[str]
    note: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler(Annotated[source, AfterValidator(self._known)])

    def _known(self, name: str) -> str:
        if name not in self.registry:
            raise ValueError(name)
        return name

    def __hash__(self) -> int:
        return id(self.registry)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneOf) and other.registry is self.registry


def describe(kind: Any) -> str:
    """The words for a type. In errors, "is needed" follows them."""
    extras: tuple[Any, ...] = ()
    if get_origin(kind) is Annotated:
        kind, *rest = get_args(kind)
        extras = tuple(rest)
    for extra in extras:
        if isinstance(extra, Words):
            return extra.text
        if isinstance(extra, OneOf):
            return f"one of {', '.join(extra.registry)}"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join("null" if part is type(None) else describe(part) for part in get_args(kind))
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is list:
        return f"a list, each entry {describe(get_args(kind)[0])}"
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}.get(kind, "a mapping")


def is_text(kind: Any) -> bool:
    """Whether the values of a type are texts. The command line takes texts literally, and other values as YAML."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        return any(is_text(part) for part in get_args(kind))
    return kind is str or (get_origin(kind) is Literal and all(isinstance(v, str) for v in get_args(kind)))


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def check(key: str, kind: Any, value: Any) -> Any:
    """Check that the value of a key fits a type, and return it. A whole number for a float becomes a float.

    Raises:
        UserError: the value does not fit. The message names the key, the value and the type.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        for reason in error.errors():
            if isinstance(known := reason.get("ctx", {}).get("error"), UserError):
                raise UserError(f"{key} {known}") from None
            if reason["type"] == "less_than_equal" and reason["ctx"]["le"] > 1:
                raise UserError(f"{key} is {value}: at most {reason['ctx']['le']}") from None
    except UnicodeEncodeError:  # of a text that is not UTF-8
        pass
    if value is None:
        raise UserError(f"{key} has no value: give one, or leave the key out")
    if get_origin(kind) is list and isinstance(value, list):  # name the wrong entry, not the whole list
        for entry in value:
            check(key, get_args(kind)[0], entry)
    known = _names(kind)
    hint = names.nearest(str(value), known)
    if not hint and (registry := _registry(kind)):
        hint = f"; {registry.note or 'a name of your own needs --import MODULE, the module that registers it'}"
    if known and not isinstance(value, list | dict):
        raise UserError(f"'{value}' is no {key}; choose {describe(kind).removeprefix('one of ')}{hint}")
    raise UserError(f"{key}: {describe(kind)} is needed, not {value}{hint}")


def _names(kind: Any) -> list[str]:
    """The names that a type allows, if it is a list of names."""
    if get_origin(kind) is Literal:
        return [str(name) for name in get_args(kind)]
    return [name for part in get_args(kind) for name in (part.registry if isinstance(part, OneOf) else _names(part))]


def _registry(kind: Any) -> OneOf | None:
    """The registry whose names a type allows, if there is one."""
    found = (part if isinstance(part, OneOf) else _registry(part) for part in get_args(kind))
    return next(filter(None, found), None)


def whole(name: str, value: Any, least: int, most: int = MOST) -> int:
    """A whole number of at least `least` and at most `most`, as the option of that name takes it.

    Raises:
        UserError: it is another thing.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= MOST:
        raise UserError(f"{name}: {not_at_least(value, least, whole=True)}")
    if number > most:
        raise UserError(f"{name} is {number:,}: at most {most:,}")
    return number


def finite(name: str, value: Any, least: float) -> float:
    """A finite number of at least `least`, as the option of that name takes it.

    Raises:
        UserError: it is another thing.
    """
    try:
        number = float("nan") if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = float("nan")
    if not least <= number < float("inf"):
        raise UserError(f"{name}: {not_at_least(value, least, whole=False)}")
    return number
