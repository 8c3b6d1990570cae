"""Does a critic prefer real sentences to generated ones?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from .intervals import area, cells
from .results import Result, Row
from .scores import Scorer, fit, score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, repr=False)
class Against(Result):
    """Scores of generated sentences beside those of real ones.

    Args:
        real, samples: the scores of each, float64 (N,) and (M,).
        left_out: the number of sentences that the critic would cut.
    """

    DRAWN = ("auc",)

    real: np.ndarray
    samples: np.ndarray
    left_out: int

    @property
    def title(self) -> str:
        return "Real sentences against generated ones"

    @property
    def note(self) -> str:
        cut = f" {self.left_out:,} sentences are left out: the critic would cut them." * bool(self.left_out)
        return (
            "auc: the area under the ROC curve, how often a real sentence has a higher score than a generated one, "
            f"with an interval of 95%; .5 is chance. The percentages are quantiles of the scores.{cut}"
        )

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        edges = np.histogram_bin_edges(np.concatenate([self.real, self.samples]), 40).tolist()
        for name, scores in (("real", self.real), ("generated", self.samples)):
            axes.hist(scores, edges, density=True, alpha=0.5, label=name)
        axes.set(xlabel="score", ylabel="density")
        axes.legend()
        return figure


def against(
    critic: Scorer,
    real: Sequence[str],
    samples: Sequence[str],
    given: Sequence[str] | None = None,
    samples_given: Sequence[str] | None = None,
    batch_size: int = 256,
    progress: bool = False,
) -> Against:
    """Score real and generated sentences, and ask how well the scores tell them apart.

    Args:
        critic: `critic(sentences, given=None)` gives scores (N,).
        real, samples: N real and M generated sentences.
        given, samples_given: the condition of each of them.

    Raises:
        UserError: fewer than two sentences of a side fit, or there is not one condition for each sentence.
    """
    sides, left_out = [], 0
    for name, sentences, conditions in (("real", real, given), ("generated", samples, samples_given)):
        if conditions is not None and len(conditions) != len(sentences):
            raise UserError(
                f"{len(conditions)} conditions are given for {len(sentences)} {name} sentences: give one for each"
            )
        fits = fit(critic, sentences)
        if fits.sum() < 2:
            raise UserError(
                f"{fits.sum()} of {len(sentences):,} {name} sentences are not cut by the critic: two are needed"
            )
        both = zip(sentences, conditions if conditions is not None else itertools.repeat(None), strict=False)
        sides.append([item for item, fit in zip(both, fits, strict=True) if fit])
        left_out += int((~fits).sum())
    ours, theirs = score(critic, sides, batch_size, progress)
    rows: list[Row] = []
    for name, scores, auc in (("real", ours, None), ("generated", theirs, area(ours, theirs, paired=False))):
        row: Row = {"sentences": name, "number": len(scores), "mean": float(scores.mean())}
        row |= {f"{quantile:.0%}": float(np.quantile(scores, quantile)) for quantile in QUANTILES}
        rows.append(row | cells("auc", auc))
    return Against(rows, ours, theirs, left_out)
