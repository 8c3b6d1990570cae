"""Does a critic prefer real sentences to the same ones with a change?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import UserError
from .corruptions import Pair
from .intervals import accuracy, area, cells, mean
from .results import HIGH, LOW, Result, Row
from .scores import Scorer, fit, score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, BINS = 8, 4  # so many numbers have a column each; more of them go into so many bins


@dataclass(frozen=True, repr=False)
class Acceptability(Result):
    """How often a critic scores the real sentence of a pair higher; a row for each family.

    Args:
        pairs: the pairs that were scored, P of them.
        scores: of the real and of the changed sentence of each pair, float64 (P, 2).
        left_out: the number of pairs with a sentence that the critic would cut.
    """

    DRAWN = ("accuracy",)

    pairs: Sequence[Pair]
    scores: np.ndarray
    left_out: int

    @property
    def title(self) -> str:
        return "Acceptability of real against changed sentences"

    @property
    def note(self) -> str:
        cut = f" {self.left_out:,} pairs are left out: they have a sentence that the critic would cut." * bool(
            self.left_out
        )
        return (
            "accuracy: how often the real sentence has the higher score, a tie counting one half. auc: the area under "
            "the ROC curve, how often a real sentence has a higher score than the changed one of any pair. change: the "
            "mean change of the score, in standard deviations of the scores of real sentences. Intervals hold 95%. "
            "proof: the grammar proves the changed sentences wrong or fine. A critic should not mind what is fine: "
            f"there the best accuracy is .5, as of chance, and the best change 0.{cut}"
        )

    def by(self, what: Literal["length", "place", "span"]) -> ByGroup:
        """Sort the pairs of each family by the length of the real sentence, by the place of the change, or by the span.

        Raises:
            UserError: no pair has one.
        """
        if what not in ("length", "place", "span"):
            raise UserError(f"pairs have no '{what}': take length, place or span")
        values = np.array([math.nan if getattr(p, what) in (None, -1) else getattr(p, what) for p in self.pairs])
        if np.isnan(values).all():
            raise UserError(f"no pair has a {what}: leave that table out")
        bins = _bins(values[~np.isnan(values)].astype(int))
        rows = []
        for (family, proof), members in _families(self.pairs).items():
            row: Row = {"family": family, "proof": proof}
            if np.isnan(values[members]).all():
                continue
            for low, high in bins:
                inside = members[(values[members] >= low) & (values[members] <= high)]
                row |= cells(f"{low}-{high}" if low < high else f"{low}", accuracy(self.scores[inside]))
            rows.append(row)
        return ByGroup(rows, what)

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 1.5 + 0.28 * len(self.rows)), layout="constrained")
        axes = figure.subplots()
        names, values, margins = _drawn(self.rows, "accuracy")
        colours = [{"wrong": "C0", "fine": "C2"}.get(str(row["proof"]), "C7") for row in self.rows]
        axes.barh(names, values, xerr=margins, color=colours, capsize=2)
        axes.axvline(0.5, color="black", linestyle="--", linewidth=1)
        axes.set(xlim=(0, 1), xlabel="how often the real sentence scores higher (line: chance)")
        axes.invert_yaxis()
        return figure


@dataclass(frozen=True, repr=False)
class ByGroup(Result):
    """The accuracy on the pairs of each family, by a number that each pair has.

    Args:
        what: the name of that number.
    """

    what: str

    @property
    def drawn(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name not in ("family", "proof"))

    @property
    def title(self) -> str:
        return f"Acceptability by {self.what}"

    @property
    def note(self) -> str:
        meaning = {
            "length": "the number of tokens of the real sentence",
            "place": "the position of the first token that differs, from 0",
            "span": "the number of neighbouring words that show the fault",
        }[self.what]
        return f"How often the real sentence has the higher score, with an interval of 95%. The columns are {meaning}."

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2.5 + len(self.columns), 1.5 + 0.28 * len(self.rows)), layout="constrained")
        axes = figure.subplots()
        groups = self.drawn
        values = [[math.nan if row[name] is None else float(row[name] or 0) for name in groups] for row in self.rows]
        image = axes.imshow(np.array(values), vmin=0, vmax=1, cmap="RdBu", aspect="auto")
        axes.set_xticks(range(len(groups)), groups)
        axes.set_yticks(range(len(self.rows)), [_name(row) for row in self.rows])
        axes.set_xlabel(self.what)
        figure.colorbar(image, label="accuracy")
        return figure


def acceptability(
    critic: Scorer, pairs: Sequence[Pair], batch_size: int = 256, progress: bool = False
) -> Acceptability:
    """Ask how often a critic scores the real sentence of a pair higher than the changed one, for each family of pairs.

    Args:
        critic: `critic(sentences, given=None)` gives scores (N,).
        pairs: of `corruptions.corrupt_all` and `minimal_pairs.minimal_pairs`, or your own.
        batch_size: the number of sentences at a time. Each different sentence is scored once.
        progress: whether to show a bar.

    Raises:
        UserError: there is no pair, all are cut by the critic, or a score is not finite.
    """
    if not pairs:
        raise UserError("there are no pairs: make some with corrupt_all(sentences, tokenizer, length)")
    fits = np.logical_and(*(fit(critic, [getattr(pair, side) for pair in pairs]) for side in ("real", "changed")))
    kept = [pair for pair, fit in zip(pairs, fits, strict=True) if fit]
    if not kept:
        raise UserError(f"all {len(pairs):,} pairs have a sentence that the critic would cut: give shorter sentences")
    sides = [(p.real, p.given) for p in kept], [(p.changed, p.changed_given) for p in kept]
    scores = np.stack(score(critic, sides, batch_size, progress), axis=1)
    spread = scores[list({sides[0][i]: i for i in range(len(kept))}.values()), 0].std()
    rows: list[Row] = []
    for (family, proof), members in _families(kept).items():
        both = scores[members]
        row: Row = {"family": family, "proof": proof, "pairs": len(members)}
        row |= cells("accuracy", accuracy(both)) | cells("auc", area(both[:, 0], both[:, 1], paired=True))
        rows.append(row | cells("change", mean((both[:, 1] - both[:, 0]) / spread) if spread else None))
    return Acceptability(rows, kept, scores, len(pairs) - len(kept))


def _families(pairs: Sequence[Pair]) -> dict[tuple[str, str | None], np.ndarray]:
    """The numbers of the pairs of each family, those that are proved wrong apart from those that are fine."""
    groups: dict[tuple[str, str | None], list[int]] = {}
    for number, pair in enumerate(pairs):
        groups.setdefault((pair.family, pair.proof), []).append(number)
    return {key: np.array(numbers) for key, numbers in groups.items()}


def _bins(values: np.ndarray) -> list[tuple[int, int]]:
    """Ranges of whole numbers, both ends included: each number by itself, or `BINS` ranges of about as many values."""
    if len(different := np.unique(values).tolist()) <= COLUMNS:
        return [(value, value) for value in different]
    cuts = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:], method="inverted_cdf").astype(int)
    highs = sorted(set(cuts.tolist()))
    lows = [int(values.min()), *(high + 1 for high in highs[:-1])]
    return list(zip(lows, highs, strict=True))


def _name(row: Row) -> str:
    return f"{row['family']} ({row['proof']})" if row["proof"] else str(row["family"])


def _drawn(rows: Sequence[Row], name: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, values (N,) and the lengths of both arms of the intervals (2, N)."""
    values, low, high = (np.array([float(row[name + end] or 0) for row in rows]) for end in ("", LOW, HIGH))
    return [_name(row) for row in rows], values, np.stack([values - low, high - values])
