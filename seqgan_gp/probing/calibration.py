"""Can the ratio that a discriminator gives be trusted? Its probability of real text against the fraction that is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from ..errors import UserError
from ..fields import whole
from ..metrics.bootstrap import subset
from .intervals import cells, proportion
from .results import Result, Row
from .scores import Scorer, score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"


@dataclass(frozen=True, repr=False)
class Calibration(Result):
    """The sentences of each bin of probabilities, and how many of them are real.

    Args:
        probabilities: of being real, as the discriminator has it: float64 (N,), the real sentences first.
        real: whether each sentence is real, bool (N,).
    """

    DRAWN = ("error",)

    probabilities: np.ndarray
    real: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error (Naeini et al. 2015), 0 to 1: the mean distance of the bins from the diagonal,
        by their numbers of sentences.
        """
        return float(self.rows[-1]["error"] or 0.0)

    @property
    def title(self) -> str:
        return "Calibration of the discriminator"

    @property
    def note(self) -> str:
        return (
            "Half of the sentences are real. predicted: the mean probability that a sentence of this bin is real, the "
            "logistic function of its score. real: the fraction that is, with an interval of 95% (Wilson 1927). error: "
            "the distance of the two; over all bins, its mean by sentences, the expected calibration error. The score "
            "is a log-ratio up to a constant, which moves all predictions alike. It is learned on candidates, which "
            "`sample(candidates=1)` draws at reranking.temperature with reranking.passes, and knows less of those that "
            "it has chosen itself."
        )

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        bins = [row for row in self.rows[:-1] if row["number"]]
        x, y, low, high = (
            np.array([row[key] for row in bins]) for key in ("predicted", "real", "real_low", "real_high")
        )
        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1, label="a calibrated one")
        axes.errorbar(x, y, np.maximum([y - low, high - y], 0), marker="o", capsize=2, label=f"error {self.error:.3f}")
        axes.set(xlabel="predicted probability of real text", ylabel="fraction that is real", xlim=(0, 1), ylim=(0, 1))
        axes.legend()
        return figure


def calibration(
    discriminator: Scorer,
    real: Sequence[str],
    generated: Sequence[str],
    given: Sequence[str] | None = None,
    generated_given: Sequence[str] | None = None,
    bins: int = 10,
    seed: int = 0,
    batch_size: int = 256,
    progress: bool = False,
) -> Calibration:
    """Compare the probabilities of a discriminator with the fractions of sentences that are real.

    As many real as generated sentences count: the larger side is cut to random ones.

    Args:
        discriminator: `discriminator(sentences, given=None)` gives log p(real) / p(generated), (N,).
        real, generated: held-out sentences, and candidates of the generator.
        given, generated_given: the condition of each of them.
        bins: bins of equal width between 0 and 1.
        seed: chooses the sentences of the larger side.

    Raises:
        UserError: a side has no sentence, there is not one condition for each, or a score is not finite.
    """
    bins = whole("bins", bins, 1)
    sides = []
    size = min(len(real), len(generated))
    for name, sentences, conditions in (("real", real, given), ("generated", generated, generated_given)):
        if not len(sentences):
            raise UserError(f"there are no {name} sentences: give at least one, or better some hundreds")
        if conditions is not None and len(conditions) != len(sentences):
            raise UserError(
                f"{len(conditions)} conditions are given for {len(sentences)} {name} sentences: give one for each"
            )
        items = list(zip(sentences, conditions if conditions is not None else itertools.repeat(None), strict=False))
        sides.append([items[row] for row in subset(len(items), size, seed)])
    logits = np.concatenate(score(discriminator, sides, batch_size, progress))
    probabilities, are_real = expit(logits), np.arange(2 * size) < size
    number = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows: list[Row] = []
    for one in range(bins):
        inside = number == one
        rows.append(_row(f"{one / bins:.2g} to {(one + 1) / bins:.2g}", probabilities[inside], are_real[inside]))
    error = sum(float(row["error"] or 0) * float(row["number"] or 0) for row in rows) / (2 * size)
    rows.append(_row(ALL, probabilities, are_real) | {"error": error})
    return Calibration(rows, probabilities, are_real)


def _row(name: str, probabilities: np.ndarray, are_real: np.ndarray) -> Row:
    row: Row = {"probability": name, "number": len(are_real)}
    if not len(are_real):
        return row | {"predicted": None, **cells("real", None), "error": None}
    predicted, fraction = float(probabilities.mean()), float(are_real.mean())
    return row | {"predicted": predicted, **cells("real", proportion(are_real)), "error": abs(predicted - fraction)}
