"""Language models of real text and of samples, and how probable each makes the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from ..metrics.metric import Metric
from ..notices import silenced
from ..scoring import Rows, Values, defined
from .real import FittedReal

LANGUAGE_MODEL_METRICS = {
    "lm_nll": Metric("Language model", "nats per token of the samples, trained on real text", "real"),
    "reverse_lm_nll": Metric("Language model", "nats per token of real text, trained on the samples", "lower"),
}


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
        with silenced():  # words that the training sentences lack are no surprise
            forward = real.model.model.log_likelihood(samples)
            return cls(forward, real.model.fit(samples).log_likelihood(real.reference))

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        values: Values = {}
        sides = (("lm_nll", self.forward, samples), ("reverse_lm_nll", self.backward, reference))
        for key, (nats, tokens), rows in sides:
            part = slice(None) if rows is None else rows
            values[key] = -nats[part].sum() / tokens[part].sum()
        return defined(values)
