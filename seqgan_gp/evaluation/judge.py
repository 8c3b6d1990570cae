"""One system's samples to scores with intervals, and real text treated as one more system."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from ..errors import UserError
from ..metrics.bootstrap import halves, intervals, subset
from ..scoring import Builder, Real, Values
from ..text.grammar import Grammar

LEVEL = 0.95


@dataclass
class Judged:
    """Scores under keys of `metrics.catalogue.METRICS`, and for each its interval where one was asked for."""

    values: Values
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the scores, and under `intervals` [low, high] of each."""
        return {**self.values, **({"intervals": self.intervals} if self.intervals else {})}

    def margin(self, key: str) -> float | None:
        """Half the width of the interval of a score."""
        interval = self.intervals.get(key)
        return (interval[1] - interval[0]) / 2 if interval else None


@dataclass
class Judge:
    """Scores samples.

    Args:
        builders: the families of scores, by name.
        bootstrap: repetitions for the intervals; 0 for none.
    """

    builders: Mapping[str, Builder]
    bootstrap: int = 0

    def __call__(self, name: str, samples: Sequence[str], real: Real) -> Judged:
        """The scores of samples that are shown under `name`, with that real text."""
        judged = Judged({})
        steps = len(self.builders) * (1 + self.bootstrap)
        with tqdm(total=steps, desc=name, leave=False, disable=None) as bar:
            for family, build in self.builders.items():
                bar.set_postfix_str(family)
                scores = build(samples, real)
                values = dict(scores())
                bar.update()
                judged.values |= values
                if self.bootstrap:
                    sizes = len(samples), len(real.reference)
                    judged.intervals |= intervals(scores, values, sizes, self.bootstrap, LEVEL, after_each=bar.update)
        return judged


@dataclass(frozen=True)
class Yardstick:
    """Real text, split into what samples are measured with and what is measured as if it were samples.

    Args:
        real: reference, training sentences and grammar.
        held_out: real sentences that are scored like a system, of the same number.
    """

    real: Real
    held_out: list[str]


def take(sentences: Sequence[str], size: int) -> list[str]:
    """`size` of the sentences at random, always the same ones; all where there are no more."""
    return [sentences[i] for i in subset(len(sentences), size)]


def draw(grammar: Grammar, seed: int, size: int, parts: int) -> list[list[str]]:
    """`parts` lists of `size` sentences of a grammar's language, none drawn twice from its stream."""
    stream = grammar.sentences(seed)
    return [list(itertools.islice(stream, size)) for _ in range(parts)]


def split(reference: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """Two halves of a reference, one to measure with and one to be measured.

    Raises:
        UserError: there are too few sentences.
    """
    if len(reference) < 4:
        raise UserError(f"{name}: too few sentences to compare with; at least 4 real sentences are needed")
    one, other = halves(len(reference))
    return [reference[i] for i in one], [reference[i] for i in other]
