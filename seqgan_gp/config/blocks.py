"""The keys of a network's blocks: a backbone, and the options of that backbone as further keys."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from ..errors import UserError
from ..fields import NonNegativeDepth, OneOf, PositiveInt, check
from ..models.backbones import BACKBONES, options_of


@dataclass(kw_only=True)
class Blocks:
    """The keys that generator and critic share: a backbone and its options.

    Args:
        backbone: Kind of blocks: convolutional (a ResNet over neighbours), recurrent (alternately from the left and
            from the right) or attention (from all positions to all).
        width: Channels of every hidden layer.
        blocks: Number of residual blocks.
    """

    DEFAULTS: ClassVar[Mapping[str, Any]] = {}  # defaults of options that differ from the backbone's

    backbone: Annotated[str, OneOf(BACKBONES)] = "convolutional"
    width: PositiveInt = 64
    blocks: NonNegativeDepth = 2

    @classmethod
    def new(cls, backbone: str = "convolutional") -> Self:
        """The section with the options of a backbone as further fields, all with their defaults."""
        kind: Any = cls.section()
        options: Any = options_of(backbone)
        return _with_options(kind, options)(backbone=backbone)

    @classmethod
    def section(cls) -> type[Self]:
        """The section without the options of a backbone."""
        return next(kind for kind in cls.__mro__ if not hasattr(kind, "OPTIONS"))

    def variant(self, values: Mapping[str, Any], prefix: str) -> Self:
        """The section for the backbone in `values`. If the backbone changes, its options have their defaults."""
        asked = values.get("backbone", self.backbone)
        hint = Annotated[str, OneOf(BACKBONES)]
        if check(f"{prefix}backbone", hint, asked) == self.backbone:
            return self
        return dataclasses.replace(type(self).new(asked), **self.shared)

    def variants(self) -> dict[str, Self]:
        """The sections of all backbones."""
        return {f"backbone={name}": type(self).new(name) for name in BACKBONES}

    @property
    def options(self) -> dict[str, Any]:
        """The options of the backbone."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(options_of(self.backbone))}

    @property
    def shared(self) -> dict[str, Any]:
        """The fields that do not depend on the backbone, without its name."""
        names = {f.name for f in dataclasses.fields(self)} - self.options.keys() - {"backbone"}
        return {name: getattr(self, name) for name in names}

    def check(self, name: str) -> None:
        try:
            options_of(self.backbone)(**self.options).check(self.width)
        except ValueError as error:
            raise UserError(f"{name}.{error}") from None


@functools.cache
def _with_options(section: Any, options: Any) -> Any:
    """A dataclass with the fields of a section and of a backbone's options."""
    hints = get_type_hints(options, include_extras=True)
    more = [
        (f.name, hints[f.name], field(default=section.DEFAULTS.get(f.name, f.default)))
        for f in dataclasses.fields(options)
    ]
    made: Any = dataclasses.make_dataclass(section.__name__, more, bases=(section,), kw_only=True)
    made.__doc__, made.__module__, made.OPTIONS = section.__doc__, section.__module__, options
    return made
