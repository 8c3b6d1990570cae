"""The language model of the training sentences, which all systems of a comparison share."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..metrics.bootstrap import subset

if TYPE_CHECKING:  # torch takes two seconds to import, and the other families do without it
    from ..pretrained import LanguageModel
    from ..text.tokenizer import Tokenizer

LARGEST_VOCABULARY, LONGEST, EPOCHS = 50_000, 256, 30


class TrainingModel:
    """A language model of the training sentences, and its vocabulary. Both are made at their first use.

    Args:
        sentences: the training sentences.
        unit: the tokens, "word" or "character".
    """

    def __init__(self, sentences: Sequence[str], unit: str):
        self.sentences, self.unit = sentences, unit
        self._subsets: dict[int, TrainingModel] = {}

    def at_most(self, size: int) -> TrainingModel:
        """The model of a random subset of the sentences, where there are more than `size`: one model for each size."""
        if len(self.sentences) <= size:
            return self
        if size not in self._subsets:
            chosen = [self.sentences[i] for i in subset(len(self.sentences), size)]
            self._subsets[size] = TrainingModel(chosen, self.unit)
        return self._subsets[size]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary of the training sentences. Words are lower-cased, characters are not."""
        from ..text.tokenizer import Tokenizer

        kind, lowercase = ("character", False) if self.unit == "character" else ("word", True)
        return Tokenizer.train(kind, self.sentences, LARGEST_VOCABULARY, lowercase)

    @cached_property
    def model(self) -> LanguageModel:
        """The language model of the training sentences."""
        return self.fit(self.sentences)

    def fit(self, sentences: Sequence[str]) -> LanguageModel:
        """A language model of other sentences over the vocabulary of the training sentences."""
        from ..config.text import TextConfig
        from ..machine import prepare_command
        from ..training.likelihood import fit

        prepare_command()
        config = TextConfig()
        tokens = [len(e.ids) + 1 for e in self.tokenizer.backend.encode_batch_fast(list(sentences))]
        config.tokenizer.length = min(max(tokens), LONGEST)
        # One validation in each epoch: a model soon knows a few sentences by heart.
        config.likelihood.validate_every = math.ceil(len(sentences) / config.train.batch_size)
        config.likelihood.patience, config.likelihood.decays = 1, 2
        config.train.steps = EPOCHS * config.likelihood.validate_every
        return fit(list(sentences), self.tokenizer, config, progress=sys.stderr.isatty())
