"""The samples of one system to scores with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from ..errors import UserError
from ..metrics.bootstrap import intervals
from ..metrics.metric import find
from ..scoring import Rows, Scores, Values, defined
from .families import Family
from .real import FittedReal, random_subset

LEVEL = 0.95


@dataclass(frozen=True)
class Scored:
    """The scores of one system.

    Args:
        values: the scores.
        intervals: (low, high) of each, where intervals were asked for.
        capped: the families that scored fewer sentences than they were given, and the numbers of samples and of
            reference sentences that they scored.
    """

    values: Values
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    capped: dict[str, tuple[int, int]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the scores, under `intervals` [low, high] of each, and under `capped` the numbers of sentences."""
        capped = {name: {"samples": samples, "reference": real} for name, (samples, real) in self.capped.items()}
        return {
            **self.values,
            **({"capped": capped} if capped else {}),
            **({"intervals": self.intervals} if self.intervals else {}),
        }

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
        capped: dict[str, tuple[int, int]] = {}
        steps = len(self.families) * (1 + self.bootstrap)
        with tqdm(total=steps, desc=name, leave=False, disable=None) as bar:
            for family_name in self.families:
                bar.set_postfix_str(family_name)
                own = self._score(family_name, samples, real, bar.update)
                values |= own.values
                bounds |= own.intervals
                capped |= own.capped
        return Scored(values, bounds, capped)

    def _score(self, name: str, samples: Sequence[str], real: FittedReal, after_each: Callable[[], object]) -> Scored:
        """The scores of one family. What it prepares for them takes much memory, and is gone afterwards."""
        family, given = self.families[name], (len(samples), len(real.reference))
        if family.cap:
            samples, real = random_subset(samples, family.cap), real.at_most(family.cap, family.whole_training)
        sizes = len(samples), len(real.reference)
        scores = _Defined(family.build(samples, real))
        values = scores()
        _check_described(name, family, values)
        after_each()
        bounds = {}
        if self.bootstrap:
            bounds = intervals(scores, values, sizes, self.bootstrap, LEVEL, after_each=after_each)
        return Scored(values, bounds, {} if sizes == given else {name: sizes})


@dataclass(frozen=True)
class _Defined:
    """The scores of any family as plain numbers, with None for NaN."""

    scores: Scores

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        return defined(self.scores(samples, reference))


def _check_described(name: str, family: Family, values: Values) -> None:
    if unknown := [key for key in values if not find(key, family.metrics)]:
        raise UserError(
            f"--metrics {name}: the family returns {', '.join(unknown)} and describes only "
            f"{', '.join(family.metrics)}: give each score a Metric"
        )
