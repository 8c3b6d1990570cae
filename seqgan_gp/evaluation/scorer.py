"""The samples of one system to scores with intervals."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import UserError
from ..metrics.bootstrap import halved, interval
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
        halves: the scores of random halves, (repetitions,) each, where intervals were asked for.
        seeds: the scores of each seed, where `values` are the means over several.
    """

    values: Values
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    capped: dict[str, tuple[int, int]] = field(default_factory=dict)
    halves: dict[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)
    seeds: tuple[Values, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the scores; under `intervals` [low, high] of each, under `capped` the numbers of sentences, and of
        several seeds their standard `deviations` and the scores of each under `seeds`.
        """
        capped = {name: {"samples": samples, "reference": real} for name, (samples, real) in self.capped.items()}
        return {
            **self.values,
            **({"capped": capped} if capped else {}),
            **({"intervals": self.intervals} if self.intervals else {}),
            **({"deviations": self.deviations, "seeds": list(self.seeds)} if self.seeds else {}),
        }

    @property
    def deviations(self) -> dict[str, float]:
        """The standard deviation of each score over the seeds."""
        defined = [key for key, value in self.values.items() if value is not None] if self.seeds else []
        return {key: statistics.stdev(self.of_seeds(key)) for key in defined}

    def of_seeds(self, key: str) -> list[float]:
        """A score of each seed that has it."""
        return [value for run in self.seeds if (value := run.get(key)) is not None]

    def margin(self, key: str) -> float | None:
        """The standard deviation of a score over seeds, or half the width of its interval."""
        if self.seeds:
            return self.deviations.get(key)
        interval = self.intervals.get(key)
        return (interval[1] - interval[0]) / 2 if interval else None


def over_seeds(runs: Sequence[Scored]) -> Scored:
    """The means over the seeds of one system; a score that a seed lacks is not defined."""
    if len(runs) == 1:
        return runs[0]

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return known[0] if len(set(known)) == 1 else statistics.fmean(known)  # a count stays whole

    everything = {key: mean([run.values.get(key) for run in runs]) for key in runs[0].values}
    shared = [key for key in runs[0].halves if all(key in run.halves for run in runs)]
    halves = {key: np.mean([run.halves[key] for run in runs], axis=0) for key in shared}
    return Scored(everything, {}, runs[0].capped, halves, tuple(run.values for run in runs))


@dataclass(frozen=True)
class Scorer:
    """Scores samples.

    Args:
        families: the families of scores, by name.
        bootstrap: repetitions for the intervals (`metrics.bootstrap.halved`); 0 for none.
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
        halves: dict[str, np.ndarray] = {}
        steps = len(self.families) * (1 + self.bootstrap)
        with tqdm(total=steps, desc=name, leave=False, disable=None) as bar:
            for family_name in self.families:
                bar.set_postfix_str(family_name)
                own = self._score(family_name, samples, real, bar.update)
                values |= own.values
                bounds |= own.intervals
                capped |= own.capped
                halves |= own.halves
        return Scored(values, bounds, capped, halves)

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
        bounds: dict[str, tuple[float, float] | None] = {}
        parts: dict[str, np.ndarray] = {}
        if self.bootstrap:
            parts = halved(scores, sizes, self.bootstrap, after_each=after_each)
            known = {key: value for key, value in values.items() if value is not None}
            bounds = dict.fromkeys(values) | {k: interval(v, parts[k], LEVEL) for k, v in known.items() if k in parts}
        return Scored(values, bounds, {} if sizes == given else {name: sizes}, parts)


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
