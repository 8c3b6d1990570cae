"""Turn the condition of a sentence, a label or a context to answer, into numbers for networks."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from ..errors import UserError
from ..files import atomic_write
from .adherence import Adherence, Agreement, Obedience
from .grammar import Grammar
from .tokenizer import Tokenizer
from .words import one_line, some


class Condition(ABC):
    """A kind of condition.

    Attributes:
        EXAMPLE: options of `seqgan-gp sample` that suit a run with this kind of condition.
    """

    EXAMPLE: ClassVar[str]

    @property
    @abstractmethod
    def values(self) -> int:
        """The integers of `encode` are below this."""

    @abstractmethod
    def encode(self, given: Sequence[str]) -> np.ndarray:
        """Turn N conditions into integers: int64 (N, ...).

        Raises:
            UserError: one of the conditions is unknown.
        """

    @abstractmethod
    def draw(self, num: int, rng: np.random.Generator) -> list[str]:
        """Draw `num` conditions with the frequencies that they have among the training sentences.

        Raises:
            UserError: the user has to give conditions of this kind.
        """

    @abstractmethod
    def adherence(self, grammar: Grammar) -> Adherence:
        """Build the measure of how far sentences keep to conditions of this kind.

        Raises:
            UserError: the grammar does not know such conditions.
        """

    @abstractmethod
    def describe(self, given: Sequence[str]) -> str:
        """Describe the conditions of the training sentences to the user, in one line."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write a file with the facts that the config and the tokenizer lack; write none if they lack nothing."""


class Labels(Condition):
    """Every sentence has a label, the name of its class.

    Args:
        counts: the number of training sentences of each class, by its name. The order of the names is
            that of the ids.
    """

    EXAMPLE = "--label NAME --num 1000 --out samples.txt"

    def __init__(self, counts: Mapping[str, int]):
        self.counts = dict(counts)
        self._ids = {name: i for i, name in enumerate(self.counts)}

    @classmethod
    def of(cls, train: Sequence[str], test: Sequence[str]) -> Self:
        """Collect the labels of the training sentences, the most frequent label first.

        Args:
            train, test: the label of each training and of each held-out sentence.

        Raises:
            UserError: there is one label only, a label has one training sentence only, or a label
                occurs among the held-out sentences only.
        """
        counts = Counter(train)
        ordered = sorted(counts, key=lambda name: (-counts[name], name))
        if len(counts) < 2:
            raise UserError(f"all training sentences have the label '{ordered[0]}': leave out corpus.label")
        if counts[ordered[-1]] == 1:
            raise UserError(
                f"one training sentence only has the label '{ordered[-1]}' (and {list(counts.values()).count(1):,} of "
                f"{len(counts):,} labels have only one): give more of them, or leave them out"
            )
        if unknown := sorted(set(test) - counts.keys()):
            raise UserError(
                f"the label '{unknown[0]}' is in the held-out sentences only: give training sentences that have it too"
            )
        return cls({name: counts[name] for name in ordered})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that `save` wrote.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            counts = json.loads(path.read_text(encoding="utf-8"))
            return cls({str(name): int(count) for name, count in counts.items()})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not a file of labels ({error}); give another run or checkpoint") from None

    def save(self, path: Path) -> None:
        with atomic_write(path) as file:
            json.dump(self.counts, file, ensure_ascii=False, indent=2)

    @property
    def values(self) -> int:
        return len(self.counts)

    def encode(self, given: Sequence[str]) -> np.ndarray:
        """Turn N labels into ids: int64 (N,).

        Raises:
            UserError: no training sentence has one of the labels.
        """
        given = [one_line(name) for name in given]  # as training reads them
        if unknown := set(given) - self._ids.keys():
            raise UserError(self.missing(sorted(unknown)[0]))
        return np.array([self._ids[name] for name in given], dtype=np.int64)

    def missing(self, name: str) -> str:
        """Say that no training sentence has a label."""
        names = ", ".join(f"'{known}'" for known in list(self.counts)[:20]) + (", ..." if len(self.counts) > 20 else "")
        return f"there is no label '{name}': the training sentences have {names}"

    def draw(self, num: int, rng: np.random.Generator) -> list[str]:
        names, counts = list(self.counts), np.array(list(self.counts.values()), dtype=np.float64)
        return [names[i] for i in rng.choice(len(names), num, p=counts / counts.sum())]

    def describe(self, given: Sequence[str]) -> str:
        total, shown = sum(self.counts.values()), list(self.counts.items())[:8]
        names = ", ".join(f"{name} ({count / total:.1%})" for name, count in shown)
        return f"{len(self.counts):,} labels: {names}{', ...' if len(self.counts) > len(shown) else ''}"

    def adherence(self, grammar: Grammar) -> Obedience:
        return Obedience(grammar, list(self.counts))


class Contexts(Condition):
    """Every sentence answers another sentence, its context.

    Args:
        tokenizer: the tokenizer of sentences and contexts.
        length: the number of token positions of a context, with the end token; longer contexts are cut.
    """

    EXAMPLE = "--context questions.txt --out answers.txt"

    def __init__(self, tokenizer: Tokenizer, length: int):
        self.tokenizer, self.length = tokenizer, length

    @property
    def values(self) -> int:
        return len(self.tokenizer)

    def encode(self, given: Sequence[str]) -> np.ndarray:
        """Turn N contexts into token ids: int64 (N, length).

        Raises:
            UserError: one of the contexts is empty.
        """
        for number, context in enumerate(given, 1):
            if not context.strip():
                raise UserError(f"context {number} is empty: give a sentence to answer")
        return self.tokenizer.encode(given, self.length).ids

    def draw(self, num: int, rng: np.random.Generator) -> list[str]:
        raise UserError(
            "this run answers what it is given: seqgan-gp sample RUN --context FILE, a line each; in Python, pass given"
        )

    def describe(self, given: Sequence[str]) -> str:
        seen = some(given)
        cut = self.tokenizer.encode(seen, self.length).truncated
        among = "" if len(seen) == len(given) else f" among {len(seen):,}"
        return (
            f"{len(set(seen)):,} different contexts{among}; {cut:,} are longer than {self.length} tokens and were cut"
        )

    def save(self, path: Path) -> None:
        pass  # the config and the tokenizer tell all

    def adherence(self, grammar: Grammar) -> Agreement:
        return Agreement(grammar)
