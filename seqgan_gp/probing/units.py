"""Rectified units of a critic that sentences never switch on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import UserError
from ..models.rectifiers import Rectified
from ..pretrained.given import Given
from . import passes
from .results import Result, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALMOST = 0.99


@dataclass(frozen=True, repr=False)
class DeadUnits(Result):
    """The rectified units of each layer that are zero on all sentences, or on almost all."""

    DRAWN = ("dead",)

    @property
    def title(self) -> str:
        return "Rectified units that stay at zero"

    @property
    def note(self) -> str:
        return (
            "A unit is a channel of a rectifier; a block may have several, counted from 1. It is zero on a sentence if "
            "it is zero at all positions. dead is the fraction of units that are zero on all sentences, almost_dead "
            f"that of those that are zero on at least {ALMOST:.0%} of them, and active the fraction of all units and "
            "positions that are over zero."
        )

    def plot(self) -> Figure:
        """Draw the fractions of dead and of almost dead units by layer."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 1.5 + 0.4 * len(self.rows)), layout="constrained")
        axes, places = figure.subplots(), range(len(self.rows))
        for name in ("almost_dead", "dead"):
            axes.barh(places, [float(row[name] or 0) for row in self.rows], label=name)
        axes.set_yticks(places, [f"{row['layer']}, {row['rectifier']}" for row in self.rows])
        axes.invert_yaxis()
        axes.set(xlabel="fraction of the units", xlim=(0, 1), title=self.title)
        axes.legend()
        return figure


def dead_units(critic: Any, sentences: Any, given: Given = None, batch_size: int = passes.BATCH) -> DeadUnits:
    """Find the rectified units that the sentences never switch on.

    Args:
        critic: a `Critic`.
        sentences: sentences, or ids.
        given: the label or the context of each sentence, or one for all.

    Raises:
        UserError: there are no sentences, all of them are longer than the critic, or the critic has no rectified units.
    """
    network = critic.network
    layers = {f"block {i}": block for i, block in enumerate(network.blocks, 1)}
    others = {"windows": network.window_score, "condition": network.encoder}
    layers |= {name: module for name, module in others.items() if module is not None}
    # For each rectifier and unit: the sentences that switch it on, and the sum of the fractions of their positions.
    counts: dict[tuple[str, int], Tensor] = {}
    with passes.untouched(critic):
        ids = passes.read(critic, sentences)
        given = passes.conditions(given, len(ids))
        for rows in passes.batches(len(ids), batch_size):
            embedded, rectified = critic.embed(ids[rows]), Rectified()
            with rectified.naming(layers), rectified:
                critic.score(embedded, passes.chosen(given, rows))
            numbers: Counter[str] = Counter()
            for layer, on in rectified.found:
                numbers[layer] += 1
                positions = on.view(len(rows), -1, on.shape[-1]).cpu()
                count = torch.stack([positions.any(1).double().sum(0), positions.double().mean(1).sum(0)])
                key = layer, numbers[layer]
                counts[key] = counts[key] + count if key in counts else count
    if not counts:
        raise UserError(
            "this critic has no rectified units: probe one with convolutions, with attention or with windows"
        )
    rows_: list[Row] = []
    for (layer, number), (on, positions) in counts.items():
        off, active = 1 - on / len(ids), positions.mean().item() / len(ids)
        shares = {"dead": (on == 0).double().mean().item(), "almost_dead": (off >= ALMOST).double().mean().item()}
        rows_.append({"layer": layer, "rectifier": number, "units": len(on), **shares, "active": active})
    return DeadUnits(rows_)
