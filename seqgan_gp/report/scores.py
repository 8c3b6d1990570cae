"""The scores of the last evaluation beside those of real samples, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..evaluation.catalogue import describe
from ..evaluation.scorer import LEVEL
from ..metrics.bootstrap import halved, interval
from ..modality import TEXT
from ..scoring import NGRAM_METRICS, NGramScores, OracleScores, Real
from .content import number
from .runs import Run

WORK = 100_000  # sentences to score for intervals: a few seconds
GOALS = {"higher": "higher is better", "lower": "lower is better", "real": "as real"}


@dataclass(frozen=True)
class Row:
    """A score.

    Args:
        generated, real: values with their intervals in print.
        main: whether it stands in the short table.
    """

    key: str
    generated: str
    real: str
    goal: str
    meaning: str
    main: bool


@dataclass(frozen=True)
class Table:
    """Groups of scores: name and rows. The note says where intervals come from."""

    step: int
    note: str
    groups: list[tuple[str, list[Row]]]

    @property
    def folded(self) -> bool:
        """Whether some scores stand in the long table only."""
        return not all(row.main for _, rows in self.groups for row in rows)


def table(run: Run) -> Table:
    """Gather the scores of the last evaluation."""
    generated, real = run.scores("eval", run.last.step), run.real
    note, bounds = _intervals(run, generated, real)
    groups: dict[str, list[Row]] = {}
    for key, value in generated.items():
        metric = describe(key)
        group, meaning, better = (metric.group, metric.meaning, metric.better) if metric else ("Other", "", "real")
        left, right = (_cell(v, b.get(key)) for v, b in zip((value, real.get(key)), bounds, strict=True))
        goal = "" if key == "count" else GOALS[better]
        groups.setdefault(group, []).append(Row(key, left, right, goal, meaning, is_main(key)))
    return Table(run.last.step, note, list(groups.items()))


def is_main(key: str) -> bool:
    """Whether the short table has a score: where only the length of n-grams differs, that of four stands for all."""
    order = key.rpartition("_")[2]
    return key not in NGRAM_METRICS or not order.isdecimal() or order == "4"


def _cell(value: Any, bounds: tuple[float, float] | None) -> str:
    if bounds is None or value is None:
        return number(value)
    return f"{number(value)} ±{(bounds[1] - bounds[0]) / 2:.3f}"


def _intervals(run: Run, *columns: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    if run.config.modality != TEXT:
        return "", [{}, {}]
    from ..training.text_evaluator import Evaluator

    evaluator = run.task.evaluator()
    assert isinstance(evaluator, Evaluator)
    sides = ((run.last.sentences(), evaluator.yardstick), (list(evaluator.drawn.text), evaluator.beside_training))
    repetitions = max(10, min(100, WORK // len(sides[0][0])))
    found: list[Mapping[str, Any]] = []
    for (sentences, real), values in zip(sides, columns, strict=True):
        builders: list[Callable[[Any, Real], Any]] = [NGramScores, *([OracleScores] if real.grammar else [])]
        bounds: dict[str, Any] = {}
        for build in builders:
            scores = build(sentences, real)
            halves = halved(scores, (len(sentences), len(real.reference)), repetitions)
            known = {key: values[key] for key in halves if values.get(key) is not None}
            bounds |= {key: interval(value, halves[key], LEVEL) for key, value in known.items()}
        found.append(bounds | {"count": None})
    return f"±: half of the {LEVEL:.0%} interval over {repetitions} pairs of random halves.", found
