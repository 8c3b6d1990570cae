"""The description of a score. Each is beside the code that computes the score."""

from __future__ import annotations

from collections.abc import Iterable
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
