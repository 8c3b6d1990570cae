"""Draw sentences from a grammar, and compute the probabilities of sentences: the entry point of this folder."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ... import shipped
from ...errors import UserError
from .parser import Parser, Parses
from .records import draw_records, openings_by_label
from .rules import RightSide, Rules
from .sampler import Sampler

if TYPE_CHECKING:
    from nltk.tree import Tree


class Grammar(Rules):
    """A probabilistic context-free grammar that draws sentences and computes their exact probabilities.

    `Rules` has its arguments, attributes and errors.
    """

    def __init__(self, source: str):
        super().__init__(source)
        self._sampler, self._parser = Sampler(self), Parser(self)

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Load a grammar from a file, or one that is shipped in `data/` by its name, such as `text`.

        Raises:
            UserError: there is no such file, or it is no grammar; with the path.
        """
        path = shipped.find(source, "data", ".pcfg", "grammar")
        try:
            return cls(path.read_text(encoding="utf-8-sig"))
        except (UserError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}") from None

    def beginning(self, openings: Mapping[RightSide, float]) -> Grammar:
        """Build the same grammar with other right sides of the start symbol, each with its probability."""
        return Grammar(self.source_beginning(openings))

    def sample(self, rng: random.Random) -> list[str]:
        """Draw one sentence, and return its words.

        Raises:
            UserError: the recursion of the grammar does not end.
        """
        return self._sampler.expand(self._sampler.choose(self.start, rng), rng)

    def sentences(self, seed: int) -> Iterator[str]:
        """Draw sentences without end; the same seed gives the same sentences."""
        rng = random.Random(seed)
        while True:
            yield self.join(self.sample(rng))

    def records(self, seed: int) -> Iterator[dict[str, str]]:
        """Draw the sentences of `sentences(seed)` as records: `label`, `text`, and perhaps `context`.

        In a grammar of pairs, where every opening has the word `|`, the part of a sentence before
        that word is its `context`, and only the part after it is its `text`.

        Raises:
            UserError: the start symbol also stands inside sentences.
        """
        return draw_records(self, self._sampler, random.Random(seed))

    @cached_property
    def labels(self) -> dict[str, list[RightSide]]:
        """The labels of the sentences, each with the right sides of the start symbol that begin with it.

        A label is the first symbol on a right side of the start symbol, in lower case.

        Raises:
            UserError: the start symbol also stands inside sentences.
        """
        return openings_by_label(self)

    def log_probability(self, sentences: Iterable[str]) -> np.ndarray:
        """Compute the exact log-probability of each of N sentences, summed over its parses.

        Returns:
            float64 (N,), in nats; minus infinity for a sentence that is not in the language.
        """
        return self.parses(sentences).log_probability

    def parse(self, sentences: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Parse each of N sentences.

        Returns:
            The log-probability of each sentence, as from `log_probability`; and the expected number
            of times that a parse of it uses each of `productions`: float32 (N, productions), zeros
            for a sentence that is not in the language.

        Raises:
            UserError: a sentence has too many parses for the memory.
        """
        parses = self.parses(sentences)
        return parses.log_probability, parses.usage()

    def parses(self, sentences: Iterable[str]) -> Parses:
        """Parse each of N sentences as `parse` does, in memory that does not grow with the number of productions."""
        return self._parser.parse(sentences)

    def trees(self, sentences: Iterable[str]) -> list[Tree | None]:
        """Find the most probable parse of each of N sentences, and None for one that is not in the language.

        The label of a node is the name of its symbol, and the leaves are the words.

        Raises:
            UserError: the parse of a sentence is too deep for Python's stack.
        """
        return self._parser.trees(sentences)

    def label_probability(self, labels: Sequence[str], sentences: Sequence[str]) -> np.ndarray:
        """Compute the probability of each label, given the words of its sentence: float32 (N,).

        It is 0 for a sentence that is not in the language, and 0 or 1 for every sentence if no
        sentence of the grammar can have two labels.
        """
        columns = {
            label: [self.productions[self.start, opening] for opening in openings]
            for label, openings in self.labels.items()
        }
        usage = self.parse(sentences)[1]
        return np.array([row[columns.get(label, [])].sum() for label, row in zip(labels, usage, strict=True)])
