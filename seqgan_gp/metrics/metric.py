"""The description of a score. Each is beside the code that computes the score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Better: TypeAlias = Literal["higher", "lower", "real"]


@dataclass(frozen=True)
class Metric:
    """A score.

    Args:
        group: the property of a generator that it measures, such as "Diversity"; tables show a group together.
        meaning: the number in a few words, with its unit or range.
        better: "higher" or "lower"; or "real" where the score of real text is the goal and both sides of it are worse.
    """

    group: str
    meaning: str
    better: Better = "real"


def numbered(key: str, orders: Iterable[int], group: str, meaning: str, better: Better = "real") -> dict[str, Metric]:
    """One score for each n-gram order n, under the key `key_n`; `{n}` in `meaning` becomes the order."""
    return {f"{key}_{n}": Metric(group, meaning.format(n=n), better) for n in orders}


def find(key: str, known: Mapping[str, Metric]) -> str | None:
    """The key that describes a score: its own, or one that ends in *, such as `class_*` for `class_7`; or None."""
    pattern = f"{key.partition('_')[0]}_*"
    return key if key in known else pattern if "_" in key and pattern in known else None
