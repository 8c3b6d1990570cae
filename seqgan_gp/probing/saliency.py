"""Where a critic looks: the share of each token in the score of its sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from ..pretrained.given import Given
from . import passes
from .attributions import GRADIENTS, METHODS, View
from .intervals import cells, mean
from .passes import Probed
from .results import Result, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 8  # sentences in a figure
BASELINES = ("mean", "padding")


@dataclass(frozen=True, repr=False)
class Saliency(Result):
    """The share of each token in the score of its sentence.

    Args:
        method: the name of the method.
        tokens: the tokens of each sentence as text, N lists of L.
        values: float (N, L). Those after the end token are 0.
        mask: True up to and including the end token, bool (N, L).
    """

    method: str
    tokens: list[list[str]] = field(repr=False)
    values: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)

    @property
    def title(self) -> str:
        return f"Where the critic looks: {self.method}"

    @property
    def note(self) -> str:
        return (
            "Each row is a sentence: its score, the score of the baseline, the sum of the tokens' values, and the gap "
            "between that sum and the difference of the scores. Integrated gradients leave almost none; other "
            "methods promise nothing. The lowest token is the one that lowers the score most, and place is its "
            "position, counted from 0."
        )

    def by_place(self) -> Places:
        """The values of all sentences by position."""
        rows: list[Row] = []
        for place in np.flatnonzero(self.mask.any(0)).tolist():
            found = self.values[self.mask[:, place], place]
            size = float(np.abs(found).mean())
            rows.append({"place": place, "sentences": len(found), **cells("mean", mean(found)), "size": size})
        return Places(rows, self.method)

    def plot(self, sentences: int = SHOWN) -> Figure:
        """Draw the tokens of the first sentences, blue where they raise the score and red where they lower it."""
        from matplotlib.figure import Figure

        values, mask = self.values[:sentences], self.mask[:sentences]
        width = int(mask.sum(1).max())
        values, mask = values[:, :width], mask[:, :width]
        largest = float(np.abs(values).max()) or 1.0
        figure = Figure(figsize=(1 + 0.9 * width, 1 + 0.45 * len(values)), layout="constrained")
        axes = figure.subplots()
        shown = np.where(mask, values, np.nan)
        image = axes.imshow(shown, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
        for row, place in zip(*np.nonzero(mask), strict=True):
            colour = "white" if abs(values[row, place]) > 0.6 * largest else "black"
            word = self.tokens[row][place].replace("$", r"\$")
            axes.text(place, row, word, ha="center", va="center", fontsize="small", color=colour)
        axes.set(xlabel="place", yticks=[], title=self.title)
        figure.colorbar(image, ax=axes, label="value")
        return figure


@dataclass(frozen=True, repr=False)
class Places(Result):
    """Values of tokens by their positions.

    Args:
        method: the name of the method.
    """

    DRAWN = ("mean",)

    method: str

    @property
    def title(self) -> str:
        return f"Where the critic looks, by place: {self.method}"

    @property
    def note(self) -> str:
        return (
            "For each position, counted from 0: the sentences that reach it with their end token, the mean value of "
            "their tokens there with a 95% interval, and the mean size of the value, whatever its sign."
        )

    def plot(self) -> Figure:
        """Draw the mean value and the mean size against the position."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        numbers = {name: [float(row[name] or 0) for row in self.rows] for name in ("place", "mean", "size")}
        for name in ("mean", "size"):
            axes.plot(numbers["place"], numbers[name], marker="o", label=name)
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(xlabel="place", ylabel="value", title=self.title)
        axes.legend()
        return figure


def saliency(
    critic: Probed,
    sentences: Any,
    given: Given = None,
    method: str = GRADIENTS,
    baseline: str = "mean",
    steps: int = 128,
    tolerance: float = 1e-3,
    batch_size: int = passes.BATCH,
) -> Saliency:
    """Measure the share of each token in the score of its sentence.

    Args:
        critic: the critic.
        sentences: N sentences, or ids (N, L).
        given: the label or the context of each sentence, or one for all.
        method: one of METHODS.
        baseline: what stands for a token that says nothing: "mean", the mean embedding of all tokens of the sentences,
            or "padding". Padding behind a sentence stays as it is.
        steps: the points of integrated gradients, doubled where their gap is over the tolerance.
        tolerance: the largest gap of integrated gradients; infinity for `steps` points and no more.

    Raises:
        UserError: there are no sentences, all of them are longer than the critic, there is no such method or baseline,
            or the method needs a window score and the critic has none.
    """
    if method not in METHODS:
        raise UserError(f"there is no method {method!r}: give {', '.join(METHODS)}")
    if baseline not in BASELINES:
        raise UserError(f"there is no baseline {baseline!r}: give {' or '.join(BASELINES)}")
    if steps < 1:
        raise UserError(f"steps is {steps}: give at least 1")
    with passes.untouched(critic):
        ids = passes.read(critic, sentences)
        mask, given = critic.mask(ids), passes.conditions(given, len(ids))
        nothing = _mean(critic, ids, mask, batch_size) if baseline == "mean" else _padding(critic, ids)
        values, ends = [], []
        for rows in passes.batches(len(ids), batch_size):
            embedded = critic.embed(ids[rows])
            empty = torch.where(mask[rows][..., None], nothing, embedded)
            view = View(critic, embedded, empty, passes.chosen(given, rows), steps, tolerance)
            values.append(METHODS[method](view).masked_fill(~mask[rows], 0.0))
            ends.append(torch.stack([view.score(embedded), view.score(empty)]))
        found, where = torch.cat(values).cpu().double().numpy(), mask.cpu().numpy()
        scores, baselines = torch.cat(ends, 1).cpu().double().numpy()
        tokens = critic.strings(ids)
    lowest = np.where(where, found, np.inf).argmin(1)
    rows_: list[Row] = [
        {
            "sentence": " ".join(np.array(words, dtype=object)[inside]),
            "score": float(score),
            "baseline": float(base),
            "sum": float(value.sum()),
            "gap": abs(float(value.sum() - (score - base))),
            "lowest": words[place],
            "place": int(place),
        }
        for words, inside, value, score, base, place in zip(
            tokens, where, found, scores, baselines, lowest, strict=True
        )
    ]
    return Saliency(rows_, method, tokens, found, where)


def _mean(critic: Probed, ids: Tensor, mask: Tensor, batch_size: int) -> Tensor:
    """The mean embedding (E,) of all tokens up to and including the end tokens."""
    sums = [critic.embed(ids[rows])[mask[rows]].sum(0) for rows in passes.batches(len(ids), batch_size)]
    return torch.stack(sums).sum(0) / mask.sum()


def _padding(critic: Probed, ids: Tensor) -> Tensor:
    """The embedding of padding, (E,)."""
    return critic.embed(torch.full_like(ids[:1], critic.tokenizer.pad))[0, 0]
