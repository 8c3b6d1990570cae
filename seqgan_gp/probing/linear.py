"""Linear probes: which properties of a sequence can be read off each layer of a network by a linear classifier."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ..errors import UserError
from ..fields import whole
from .labels import LEAST, Property
from .results import SD, Result, Row
from .tasks import Task, by_sentences, keys_of, states_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Fractions of the training data after which a new probe is fitted (Voita and Titov 2020, section 4.1).
PORTIONS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1)
FIRST = 20  # examples of the first portion: fewer teach a probe nothing, and cost a fit

Probe: TypeAlias = "Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]"
"""From states (n, C) and labels (n,) of the training data, other states (m, C) and the number of classes K to the
probability of each class (m, K)."""


@dataclass(frozen=True, repr=False)
class LinearProbes(Result):
    """How well a linear probe reads properties off the layers of some subjects; see `probe_layers`."""

    DRAWN = ("accuracy",)

    @property
    def title(self) -> str:
        return "Linear probes"

    @property
    def note(self) -> str:
        return (
            "accuracy on held-out sentences, with its standard deviation over the seeds; majority is that of the most "
            "frequent class. control is the accuracy on random labels of word types, and selectivity the difference "
            "(Hewitt and Liang 2019). bits is the length of the online code of the training labels, and compression "
            "that of a uniform code over it (Voita and Titov 2020). Compare with the random network: unequal classes "
            "alone lift accuracy and compression."
        )

    def best(self) -> BestLayers:
        """The accuracy at the best layer of each subject."""
        found: dict[str, Row] = {}
        for row in self.rows:
            joined = found.setdefault(str(row["property"]), {"property": row["property"], "majority": row["majority"]})
            name, accuracy = str(row["subject"]), row["accuracy"]
            if float(accuracy or 0) > float(joined.get(name) or -1):
                joined |= {name: accuracy, name + SD: row["accuracy" + SD]}
        return BestLayers(list(found.values()))

    def plot(self, column: str = "accuracy") -> Figure:
        """Draw a column against the layers: a panel for each property, a line for each subject, and dots where the
        majority is.
        """
        from matplotlib.figure import Figure

        panels: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            panels[str(row["property"])].append(row)
        across = min(4, len(panels))
        down = math.ceil(len(panels) / across)
        figure = Figure(figsize=(3.4 * across, 2.8 * down + 0.6), layout="constrained")
        for axes, (name, rows) in zip(figure.subplots(down, across, squeeze=False).flat, panels.items(), strict=False):
            for subject in dict.fromkeys(row["subject"] for row in rows):
                line = [row for row in rows if row["subject"] == subject]
                values = [math.nan if row[column] is None else row[column] for row in line]
                axes.plot([row["layer"] for row in line], values, marker="o", markersize=3, label=subject)
            if column == "accuracy":
                axes.axhline(rows[0]["majority"], linestyle=":", color="gray")
            axes.set_title(name if len(name) < 44 else f"{name[:28]} ... {name[-12:]}", fontsize="small")
            axes.tick_params(axis="x", rotation=45, labelsize="x-small")
            axes.grid(alpha=0.3)
        for axes in figure.axes[len(panels) :]:
            axes.set_axis_off()
        figure.axes[0].set_ylabel(column)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize="small")
        return figure


@dataclass(frozen=True, repr=False)
class BestLayers(Result):
    """The accuracy of the best layer of each subject, a row for each property."""

    @property
    def drawn(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name not in ("property", "majority"))

    @property
    def title(self) -> str:
        return "Linear probes: accuracy at the best layer of each network"

    @property
    def note(self) -> str:
        return (
            "The layer of the highest accuracy on held-out sentences is taken, so that the number is a little too "
            "high, for each network alike. majority is the accuracy of the most frequent class."
        )

    def plot(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 1.5 + 0.35 * len(self.rows)), layout="constrained")
        axes, height = figure.subplots(), 0.8 / len(self.drawn)
        for number, subject in enumerate(self.drawn):
            places = [place + number * height for place in range(len(self.rows))]
            axes.barh(places, [float(row.get(subject) or 0) for row in self.rows], height, label=subject)
        for place, row in enumerate(self.rows):
            axes.vlines(float(row["majority"] or 0), place - height / 2, place + 0.8 - height / 2, "black")
        axes.set_yticks([place + 0.4 - height / 2 for place in range(len(self.rows))])
        axes.set_yticklabels([str(row["property"]) for row in self.rows], fontsize="small")
        axes.invert_yaxis()
        axes.set(xlabel="accuracy (black: majority)", xlim=(0, 1), title=self.title)
        axes.legend(fontsize="small")
        return figure


def probe_layers(
    subjects: Mapping[str, Any],
    properties: Iterable[Property],
    seeds: Sequence[int] = (0, 1, 2),
    sentences: int = 2000,
    tokens: int = 2000,
    pool: Literal["mean", "last"] = "mean",
    layers: Sequence[str] | None = None,
    probe: Probe | None = None,
) -> LinearProbes:
    """Fit a linear probe for each property to each layer of each subject.

    A quarter of the sentences is held out. The states are standardised by those of the training sentences. Each seed
    draws other sentences and other control labels, and the accuracies are means over the seeds.

    The control task (Hewitt and Liang 2019) gives each word type a random label, and each token that of its type, here
    with the classes about as frequent as those of the property. So a probe can learn it only by heart. For sentences,
    one of their words decides; see `labels.first_difference`. Selectivity is accuracy less that of the control task.
    Where the labelled tokens are all of one type, there is no control task. A property that is itself a function of
    that word, as the first word is, has no selectivity by its nature.

    `bits` is the online code of `description_length`, in the order of the first seed.

    Args:
        subjects: by name, anything with `states(sentences, given, pool)`, which gives the states of each layer by name,
            (N, L, C) or pooled (N, C). Random networks are the baselines that matter.
        properties: each with at least some tens of labelled sentences.
        seeds: of the splits and the control labels. The first one also draws the examples.
        sentences, tokens: the number of examples for each property; where it has more, they are drawn.
        pool: the state of a sentence, the mean of its positions or its last position.
        layers: the names of those to probe; None for all.
        probe: another probe than logistic regression.

    Raises:
        UserError: there is nothing to probe, a property has one class or too few sentences, a layer is unknown, or a
            subject has other positions than the labels.
    """
    properties, probe = list(properties), probe or logistic
    if not subjects or not properties or not seeds:
        raise UserError("linear probes: give at least one subject, one property and one seed")
    if faults := [p.fault for p in properties if p.fault is not None]:
        raise UserError(faults[0])
    names = [p.name for p in properties]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two properties have the name '{repeated[0]}': give each its own")
    sentences, tokens = whole("sentences", sentences, LEAST), whole("tokens", tokens, LEAST)
    tasks = [Task.of(p, tokens if p.of_tokens else sentences, seeds) for p in properties]
    rows: dict[str, list[Row]] = {name: [] for name in names}
    known: dict[str, None] = {}
    for together in by_sentences(tasks):
        keys = keys_of(together)
        for subject, network in subjects.items():
            states = states_of(network, together, pool)
            known.update(dict.fromkeys(states))
            for task, layer in itertools.product(together, states):
                if layers is None or layer in layers:
                    p = task.of_property
                    scores = _score(states[layer][np.searchsorted(keys, task.keys)], task, probe)
                    rows[p.name].append({"subject": subject, "layer": layer, "property": p.name, **scores})
        if unknown := [layer for layer in layers or () if layer not in known]:
            raise UserError(f"there is no layer '{unknown[0]}', there are: {', '.join(known)}")
    return LinearProbes(list(itertools.chain.from_iterable(rows.values())))


def logistic(x: np.ndarray, y: np.ndarray, others: np.ndarray, classes: int) -> np.ndarray:
    """The probabilities (m, classes) of other states (m, C) by a logistic regression of labels y (n,) on states (n, C).

    It has the usual L2 penalty of scikit-learn. A class that is not among the labels has the probability 0.
    """
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((len(others), classes))
    if (y == y[0]).all():
        probabilities[:, y[0]] = 1
        return probabilities
    model = LogisticRegression(tol=1e-3, max_iter=50)
    with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits are of no interest
        model.fit(x, y)
        probabilities[:, model.classes_] = model.predict_proba(others)
    return probabilities


def description_length(x: np.ndarray, y: np.ndarray, classes: int, probe: Probe = logistic) -> float:
    """The online code of labels y (n,) given states x (n, C), in bits (Voita and Titov 2020, section 2.2.2).

    The first portion costs log2(classes) bits for each label. Each further one costs what a probe assigns to it that
    is fitted to all before. The portions are 0.1, 0.2, 0.4, ... 25, 50 and 100% of the labels, without those of under
    20 labels. So that no label costs infinitely much, the probabilities p of a probe that has seen s labels become
    (s p + 1) / (s + classes), as Laplace's rule of succession has it.
    """
    ends = sorted({end for share in PORTIONS if (end := math.ceil(share * len(y))) >= FIRST} | {len(y)})
    bits = ends[0] * math.log2(classes)
    for seen, end in itertools.pairwise(ends):
        p = probe(x[:seen], y[:seen], x[seen:end], classes)[np.arange(end - seen), y[seen:end]]
        bits -= float(np.log2((seen * p + 1) / (seen + classes)).sum())
    return bits


def _score(x: np.ndarray, task: Task, probe: Probe) -> Row:
    """The columns of one layer from its states (n, C)."""
    from sklearn.preprocessing import StandardScaler

    x, y, classes = x.astype(np.float64), task.labels, task.classes
    right, guessed, usual, bits = [], [], [], math.nan
    for train, test, random in task.splits:
        scaler = StandardScaler().fit(x[train])
        seen, held_out = scaler.transform(x[train]), scaler.transform(x[test])
        right.append((probe(seen, y[train], held_out, classes).argmax(axis=1) == y[test]).mean())
        usual.append((np.bincount(y[train]).argmax() == y[test]).mean())
        if len(np.unique(random)) > 1:
            guessed.append((probe(seen, random[train], held_out, classes).argmax(axis=1) == random[test]).mean())
        if math.isnan(bits):  # once: other seeds change it by a few per cent, and take most of the time
            bits, uniform = description_length(seen, y[train], classes, probe), len(train) * math.log2(classes)
    accuracy, control = float(np.mean(right)), float(np.mean(guessed)) if guessed else None
    return {
        "accuracy": accuracy,
        "accuracy" + SD: float(np.std(right, ddof=1)) if len(right) > 1 else None,
        "majority": float(np.mean(usual)),
        "control": control,
        "selectivity": None if control is None else accuracy - control,
        "bits": bits,
        "compression": uniform / bits,
        "examples": len(y),
    }
