"""The shape of a critic's scores: how they spread, and how steep they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..adversarial.penalty import MIXINGS, interpolate
from ..arrays import as_tensor
from ..config import PenaltyConfig
from ..errors import UserError
from ..pretrained.given import Given
from . import passes
from .passes import Probed
from .results import Cell, Result, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SLOPES = {"two": 1.0, "one": 1.0, "zero": 0.0}  # where each side of the penalty is zero; the one at 1 or less


def _spread(values: np.ndarray) -> Row:
    """Mean, standard deviation and quantiles of numbers (N,)."""
    quantiles = {f"{q:.0%}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}
    return {"mean": float(values.mean()), "sd": float(values.std()), **quantiles}


def _histogram(values: Mapping[str, np.ndarray], title: str, name: str) -> Figure:
    """Draw the density of several groups of numbers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    bins = np.histogram_bin_edges(np.concatenate(list(values.values())), 50)
    for group, numbers in values.items():
        axes.hist(numbers, bins.tolist(), density=True, histtype="step", label=group)
    axes.set(xlabel=name, ylabel="density", title=title)
    axes.legend()
    return figure


@dataclass(frozen=True, repr=False)
class Scores(Result):
    """The scores of several groups of sentences.

    Args:
        values: the scores of each group, float64 (N,).
    """

    DRAWN = ("mean",)

    values: Mapping[str, np.ndarray] = field(repr=False)

    @property
    def title(self) -> str:
        return "Scores by group"

    @property
    def note(self) -> str:
        return "Mean, standard deviation and quantiles of the scores of each group. Higher is more like real sentences."

    def plot(self) -> Figure:
        """Draw the distributions of the groups over one another."""
        return _histogram(self.values, self.title, "score")


def scores(critic: Any, groups: Mapping[str, Any], given: Mapping[str, Given] | Given = None) -> Scores:
    """Compare the scores of groups of sentences, such as real, generated and corrupted ones.

    Args:
        critic: anything that takes sentences, and `given` if there is one, to scores.
        groups: sentences, or ids, of each group by its name.
        given: the conditions of each group by its name, or one for all.

    Raises:
        UserError: there are no groups, a group is empty, or has no conditions where others have.
    """
    if not groups:
        raise UserError("groups: there are none; give at least one group of sentences, with its name")
    listed = {n: s if isinstance(s, str | np.ndarray | torch.Tensor) else list(s) for n, s in groups.items()}
    for name, sentences in listed.items():
        if not len(sentences):
            raise UserError(f"groups: {name!r} has no sentences; give at least one, or leave it out")
        if isinstance(given, Mapping) and name not in given:
            raise UserError(f"given: there are no conditions of the group {name!r}; give one for each sentence")
    values = {}
    with passes.untouched(critic):
        for name, sentences in listed.items():
            own = given[name] if isinstance(given, Mapping) else given
            found = critic(sentences) if own is None else critic(sentences, given=own)
            values[name] = as_tensor(found, "scores").detach().cpu().double().numpy()
    rows: list[Row] = [{"group": name, "sentences": len(v), **_spread(v)} for name, v in values.items()]
    return Scores(rows, values)


@dataclass(frozen=True, repr=False)
class Slopes(Result):
    """Norms of the critic's gradient.

    Args:
        space: the space of the gradient: embedding or one-hot.
        values: the norms at each kind of point, float64 (N,).
    """

    DRAWN = ("mean",)

    space: str
    values: Mapping[str, np.ndarray] = field(repr=False)

    @property
    def title(self) -> str:
        return f"Slope of the score in {self.space} space"

    @property
    def note(self) -> str:
        return (
            "Mean, standard deviation and quantiles of the norm of the score's gradient at real and generated "
            "sentences and between them. target is the norm where the penalty is zero, at the points that training "
            "penalises; a one-sided penalty also allows less."
        )

    def plot(self) -> Figure:
        """Draw the distributions of the norms, with the targets as dashed lines."""
        figure = _histogram(self.values, self.title, "norm of the gradient")
        for target in {row["target"] for row in self.rows} - {None}:
            figure.axes[0].axvline(float(target or 0), color="grey", linestyle="--")
        return figure


def slopes(
    critic: Probed,
    real: Any,
    generated: Any,
    given: Given = None,
    penalty: PenaltyConfig | None = None,
    seed: int = 0,
    batch_size: int = passes.BATCH,
) -> Slopes:
    """Measure the norm of the gradient, as the penalty does, at real and generated sentences and at interpolates.

    The first real sentence is paired with the first generated one, and so on, as far as both go.

    Args:
        critic: the critic.
        real, generated: sentences, or ids.
        given: the conditions of the pairs, one for each real sentence, or one for all. As in training, the generated
            sentence of a pair has the same condition.
        penalty: the penalty that the critic was trained with: the space of the gradient, the mixing of interpolates,
            and the target. None for the default.
        seed: of the interpolation.

    Raises:
        UserError: there are no sentences, all of a side are longer than the critic, or there is not one condition for
            each.
    """
    penalty = penalty or PenaltyConfig()
    with passes.untouched(critic):
        sides = [passes.read(critic, s, name) for s, name in ((real, "real"), (generated, "generated"))]
        given, num = passes.conditions(given, len(sides[0])), min(map(len, sides))
        mixings = dict.fromkeys(["convex", penalty.mixing])
        alphas = {
            mixing: torch.from_numpy(MIXINGS[mixing](np.random.default_rng(seed), num, sides[0].shape[1]))
            for mixing in mixings
        }
        matrix = _matrix(critic) if penalty.space == "one-hot" else None
        found: dict[str, list[torch.Tensor]] = {}
        for rows in passes.batches(num, batch_size):
            own = passes.chosen(given, rows)
            points = dict(zip(("real", "generated"), (critic.embed(ids[rows]) for ids in sides), strict=True))
            for mixing, alpha in alphas.items():
                ends = points["real"], points["generated"]
                points[_between(mixing)] = interpolate(*ends, alpha[rows].to(ends[0]))
            for name, at in points.items():
                gradient = passes.gradient(critic, at, own)
                # One-hot tokens are embedded by a linear map, so interpolates are the same points in both spaces.
                gradient = gradient if matrix is None else gradient @ matrix.t()
                found.setdefault(name, []).append(torch.linalg.vector_norm(gradient.flatten(1).float(), dim=1))
    values = {name: torch.cat(norms).cpu().double().numpy() for name, norms in found.items()}
    rows_: list[Row] = [
        {"at": name, "points": len(v), **_spread(v), "target": _target(name, penalty)} for name, v in values.items()
    ]
    return Slopes(rows_, penalty.space, values)


def _matrix(critic: Probed) -> torch.Tensor:
    """The embeddings of all tokens, (V, E)."""
    return critic.embed(passes.all_tokens(critic)).flatten(0, 1)[: len(critic.tokenizer)]


def _between(mixing: str) -> str:
    return f"interpolates ({mixing})"


def _target(name: str, penalty: PenaltyConfig) -> Cell:
    """The slope that the penalty asks for at points; None where it asks for none."""
    penalised = {_between(penalty.mixing) if place == "interpolates" else place for place in penalty.at}
    return SLOPES.get(penalty.sided) if penalty.weight and name in penalised else None
