"""Read the notation in which nltk writes probabilistic grammars. To import nltk takes longer than to parse with it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from ...errors import UserError

EPSILON = 0.01  # that nltk allows the probabilities of a symbol to miss 1 by

_PARTS = re.compile(
    r"""(?: \[ (?P<probability> [\d.]+ ) \] | "(?P<double> [^"]* )" | '(?P<single> [^']* )' | (?P<bar> \| )
    | (?P<symbol> [\w/][\w/^<>-]* ) ) \s*""",
    re.VERBOSE,
)
_LEFT = re.compile(r"([\w/][\w/^<>-]*+)\s*->\s*")  # the arrow needs a space before it, since names may have both signs
_START = re.compile(r"%start\s+([\w/][\w/^<>-]*)")


class Nonterminal(NamedTuple):
    """A symbol that productions replace. Its text is its name."""

    name: str

    def __str__(self) -> str:
        return self.name


Symbol: TypeAlias = "str | Nonterminal"
"""A word, or a symbol that productions replace."""

RightSide: TypeAlias = "tuple[Symbol, ...]"


class Production(NamedTuple):
    """A symbol, the symbols that replace it, and the probability that they do."""

    left: Nonterminal
    right: RightSide
    probability: float


def read(source: str) -> tuple[Nonterminal, list[Production]]:
    """Read a grammar: its start symbol, and its productions in the order of the source.

    Raises:
        UserError: a line is no production, or the probabilities of a symbol do not add up to 1.
    """
    start: Nonterminal | None = None
    productions: list[Production] = []
    continued = ""
    for number, written in enumerate(source.split("\n"), 1):
        line = continued + written.strip()
        if not line or line.startswith("#"):
            continue
        if line.endswith("\\"):
            continued = line[:-1].rstrip() + " "
            continue
        continued = ""
        try:
            if directive := _START.fullmatch(line):
                start = Nonterminal(directive[1])
            else:
                productions.extend(_productions(line))
        except ValueError as error:
            raise UserError(f"not a probabilistic grammar: line {number}: {line}: {error}") from None
    if not productions:
        raise UserError("not a probabilistic grammar: it has no productions")
    totals: defaultdict[Nonterminal, float] = defaultdict(float)
    for production in productions:
        if not production.right:
            raise UserError(f"empty production in the grammar: {production.left} ->; give every production a symbol")
        totals[production.left] += production.probability
    for symbol, total in totals.items():
        if not 1 - EPSILON < total < 1 + EPSILON:
            raise UserError(f"not a probabilistic grammar: the probabilities of {symbol} do not sum to 1 but {total:g}")
    return start or productions[0].left, productions


def _productions(line: str) -> Iterator[Production]:
    """The productions of a line; raise a ValueError where it is not in the notation."""
    if not (begin := _LEFT.match(line)):
        raise ValueError("a production is expected, SYMBOL -> symbols [probability] | ...")
    left, place = Nonterminal(begin[1]), begin.end()
    alternatives: list[tuple[list[Symbol], list[float]]] = [([], [0.0])]
    while place < len(line):
        if not (part := _PARTS.match(line, place)):
            raise ValueError(
                f"a symbol, a word in quotes, a probability in brackets or | is expected at {line[place:]}"
            )
        right, probability = alternatives[-1]
        match part.lastgroup:
            case "probability":
                probability.append(float(part["probability"]))
                if probability[-1] > 1:
                    raise ValueError(f"the probability {probability[-1]:g} is above 1")
            case "bar":
                alternatives.append(([], [0.0]))
            case "symbol":
                right.append(Nonterminal(part["symbol"]))
            case "double" | "single" as quotes:
                right.append(part[quotes])
        place = part.end()
    return (Production(left, tuple(right), probability[-1]) for right, probability in alternatives)
