"""Scores that take more than counting: sentence embeddings, a classifier, a language model."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..config.text import TextConfig
from ..errors import UserError
from ..metrics.embedding import buckets, frechet_distance, mauve
from ..scoring import Builder, NGramScores, OracleScores, Real, Rows, Values, defined
from ..text.tokenizer import Tokenizer
from .encoders import Encoder, load_encoder, ngram_features

if TYPE_CHECKING:  # torch takes two seconds to import, and only a language model needs it
    from ..pretrained import LanguageModel


class Embeddings:
    """Builds `fed` and `mauve` over the vectors of an encoder, which is made once for each reference.

    Args:
        make: from the real text to an encoder.
    """

    def __init__(self, make: Callable[[Real], Encoder]):
        self.make = make
        self._encoders: dict[Real, tuple[Encoder, np.ndarray]] = {}

    def __call__(self, samples: Sequence[str], real: Real) -> EmbeddingScores:
        if real not in self._encoders:
            encode = self.make(real)
            self._encoders[real] = encode, self._vectors(encode, real.reference)
        encode, reference = self._encoders[real]
        return EmbeddingScores(self._vectors(encode, samples), reference)

    def _vectors(self, encode: Encoder, sentences: Sequence[str]) -> np.ndarray:
        vectors = np.asarray(encode(sentences))
        if vectors.ndim != 2 or len(vectors) != len(sentences) or not np.isfinite(vectors).all():
            raise UserError(
                f"the encoder gave an array of shape {vectors.shape} for {len(sentences)} sentences: finite numbers "
                f"({len(sentences)}, dimensions) are needed"
            )
        return vectors


class EmbeddingScores:
    """Distances between the vectors of samples and of the reference."""

    def __init__(self, samples: np.ndarray, reference: np.ndarray):
        self.samples, self.reference = samples, reference
        self.buckets = buckets(samples, reference)

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        rows = [slice(None) if r is None else r for r in (samples, reference)]
        vectors = self.samples[rows[0]], self.reference[rows[1]]
        if min(map(len, vectors)) < 2:
            return {"fed": None, "mauve": None}
        fed = frechet_distance(*vectors)
        return defined({"fed": fed, "mauve": mauve(self.buckets[0][rows[0]], self.buckets[1][rows[1]])})


class ClassifierScores:
    """The classifier two-sample test (Lopez-Paz and Oquab 2017): logistic regression on the 1-grams to 3-grams of half
    of the samples and as many references, its accuracy on the other halves. 0.5 is what it gets where it cannot tell;
    a stronger classifier may tell more.
    """

    def __init__(self, samples: Sequence[str], real: Real):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        half = min(len(samples), len(real.reference)) // 2
        texts = samples, real.reference
        orders = [np.random.default_rng((0, 2, i)).permutation(len(t)) for i, t in enumerate(texts)]
        weights = TfidfVectorizer(analyzer=ngram_features(real.unit, 3), sublinear_tf=True)
        classifier = make_pipeline(weights, LogisticRegression(C=10.0, max_iter=1000))
        seen = [text[i] for text, order in zip(texts, orders, strict=True) for i in order[:half]]
        classifier.fit(seen, np.repeat([0, 1], half))
        # Whether each sentence is told right: NaN for those that the classifier has seen.
        self.right = [np.full(len(text), np.nan) for text in texts]
        for label, (right, text, order) in enumerate(zip(self.right, texts, orders, strict=True)):
            held_out = order[half : 2 * half]
            right[held_out] = classifier.predict([text[i] for i in held_out]) == label

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        sides = []
        for right, rows in zip(self.right, (samples, reference), strict=True):
            side = right if rows is None else right[rows]
            side = side[~np.isnan(side)]
            sides.append(side.mean() if len(side) else np.nan)
        return defined({"classifier_accuracy": sum(sides) / 2})


LARGEST_VOCABULARY, LONGEST, EPOCHS = 50_000, 256, 30


class LanguageModels:
    """Builds `lm_nll` and `reverse_lm_nll` with the maximum-likelihood baseline, one model of the training text for all
    systems and one of each system's samples, over the words of the training text."""

    def __init__(self) -> None:
        # By identity; the sentences are kept so that it stays theirs.
        self._of_real: dict[int, tuple[Sequence[str], Tokenizer, LanguageModel]] = {}

    def __call__(self, samples: Sequence[str], real: Real) -> LanguageModelScores:
        training = real.training
        if training is None:
            raise UserError("a language model needs real text to train on: pass --train FILE")
        if id(training) not in self._of_real:
            kind, lowercase = ("character", False) if real.unit == "character" else ("word", True)
            tokenizer = Tokenizer.train(kind, training, LARGEST_VOCABULARY, lowercase)
            self._of_real[id(training)] = training, tokenizer, self._fit(training, tokenizer)
        _, tokenizer, model = self._of_real[id(training)]
        forward, backward = model.log_likelihood(samples), self._fit(samples, tokenizer).log_likelihood(real.reference)
        return LanguageModelScores(forward, backward)

    def _fit(self, sentences: Sequence[str], tokenizer: Tokenizer) -> LanguageModel:
        from ..training.likelihood import fit

        config = TextConfig()
        tokens = [len(e.ids) + 1 for e in tokenizer.backend.encode_batch_fast(list(sentences))]
        config.tokenizer.length = min(max(tokens), LONGEST)
        # A validation an epoch: few sentences are soon learned by heart.
        config.likelihood.validate_every = math.ceil(len(sentences) / config.train.batch_size)
        config.likelihood.patience, config.likelihood.decays = 1, 2
        config.train.steps = EPOCHS * config.likelihood.validate_every
        return fit(list(sentences), tokenizer, config, progress=sys.stderr.isatty())


class LanguageModelScores:
    """How likely samples are to a model of real text, which tells of quality, and real text to a model of samples,
    which tells of diversity too (the reverse perplexity of Zhao et al. 2018).

    Args:
        forward, backward: nats (sentences,) and tokens (sentences,) of the samples and of the reference.
    """

    def __init__(self, forward: tuple[np.ndarray, np.ndarray], backward: tuple[np.ndarray, np.ndarray]):
        self.forward, self.backward = forward, backward

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        values: Values = {}
        sides = (("lm_nll", self.forward, samples), ("reverse_lm_nll", self.backward, reference))
        for key, (nats, tokens), rows in sides:
            part = slice(None) if rows is None else rows
            values[key] = -nats[part].sum() / tokens[part].sum()
        return defined(values)


def build(names: Sequence[str], encoder: str) -> list[Builder]:
    """The builders of families by name."""
    return [FAMILIES[name](encoder) for name in names]


DEFAULT = ("ngrams", "embedding", "classifier")
FAMILIES: dict[str, Callable[[str], Builder]] = {
    "ngrams": lambda encoder: NGramScores,
    "embedding": lambda encoder: Embeddings(load_encoder(encoder)),
    "classifier": lambda encoder: ClassifierScores,
    "language-model": lambda encoder: LanguageModels(),
    "oracle": lambda encoder: OracleScores,
}
