"""The pointing game: does the token that lowers the score most stand where a sentence was made wrong?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import UserError
from . import passes
from .attributions import METHODS, WINDOWS, windows_of
from .intervals import cells, proportion
from .passes import Probed
from .results import HIGH, LOW, Result, Row
from .saliency import saliency

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"  # the row of all families
MEASURES = ("found", "near")


class Changed(Protocol):
    """A sentence that was made wrong at one place."""

    @property
    def changed(self) -> str:
        """The wrong sentence."""

    @property
    def place(self) -> int:
        """The position of the change in tokens; below 0 where it has none."""

    @property
    def family(self) -> str:
        """The name of the kind of change."""

    @property
    def changed_given(self) -> str | None:
        """The condition of the wrong sentence."""


@dataclass(frozen=True, repr=False)
class PointingGame(Result):
    """How often the token that lowers the score most is the one that was changed."""

    DRAWN = ("found",)

    @property
    def title(self) -> str:
        return "Does the lowest token stand where the sentence was changed?"

    @property
    def note(self) -> str:
        return (
            "found is how often the token that lowers the score most stands at the place of the change, and near how "
            "often it stands there or next to it, each with its 95% interval. Tokens that tie share one hit. chance "
            "and chance_near are the same for a token drawn at random from the sentence and its end token."
        )

    def plot(self) -> Figure:
        """Draw how often each method found the place, by family, with chance as a line across each family."""
        from matplotlib.figure import Figure

        methods = list(dict.fromkeys(str(row["method"]) for row in self.rows))
        families = list(dict.fromkeys(str(row["family"]) for row in self.rows))
        figure = Figure(figsize=(3 + 1.1 * len(families), 4.5), layout="constrained")
        axes, width = figure.subplots(), 0.8 / len(methods)
        for i, method in enumerate(methods):
            rows = [row for row in self.rows if row["method"] == method]
            at = [families.index(str(row["family"])) + (i - (len(methods) - 1) / 2) * width for row in rows]
            found, low, high, chance = (
                np.array([row[name] for row in rows], dtype=float)
                for name in ("found", "found" + LOW, "found" + HIGH, "chance")
            )
            axes.bar(at, found, width, yerr=[found - low, high - found], label=method, error_kw={"elinewidth": 0.8})
            axes.hlines(chance, np.array(at) - width / 2, np.array(at) + width / 2, color="black", linewidth=1.2)
        axes.set_xticks(range(len(families)), families, rotation=30, ha="right")
        axes.set(ylabel="place found (black: chance)", ylim=(0, 1), title=self.title)
        axes.legend(fontsize="small")
        return figure


def pointing_game(
    critic: Probed,
    pairs: Iterable[Changed],
    methods: Sequence[str] | None = None,
    steps: int = 32,
    batch_size: int = passes.BATCH,
) -> PointingGame:
    """Let methods of saliency point at the changes of sentences (the pointing game of Zhang et al. 2016, on tokens).

    A change at no place, such as a wrong condition, and one behind the critic's last position are left out.

    Args:
        critic: the critic.
        pairs: changed sentences.
        methods: entries of METHODS; None for all that the critic has.
        steps: the points of integrated gradients.

    Raises:
        UserError: no sentence was changed at a place that the critic sees; or as `saliency`.
    """
    methods = [m for m in METHODS if m != WINDOWS or windows_of(critic)] if methods is None else methods
    placed = [pair for pair in pairs if pair.place >= 0]
    if not placed:
        raise UserError("no pair was changed at a place: give pairs whose place is 0 or more")
    given = None if placed[0].changed_given is None else [str(pair.changed_given) for pair in placed]
    place = np.array([pair.place for pair in placed])
    family = np.array([pair.family for pair in placed])
    ids = passes.read(critic, [pair.changed for pair in placed], "pairs")  # once, so that warnings come once
    rows: list[Row] = []
    for method in methods:
        looked = saliency(critic, ids, given, method, steps=steps, tolerance=np.inf, batch_size=batch_size)
        seen = place < looked.mask.sum(1)
        if not seen.any():
            raise UserError("all pairs were changed behind the critic's last position: give shorter sentences")
        found = _found(looked.values, looked.mask, place)
        for name in [*dict.fromkeys(family[seen].tolist()), ALL]:
            which = seen if name == ALL else seen & (family == name)
            rows.append({"method": method, "family": name, "pairs": int(which.sum()), **_row(found, which)})
    return PointingGame(rows)


def _found(values: np.ndarray, mask: np.ndarray, place: np.ndarray) -> dict[str, np.ndarray]:
    """The share (N,) of each sentence's lowest tokens, and of all its tokens, that are at the place or next to it."""
    inside = np.where(mask, values, np.inf)
    lowest = inside == inside.min(1, keepdims=True)
    distance = np.abs(np.arange(values.shape[1]) - place[:, None])
    shares = {}
    for name, reach in zip(MEASURES, (0, 1), strict=True):
        there = (distance <= reach) & mask
        shares[name] = (lowest & there).sum(1) / lowest.sum(1)
        shares["chance" if name == "found" else "chance_near"] = there.sum(1) / mask.sum(1)
    return shares


def _row(found: dict[str, np.ndarray], which: np.ndarray) -> Row:
    row: Row = {}
    for name, chance in zip(MEASURES, ("chance", "chance_near"), strict=True):
        row |= cells(name, proportion(found[name][which])) | {chance: float(found[chance][which].mean())}
    return row
