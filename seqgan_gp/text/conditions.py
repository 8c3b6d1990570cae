"""What a sentence is given, a class label or a context to answer: as numbers that networks take, and how far sentences
keep to it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import UserError
from ..files import atomic_write
from .corpus import Given
from .grammar import Grammar
from .pairs import Pairs
from .tokenizer import Tokenizer


class Judge(ABC):
    """What the grammar of a corpus says of sentences and what each of them was given.

    Attributes:
        language: the grammar of the sentences by themselves.
    """

    language: Grammar

    @abstractmethod
    def __call__(self, given: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
        """Fractions of the sentences, by name."""


class Condition(ABC):
    """A kind of condition."""

    EXAMPLE: ClassVar[str]  # of options of `seqgan-gp sample`

    @abstractmethod
    def encode(self, given: Sequence[str]) -> np.ndarray:
        """Integers (N, ...), a row for each.

        Raises:
            UserError: one of them is not known.
        """

    @abstractmethod
    def draw(self, num: int, rng: np.random.Generator) -> list[str]:
        """`num` of them in the proportions of the training sentences.

        Raises:
            UserError: this kind has to be given.
        """

    @abstractmethod
    def judge(self, grammar: Grammar) -> Judge:
        """Raises: UserError: the grammar does not know this kind."""

    @abstractmethod
    def describe(self, given: Given) -> str:
        """A line that tells the user what the sentences are given."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write what has to be known besides the config and the tokenizer, if anything has."""


class Labels(Condition):
    """A class for each sentence.

    Args:
        counts: training sentences of each class, by its name; their order is that of the ids.
    """

    EXAMPLE = "--label NAME --num 1000 --out samples.txt"

    def __init__(self, counts: Mapping[str, int]):
        self.counts = dict(counts)
        self._ids = {name: i for i, name in enumerate(self.counts)}

    @classmethod
    def of(cls, given: Given) -> Labels:
        """The classes of training sentences, the most frequent first.

        Raises:
            UserError: there are too few to learn from, of classes or of sentences in one; or a held-out sentence has
                a label of its own.
        """
        counts = Counter(given.train)
        ordered = sorted(counts, key=lambda name: (-counts[name], name))
        if len(counts) < 2:
            raise UserError(f"all training sentences have the label '{ordered[0]}': leave out corpus.label")
        if counts[ordered[-1]] == 1:
            raise UserError(
                f"one training sentence only has the label '{ordered[-1]}' (and {list(counts.values()).count(1):,} of "
                f"{len(counts):,} labels have only one): give more of them, or leave them out"
            )
        if unknown := sorted(set(given.test) - counts.keys()):
            raise UserError(
                f"the label '{unknown[0]}' is in the held-out sentences only: give training sentences that have it too"
            )
        return cls({name: counts[name] for name in ordered})

    @classmethod
    def load(cls, path: Path) -> Labels:
        """What `save` wrote.

        Raises:
            UserError: it is not there, or damaged.
        """
        try:
            counts = json.loads(path.read_text(encoding="utf-8"))
            return cls({str(name): int(count) for name, count in counts.items()})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not a file of labels ({error}); give another run or checkpoint") from None

    def save(self, path: Path) -> None:
        with atomic_write(path) as file:
            json.dump(self.counts, file, ensure_ascii=False, indent=2)

    def encode(self, given: Sequence[str]) -> np.ndarray:
        if unknown := set(given) - self._ids.keys():
            names = ", ".join(list(self.counts)[:20]) + (", ..." if len(self.counts) > 20 else "")
            raise UserError(f"there is no label '{sorted(unknown)[0]}': the training sentences have {names}")
        return np.array([self._ids[name] for name in given], dtype=np.int64)

    def draw(self, num: int, rng: np.random.Generator) -> list[str]:
        names, counts = list(self.counts), np.array(list(self.counts.values()), dtype=np.float64)
        return [names[i] for i in rng.choice(len(names), num, p=counts / counts.sum())]

    def describe(self, given: Given) -> str:
        total, shown = sum(self.counts.values()), list(self.counts.items())[:8]
        names = ", ".join(f"{name} ({count / total:.1%})" for name, count in shown)
        return f"{len(self.counts):,} labels: {names}{', ...' if len(self.counts) > len(shown) else ''}"

    def judge(self, grammar: Grammar) -> Judge:
        return Obedience(grammar, list(self.counts))


class Obedience(Judge):
    """How many sentences have the label they were given: `obedient` of all, and `obedience` of those that the grammar
    accepts, also by label. A sentence that it does not accept has no label.

    Raises:
        UserError: the grammar has not these labels.
    """

    def __init__(self, grammar: Grammar, labels: Sequence[str]):
        if unknown := set(labels) - grammar.labels.keys():
            raise UserError(f"the grammar has no label '{sorted(unknown)[0]}', it has {', '.join(grammar.labels)}")
        self.language, self.labels = grammar, labels

    def __call__(self, given: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
        obeys = self.language.label_probability(given, sentences)
        known = np.isfinite(self.language.log_probability(sentences))
        of = {"obedience": known} | {
            f"obedience_{label}": known & np.array([g == label for g in given]) for label in self.labels
        }
        return {"obedient": float(obeys.mean())} | {
            key: float(obeys[rows].mean()) for key, rows in of.items() if rows.any()
        }


class Contexts(Condition):
    """A sentence to answer for each sentence.

    Args:
        tokenizer: of both.
        length: tokens of a context, with the end; longer ones are cut.
    """

    EXAMPLE = "--context questions.txt --out answers.txt"

    def __init__(self, tokenizer: Tokenizer, length: int):
        self.tokenizer, self.length = tokenizer, length

    def encode(self, given: Sequence[str]) -> np.ndarray:
        return self.tokenizer.encode(given, self.length).ids

    def draw(self, num: int, rng: np.random.Generator) -> list[str]:
        raise UserError("this run answers what it is given: seqgan-gp sample RUN --context FILE, a line each")

    def describe(self, given: Given) -> str:
        cut = self.tokenizer.encode(given.train, self.length).truncated
        number = len(set(given.train))
        return f"{number:,} different contexts; {cut:,} are longer than {self.length} tokens and were cut"

    def save(self, path: Path) -> None:
        pass  # config and tokenizer say it all

    def judge(self, grammar: Grammar) -> Judge:
        return Agreement(grammar)


class Agreement(Judge):
    """The fraction of sentences that answer their context, and of those that fail in each feature of `Pairs`."""

    def __init__(self, grammar: Grammar):
        self.pairs = Pairs(grammar)
        self.language = self.pairs.answers

    def __call__(self, given: Sequence[str], sentences: Sequence[str]) -> dict[str, float]:
        wrong = [self.pairs.disagreements(*pair) for pair in zip(given, sentences, strict=True)]
        features = sorted({name for names in wrong for name in names})
        fractions = {f"wrong_{name}": float(np.mean([name in names for names in wrong])) for name in features}
        return {"agreement": float(np.mean([not names for names in wrong]))} | fractions
