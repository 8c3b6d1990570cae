"""Real text: sentences drawn from it, its random halves, and the models that are fitted to it once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from tqdm import tqdm

from ..errors import UserError
from ..metrics.bootstrap import halves, subset
from ..scoring import Real
from ..text.grammar import Grammar
from .encoders import FitEncoder, SentenceEncoder, lsa
from .rules import Rule
from .training_model import TrainingModel


@dataclass(frozen=True, eq=False)
class FittedReal(Real):
    """Real text and the models that are fitted to it. Each is fitted once, when a family first asks for it, and then
    serves all systems of a comparison.

    Args:
        fit_encoder: fits the sentence encoder to the reference.
        model: the language model of the training sentences, if they are known.
        rule: of the user's own, which says what sentences are valid.
    """

    fit_encoder: FitEncoder = lsa
    model: TrainingModel | None = None
    rule: Rule | None = None

    def at_most(self, size: int, whole_training: bool = False) -> FittedReal:
        """The same real text with random subsets of its reference and, perhaps, of its training sentences, where they
        have more than `size`. The models that are fitted to it are fitted once for each size.
        """
        training = None if whole_training else self.training
        if max(len(self.reference), len(training or ())) <= size:
            return self
        if (size, whole_training) not in self._subsets:
            self._subsets[size, whole_training] = replace(
                self,
                reference=random_subset(self.reference, size),
                training=random_subset(training, size) if training else self.training,
                model=self.model and self.model.at_most(size),
            )
        return self._subsets[size, whole_training]

    @cached_property
    def _subsets(self) -> dict[tuple[int, bool], FittedReal]:
        return {}

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """The sentence encoder."""
        return self.fit_encoder(self)

    @cached_property
    def vectors(self) -> np.ndarray:
        """The vectors of the reference (sentences, dimensions)."""
        return self.encode(self.reference)

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """The vectors of sentences (sentences, dimensions).

        Raises:
            UserError: the encoder gives an array of another shape, or numbers that are not finite.
        """
        try:
            vectors = np.asarray(self.encoder(sentences))
        except UserError:
            raise
        except Exception as error:  # whatever a function of the user's own does
            cause = " ".join(str(error).split())[:200]
            raise UserError(
                f"the encoder fails on a list of sentences ({type(error).__name__}: {cause}): it must give vectors"
            ) from None
        if vectors.ndim != 2 or len(vectors) != len(sentences) or not np.isfinite(vectors).all():
            raise UserError(
                f"the encoder gave an array of shape {vectors.shape} for {len(sentences)} sentences: finite numbers "
                f"({len(sentences)}, dimensions) are needed"
            )
        return vectors


def random_subset(sentences: Sequence[str], size: int) -> list[str]:
    """`size` random sentences, always the same ones; all sentences where there are no more."""
    return [sentences[i] for i in subset(len(sentences), size)]


def random_halves(reference: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """Two random halves of a reference, always the same ones. They have equal sizes and share no line.

    Args:
        name: the file, for the error.

    Raises:
        UserError: there are fewer than four sentences.
    """
    if len(reference) < 4:
        raise UserError(f"{name}: too few sentences to compare with; at least 4 real sentences are needed")
    one, other = halves(len(reference))
    return [reference[i] for i in one], [reference[i] for i in other]


def draw_twice(grammar: Grammar, seed: int, size: int) -> tuple[list[str], list[str]]:
    """Two lists of `size` sentences from one stream of a grammar, so that they are independent of each other."""
    stream = itertools.islice(grammar.sentences(seed), 2 * size)
    drawn = iter(tqdm(stream, "real sentences", 2 * size, leave=False, disable=None, delay=1))
    one, other = (list(itertools.islice(drawn, size)) for _ in range(2))
    return one, other
