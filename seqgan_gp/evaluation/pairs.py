"""Which systems differ: the difference of each two in each score, with the p of a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..metrics.differences import LEAST_SEEDS, halves_differ, holm, seeds_differ, smallest
from ..tabular import Cell, Number, Table, chance
from .scorer import Scored

SEEDS, HALVES = "seeds", "halves"


@dataclass(frozen=True)
class Pair:
    """Two systems, compared.

    Args:
        names: of the two.
        test: SEEDS for `seeds_differ`, HALVES for `halves_differ`.
        scores: the difference of each score, the first system's less the second's, with its corrected p.
        sizes: the numbers of seeds, or of pairs of halves twice.
    """

    names: tuple[str, str]
    test: str
    scores: Mapping[str, Number]
    sizes: tuple[int, int]

    @property
    def title(self) -> str:
        return f"{self.names[0]} - {self.names[1]} ({self.test})"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "systems": list(self.names),
            "test": self.test,
            "differences": {key: number.value for key, number in self.scores.items()},
            "p": {key: number.p for key, number in self.scores.items()},
        }


def compared(systems: Mapping[str, Scored], keys: Sequence[str]) -> list[Pair]:
    """Each two systems, with p corrected for the number of pairs. Systems are left out that have neither three seeds
    nor halves.
    """
    raw = [pair for names in itertools.combinations(systems, 2) if (pair := _tested(names, systems, keys))]
    numbers: list[dict[str, Number]] = [{} for _ in raw]
    for key in keys:
        having = [place for place, pair in enumerate(raw) if key in pair.scores]
        found = [raw[place].scores[key] for place in having]
        corrected = holm([number.p for number in found if number.p is not None])
        for place, number, p in zip(having, found, corrected, strict=True):
            numbers[place][key] = Number(number.value, p=p)
    return [Pair(pair.names, pair.test, scores, pair.sizes) for pair, scores in zip(raw, numbers, strict=True)]


def _tested(names: tuple[str, str], systems: Mapping[str, Scored], keys: Sequence[str]) -> Pair | None:
    one, other = (systems[name] for name in names)
    scores: dict[str, Number] = {}
    seeded = min(len(one.seeds), len(other.seeds)) >= LEAST_SEEDS
    for key in keys:
        a, b = one.values.get(key), other.values.get(key)
        if a is None or b is None or key == "count":
            continue
        if seeded:
            p = seeds_differ(one.of_seeds(key), other.of_seeds(key))
        elif key in one.halves and key in other.halves:
            p = halves_differ(a - b, one.halves[key] - other.halves[key])
        else:
            continue
        scores[key] = Number(a - b, p=p)
    if not scores:
        return None
    if seeded:
        return Pair(names, SEEDS, scores, (len(one.seeds), len(other.seeds)))
    pairs = len(next(iter(one.halves.values())))
    return Pair(names, HALVES, scores, (pairs, pairs))


def table(pairs: Sequence[Pair], keys: Sequence[str]) -> Table:
    """A line for each score, and a column for each two systems."""
    rows: list[list[Cell]] = [
        [key, *(pair.scores.get(key, Number(None)) for pair in pairs)] for key in keys if key != "count"
    ]
    return Table(["score", *(pair.title for pair in pairs)], rows)


def notes(pairs: Sequence[Pair]) -> list[str]:
    """Lines that name the tests, and their limits."""
    return list(_notes(pairs)) if pairs else []


def _notes(pairs: Sequence[Pair]) -> Iterator[str]:
    yield "differences of each two systems, and in parentheses p, the chance of so large a one between equal systems"
    for one, other in sorted({pair.sizes for pair in pairs if pair.test == SEEDS}):
        least = min(1.0, len(pairs) * smallest(one, other))
        yield (
            f"(seeds): two-sided permutation test over the seeds; p cannot be below {chance(least)} with {one} and "
            f"{other} seeds{f' and {len(pairs)} pairs' if len(pairs) > 1 else ''}"
        )
    for number, _ in sorted({pair.sizes for pair in pairs if pair.test == HALVES}):
        yield (
            f"(halves): two-sided t-test on {number} paired halves of the sentences; it tells these files apart, and "
            f"not their trainings: for those, give {LEAST_SEEDS} seeds or more of each, NAME=FILE,FILE,FILE"
        )
    holds = f"p is corrected for the {len(pairs)} pairs (Holm) and" if len(pairs) > 1 else "p is"
    yield f"{holds} not corrected for the number of scores: of 20 scores of equal systems, about one is below .05"
