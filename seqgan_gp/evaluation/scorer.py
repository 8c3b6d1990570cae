"""The samples of one system to scores with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from ..errors import UserError
from ..metrics.bootstrap import intervals
from ..scoring import Rows, Scores, Values, defined
from .families import Family
from .real import FittedReal

LEVEL = 0.95


@dataclass(frozen=True)
class Scored:
    """The scores of one system, and an interval (low, high) of each where intervals were asked for."""

    values: Values
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the scores, and under `intervals` [low, high] of each."""
        return {**self.values, **({"intervals": self.intervals} if self.intervals else {})}

    def margin(self, key: str) -> float | None:
        """Half the width of the interval of a score."""
        interval = self.intervals.get(key)
        return (interval[1] - interval[0]) / 2 if interval else None


@dataclass(frozen=True)
class Scorer:
    """Scores samples.

    Args:
        families: the families of scores, by name.
        bootstrap: repetitions for the intervals (`metrics.bootstrap.intervals`); 0 for none.
    """

    families: Mapping[str, Family]
    bootstrap: int = 0

    def __call__(self, name: str, samples: Sequence[str], real: FittedReal) -> Scored:
        """Score samples against real text.

        Args:
            name: of the system; the progress bar shows it.

        Raises:
            UserError: a family returns a score that it does not describe.
        """
        values: Values = {}
        bounds: dict[str, tuple[float, float] | None] = {}
        sizes = len(samples), len(real.reference)
        steps = len(self.families) * (1 + self.bootstrap)
        with tqdm(total=steps, desc=name, leave=False, disable=None) as bar:
            for family_name, family in self.families.items():
                bar.set_postfix_str(family_name)
                scores = _Defined(family.build(samples, real))
                own = scores()
                _check_described(family_name, family, own)
                values |= own
                bar.update()
                if self.bootstrap:
                    bounds |= intervals(scores, own, sizes, self.bootstrap, LEVEL, after_each=bar.update)
        return Scored(values, bounds)


@dataclass(frozen=True)
class _Defined:
    """The scores of any family as plain numbers, with None for NaN."""

    scores: Scores

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        return defined(self.scores(samples, reference))


def _check_described(name: str, family: Family, values: Values) -> None:
    if unknown := [key for key in values if key not in family.metrics]:
        raise UserError(
            f"--metrics {name}: the family returns {', '.join(unknown)} and describes only "
            f"{', '.join(family.metrics)}: give each score a Metric"
        )
