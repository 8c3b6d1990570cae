"""Labels for probes: a property of sentences or of their tokens, and how to make one of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from ..text.words import UNITS, unit_of

LEAST, OTHERS = 40, 5  # sentences that have a label, and those of them that have another one than most
FEWEST = 10  # sentences or tokens of a class
BINS = 3  # classes of a number
BITS = 0.5  # of information that a telling property has at least
ALIKE = 0.5  # of the information of two properties, from which on the second one says little new


@dataclass(frozen=True, eq=False)
class Property:
    """One property of N sentences, or of their tokens.

    Args:
        name: its name, for tables.
        sentences: the sentences. Some properties bring their own, such as shuffled ones.
        labels: the number of the class of each sentence, int64 (N,), or of each token, (N, L); -1 where there is none.
        classes: the names of the classes.
        types: the number of the word type that decides the label of the control task, in the shape of the labels. Of
            tokens, give their ids. For sentences, None takes the first word; see `first_difference`.
        given: the label or the context of each sentence, for a conditional network.

    Raises:
        UserError: the numbers of labels, types and sentences do not fit together.
    """

    name: str
    sentences: Sequence[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    types: np.ndarray | None = None
    given: Sequence[str] | None = None

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.ndim not in (1, 2) or len(labels) != len(self.sentences) or labels.dtype.kind not in "iu":
            raise UserError(
                f"{self.name}: labels of shape {labels.shape} and type {labels.dtype} for {len(self.sentences)} "
                f"sentences: give whole numbers (N,), or (N, L) for tokens"
            )
        if labels.size and not -1 <= labels.min() <= labels.max() < len(self.classes):
            raise UserError(
                f"{self.name}: labels are from -1 (none) to {len(self.classes) - 1}, the last of the classes"
            )
        if self.types is None and labels.ndim == 2:
            raise UserError(f"{self.name}: labels of tokens need the types of the tokens: give their ids (N, L)")
        types = np.asarray(first_difference(self.sentences) if self.types is None else self.types)
        if types.shape != labels.shape:
            raise UserError(f"{self.name}: types of shape {types.shape} for labels of shape {labels.shape}")
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "types", types)

    @property
    def of_tokens(self) -> bool:
        """Whether each token has a label, and not each sentence."""
        return self.labels.ndim == 2

    @property
    def fault(self) -> str | None:
        """Why no probe can learn the property from these sentences, in one line; None if one can."""
        labelled = self.labels >= 0
        if (number := self._texts(labelled)) < LEAST:
            return f"{self.name}: {number} sentences have a label, and {LEAST} different ones are needed: give more"
        common = int(np.bincount(self.labels[labelled]).argmax())
        others = self._texts(labelled & (self.labels != common))
        if others < OTHERS:
            who = f"all but {others} of the sentences share" if others else "all sentences share"
            return f"{self.name}: {who} '{self.classes[common]}': give sentences that differ, or leave it out"
        return None

    def _texts(self, chosen: np.ndarray) -> int:
        """The number of different sentences with something chosen, by a mask in the shape of the labels."""
        return len({self.sentences[row] for row in np.nonzero(chosen)[0].tolist()})


def frequent(values: Sequence[Hashable], most: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels int64 (N,) of the most frequent values, and their names. All others are -1, and so is None."""
    counts = Counter(value for value in values if value is not None)
    # Equally frequent values are sorted by name, so that the order of the sentences has no effect.
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    numbers = {value: i for i, (value, count) in enumerate(ordered[:most]) if count >= FEWEST}
    return np.array([numbers.get(value, -1) for value in values], dtype=np.int64), tuple(map(str, numbers))


def binned(numbers: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels int64 (N,) of numbers in bins of equal counts as far as ties allow, and the names of the bins."""
    edges = (
        np.unique(np.quantile(numbers, np.arange(1, bins) / bins, method="inverted_cdf"))
        if len(numbers)
        else np.array([])
    )
    found, labels = np.unique(np.searchsorted(edges, numbers), return_inverse=True)
    ranges = [(numbers[labels == i].min(), numbers[labels == i].max()) for i in range(len(found))]
    return labels.astype(np.int64), tuple(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)


def first_difference(sentences: Sequence[str]) -> np.ndarray:
    """Word types that decide the labels of a sentence's control task: the number of its first word, int64 (N,).

    Hewitt and Liang 2019 draw a label for each word type, and give it to each token of the type. A sentence has no type
    that others share, so the type of one word stands for it. Where all sentences begin alike, as genes do, it is the
    first word whose types have an entropy of a bit, or else the word of the highest entropy.
    """
    split = UNITS[unit_of(sentences)]
    texts = [split(sentence) for sentence in sentences]
    columns = [[text[i] if i < len(text) else "" for text in texts] for i in range(max(map(len, texts), default=0))]
    best = np.zeros(len(texts), dtype=np.int64)
    highest = -1.0
    for column in columns:
        _, types, counts = np.unique(column, return_inverse=True, return_counts=True)
        if (bits := entropy(counts)) > highest:
            best, highest = types, bits
        if highest >= 1:
            break
    return best


def entropy(counts: np.ndarray) -> float:
    """The entropy in bits of classes with these counts."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def telling(candidates: Iterable[Property], others: Sequence[Property], most: int) -> list[Property]:
    """Choose up to `most` properties with most information that say little of each other and of some others."""
    chosen: list[Property] = []
    for candidate in sorted(candidates, key=lambda p: -_information(p.labels)):
        new = not any(_alike(candidate.labels, p.labels) for p in [*others, *chosen])
        if new and _information(candidate.labels) >= BITS and candidate.fault is None and len(chosen) < most:
            chosen.append(candidate)
    return chosen


def _information(labels: np.ndarray) -> float:
    """The entropy of the labels in bits, times the fraction of sentences that have one."""
    known = labels[labels >= 0]
    return entropy(np.bincount(known)) * len(known) / len(labels) if len(known) else 0.0


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two properties share most of their information on the sentences that have both."""
    from sklearn.metrics import normalized_mutual_info_score

    both = (one >= 0) & (other >= 0)
    return bool(both.any()) and normalized_mutual_info_score(one[both], other[both], average_method="min") > ALIKE
