"""The families of scores by name. A module of the user's own adds one with a line: `FAMILIES["mine"] = Family(...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..metrics.metric import Metric
from ..scoring import NGRAM_METRICS, ORACLE_METRICS, NGramScores, OracleScores, Scores
from .classifier import CLASSIFIER_METRICS, ClassifierScores
from .embedding import EMBEDDING_METRICS, EmbeddingScores
from .language_model import LANGUAGE_MODEL_METRICS, LanguageModelScores
from .real import FittedReal

Need: TypeAlias = Literal["grammar", "training", "encoder"]


@dataclass(frozen=True)
class Family:
    """Scores that are computed together.

    Args:
        build: prepares samples and real text. It returns a function of rows to scores: `scoring.Scores`.
        metrics: a description of each score under its key. A score without one is an error.
        needs: "grammar", "training" where it needs the training sentences, or "encoder" where it encodes sentences
            (`real.encode`). A user who asks for the family without its need gets one line.
        default: whether it is computed when a user names no families, wherever its need is met.
    """

    build: Callable[[Sequence[str], FittedReal], Scores]
    metrics: Mapping[str, Metric]
    needs: Need | None = None
    default: bool = False


FAMILIES: dict[str, Family] = {
    "ngrams": Family(NGramScores, NGRAM_METRICS, default=True),
    "embedding": Family(EmbeddingScores, EMBEDDING_METRICS, needs="encoder", default=True),
    "classifier": Family(ClassifierScores, CLASSIFIER_METRICS, default=True),
    "language-model": Family(LanguageModelScores.of, LANGUAGE_MODEL_METRICS, needs="training"),
    "oracle": Family(OracleScores, ORACLE_METRICS, needs="grammar", default=True),
}
