"""Scores as tables, for a terminal and for files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..metrics.metric import Metric, find
from ..tabular import Cell, Number, Table
from .catalogue import describe, metrics
from .families import FAMILIES
from .scorer import Scored

ARROWS = {"higher": "higher is better", "lower": "lower is better", "real": "aim for the `real` column"}


def number(scored: Scored, key: str) -> Number:
    """A score in print, with its standard deviation over seeds or half the width of its interval."""
    value = scored.values.get(key)
    return Number(value, None if value is None or isinstance(value, int) else scored.margin(key))


def keys(columns: Mapping[str, Scored]) -> list[str]:
    """The scores that any column has, in the order of the families."""
    known = metrics()
    order = list(known)
    return sorted({k for c in columns.values() for k in c.values}, key=lambda k: (order.index(str(find(k, known))), k))


def capped(columns: Mapping[str, Scored]) -> dict[str, tuple[str, list[str]]]:
    """The families that scored fewer sentences than they were given, by the first score of each: the name of the
    family, and the numbers of samples and of real sentences in each column.
    """
    rows = {}
    for name, family in FAMILIES.items():
        if any(name in column.capped for column in columns.values()):
            first = next(key for key in keys(columns) if find(key, family.metrics))
            pairs = [column.capped.get(name) for column in columns.values()]
            rows[first] = name, ["all" if pair is None else "{:,}/{:,}".format(*pair) for pair in pairs]
    return rows


def undefined(columns: Mapping[str, Scored]) -> str:
    """A line that explains the dashes, if there are any."""
    dashes = [key for key in keys(columns) if any(c.values.get(key) is None for c in columns.values())]
    if not dashes:
        return ""
    numbered = any(key.partition("_")[0] in ("bleu", "backward", "f", "self", "distinct", "jsd") for key in dashes)
    hint = " (n-grams need a line of n tokens, and --unit character gives more)" if numbered else ""
    return f"-: not defined for these sentences{hint}, or without a training file: {', '.join(dashes)}"


def terminal(columns: Mapping[str, Scored]) -> str:
    """A table with a line for each score, a column for each system, and the meaning of each score."""
    rows = [["", *columns, ""]]
    group, fewer = "", capped(columns)
    for key in keys(columns):
        metric = _described(key)
        if metric.group != group:
            group = metric.group
            rows.append([group])
        if key in fewer:
            rows.append(
                ["  sentences", *fewer[key][1], "samples/real ones that the next rows score, at random (--cap)"]
            )
        goal = "" if key == "count" else f"; {ARROWS[metric.better]}"
        rows.append([f"  {key}", *(str(number(c, key)) for c in columns.values()), metric.meaning + goal])
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(columns) + 1)]

    def line(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:-1], widths[1:], strict=False)), row[-1]]
        return "  ".join(cells).rstrip() if len(row) > 1 else row[0]

    return "\n".join([*map(line, rows), *filter(None, [undefined(columns)])])


def _described(key: str) -> Metric:
    metric = describe(key)
    assert metric  # the scorer refuses others
    return metric


def table(columns: Mapping[str, Scored]) -> Table:
    """The same as a table for files."""
    rows: list[list[Cell]] = []
    for key in keys(columns):
        goal = "" if key == "count" else _described(key).better
        rows.append([key, *(number(c, key) for c in columns.values()), goal])
    return Table(["", *columns, "goal"], rows)


def markdown(columns: Mapping[str, Scored]) -> str:
    """The same table as Markdown, with the numbers of sentences that a family has scored of more."""
    whole, fewer = table(columns), capped(columns)
    rows: list[Sequence[Cell]] = []
    for row in whole.rows:
        if str(row[0]) in fewer:
            name, cells = fewer[str(row[0])]
            rows.append([f"random sentences for {name}, samples/real (`--cap`)", *cells, ""])
        rows.append(row)
    return Table(whole.heads, rows).markdown()
