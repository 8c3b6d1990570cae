"""The neighbours of tokens in the critic's embedding, beside classes of words that somebody else knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import UserError
from . import passes
from .intervals import cells, proportion
from .passes import Probed
from .results import Result, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"  # the row of all classes


@dataclass(frozen=True, repr=False)
class Neighbours(Result):
    """The nearest neighbours of each token."""

    @property
    def title(self) -> str:
        return "Nearest neighbours of tokens in the critic's embedding"

    @property
    def note(self) -> str:
        return (
            "For each token the nearest others by the cosine of their embeddings, the nearest first, and the cosine "
            "of the nearest. same says whether that one is of the token's class (1) or not (0), and chance how often "
            "a random one would be. A class of one token has no such number."
        )

    def by_class(self) -> Classes:
        """How often the nearest neighbour of a token is of its class, for each class and for all.

        Raises:
            UserError: no classes were given, or all have a single token.
        """
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.get("same") is not None:
                groups.setdefault(str(row["class"]), []).append(row)
        if not groups:
            raise UserError("classes: no class has two tokens of this critic; give the classes of its words")
        everyone = [row for rows in groups.values() for row in rows]
        return Classes([_summary(name, rows) for name, rows in [*groups.items(), (ALL, everyone)]])

    def plot(self) -> Figure:
        """Draw the classes where they are known, else the distribution of the cosines of nearest neighbours."""
        if any(row.get("same") is not None for row in self.rows):
            return self.by_class().plot()
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.hist([float(row["cosine"] or 0) for row in self.rows], 40)
        axes.set(xlabel="cosine of the nearest token", ylabel="tokens", title=self.title)
        return figure


def _summary(name: str, rows: list[Row]) -> Row:
    same, chance = (np.array([row[key] for row in rows], dtype=float) for key in ("same", "chance"))
    return {"class": name, "tokens": len(rows), **cells("same", proportion(same)), "chance": float(chance.mean())}


@dataclass(frozen=True, repr=False)
class Classes(Result):
    """How often the nearest neighbour of a token is of its class."""

    DRAWN = ("same",)

    @property
    def title(self) -> str:
        return "Is the nearest neighbour of a token of its class?"

    @property
    def note(self) -> str:
        return (
            "For each class the fraction of its tokens whose nearest neighbour by cosine is of the same class, with a "
            "95% interval, beside chance. Classes of one token are left out."
        )

    def plot(self) -> Figure:
        """Draw the fraction of each class as a bar, with chance as a line."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 1 + 0.3 * len(self.rows)), layout="constrained")
        axes, places = figure.subplots(), range(len(self.rows))
        axes.barh(places, [float(row["same"] or 0) for row in self.rows])
        axes.plot([float(row["chance"] or 0) for row in self.rows], places, "k|", markersize=12, label="chance")
        axes.set_yticks(places, [str(row["class"]) for row in self.rows])
        axes.invert_yaxis()
        axes.set(xlabel="nearest neighbour of the same class", xlim=(0, 1), title=self.title)
        axes.legend()
        return figure


def neighbours(critic: Probed, classes: Mapping[str, str] | None = None, count: int = 5) -> Neighbours:
    """Find the nearest neighbours of each token by the cosine of embeddings.

    Args:
        critic: the critic.
        classes: the class of each word, such as the symbols of a grammar that derive it. Tokens without a class are
            then left out.
        count: the number of neighbours of a token to name.

    Raises:
        UserError: fewer than two tokens have a class.
    """
    with passes.untouched(critic):
        table, size = passes.all_tokens(critic), len(critic.tokenizer)
        words = [word for row in critic.strings(table) for word in row][:size]
        matrix = F.normalize(critic.embed(table).flatten(0, 1)[:size].float(), dim=1)
    kept = [i for i, word in enumerate(words) if classes is None or word in classes]
    if len(kept) < 2:
        raise UserError("classes: fewer than two of the critic's tokens have a class; give the classes of its words")
    words, matrix = [words[i] for i in kept], matrix[kept]
    cosines = (matrix @ matrix.t()).fill_diagonal_(-torch.inf)
    nearest = cosines.topk(min(count, len(kept) - 1), dim=1)
    sizes = Counter(classes[word] for word in words) if classes is not None else Counter()
    rows: list[Row] = []
    for word, near, cosine in zip(words, nearest.indices.tolist(), nearest.values[:, 0].tolist(), strict=True):
        row: Row = {"token": word, "nearest": ", ".join(words[i] for i in near), "cosine": cosine}
        if classes is not None:
            own = classes[word]
            alone = sizes[own] < 2
            row |= {"class": own, "same": None if alone else int(classes[words[near[0]]] == own)}
            row["chance"] = None if alone else (sizes[own] - 1) / (len(words) - 1)
        rows.append(row)
    return Neighbours(rows)
