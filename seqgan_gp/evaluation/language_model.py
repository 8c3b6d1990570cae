"""Language models of real text and of samples, and how probable each makes the other."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..metrics.metric import Metric
from ..scoring import Rows, Values, defined
from .real import FittedReal

if TYPE_CHECKING:  # torch takes two seconds to import, and the other families do without it
    from ..pretrained import LanguageModel
    from ..text.tokenizer import Tokenizer

LANGUAGE_MODEL_METRICS = {
    "lm_nll": Metric("Language model", "nats per token of the samples, trained on real text", "real"),
    "reverse_lm_nll": Metric("Language model", "nats per token of real text, trained on the samples", "lower"),
}
LARGEST_VOCABULARY, LONGEST, EPOCHS = 50_000, 256, 30


class TrainingModel:
    """A language model of the training sentences, and its vocabulary. Both are made at their first use.

    Args:
        sentences: the training sentences.
        unit: the tokens, "word" or "character".
    """

    def __init__(self, sentences: Sequence[str], unit: str):
        self.sentences, self.unit = sentences, unit

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
        from ..machine import prepare
        from ..training.likelihood import fit

        prepare(None)
        config = TextConfig()
        tokens = [len(e.ids) + 1 for e in self.tokenizer.backend.encode_batch_fast(list(sentences))]
        config.tokenizer.length = min(max(tokens), LONGEST)
        # One validation in each epoch: a model soon knows a few sentences by heart.
        config.likelihood.validate_every = math.ceil(len(sentences) / config.train.batch_size)
        config.likelihood.patience, config.likelihood.decays = 1, 2
        config.train.steps = EPOCHS * config.likelihood.validate_every
        return fit(list(sentences), self.tokenizer, config, progress=sys.stderr.isatty())


class LanguageModelScores:
    """How probable samples are to a model of real text, which measures quality, and how probable real text is to a
    model of the samples, which measures diversity too (the reverse perplexity of Zhao et al. 2018).

    Args:
        forward: log-probabilities in nats (sentences,) and numbers of tokens (sentences,) of the samples.
        backward: the same of the reference.
    """

    def __init__(self, forward: tuple[np.ndarray, np.ndarray], backward: tuple[np.ndarray, np.ndarray]):
        self.forward, self.backward = forward, backward

    @classmethod
    def of(cls, samples: Sequence[str], real: FittedReal) -> LanguageModelScores:
        """Train a model of the samples, and one of the training sentences where there is none yet.

        Raises:
            UserError: the training sentences are not known.
        """
        if real.model is None:
            raise UserError("a language model needs real text to train on: pass --train FILE")
        forward = real.model.model.log_likelihood(samples)
        return cls(forward, real.model.fit(samples).log_likelihood(real.reference))

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        values: Values = {}
        sides = (("lm_nll", self.forward, samples), ("reverse_lm_nll", self.backward, reference))
        for key, (nats, tokens), rows in sides:
            part = slice(None) if rows is None else rows
            values[key] = -nats[part].sum() / tokens[part].sum()
        return defined(values)
