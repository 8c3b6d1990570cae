"""The families of scores by name. A module of the user's own adds one with a line: `FAMILIES["mine"] = Family(...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ..errors import UserError
from ..metrics.metric import Metric
from ..names import nearest
from ..scoring import NGRAM_METRICS, ORACLE_METRICS, NGramScores, OracleScores, Scores
from .classifier import CLASSIFIER_METRICS, ClassifierScores
from .composition import COMPOSITION_METRICS, CompositionScores
from .embedding import EMBEDDING_METRICS, EmbeddingScores
from .guessing import GUESS_METRICS, GuessScores
from .language_model import LANGUAGE_MODEL_METRICS, LanguageModelScores
from .neighbours import NEIGHBOUR_METRICS, NeighbourScores
from .real import FittedReal
from .validity import VALID_METRICS, ValidScores

Need: TypeAlias = Literal["grammar", "training", "encoder", "rule"]
CAP = 10_000  # at which an accuracy is known to .01, and a family takes some ten seconds
PAIRS_CAP = 2_000  # for a family that looks at all pairs


@dataclass(frozen=True)
class Family:
    """Scores that are computed together.

    Args:
        build: prepares samples and real text. It returns a function of rows to scores: `scoring.Scores`.
        metrics: a description of each score under its key. A score without one is an error. A key that ends in _*
            describes all scores that begin so.
        needs: "grammar", "training" where it needs the training sentences, "encoder" where it encodes sentences
            (`real.encode`), or "rule". A user who asks for the family without its need gets one line.
        default: whether it is computed when a user names no families, wherever its need is met.
        cap: the number of samples, of reference sentences and of training sentences that are scored at most, for a
            family that is slow: of more it gets a random subset, and the table says so. None for all.
        whole_training: whether the cap leaves the training sentences whole, as where copies of them are looked for.
    """

    build: Callable[[Sequence[str], FittedReal], Scores]
    metrics: Mapping[str, Metric]
    needs: Need | None = None
    default: bool = False
    cap: int | None = None
    whole_training: bool = False


ALL, VALID = "all", "valid"  # VALID is the family of the option --valid
FAMILIES: dict[str, Family] = {
    "ngrams": Family(NGramScores, NGRAM_METRICS, default=True),
    "embedding": Family(EmbeddingScores, EMBEDDING_METRICS, needs="encoder", default=True, cap=CAP),
    "classifier": Family(ClassifierScores, CLASSIFIER_METRICS, default=True, cap=CAP),
    "language-model": Family(LanguageModelScores.of, LANGUAGE_MODEL_METRICS, needs="training", cap=CAP),
    "oracle": Family(OracleScores, ORACLE_METRICS, needs="grammar", default=True, cap=CAP),
    VALID: Family(ValidScores, VALID_METRICS, needs="rule", default=True),
    "neighbours": Family(NeighbourScores, NEIGHBOUR_METRICS, cap=PAIRS_CAP, whole_training=True),
    "guesses": Family(GuessScores, GUESS_METRICS),
    "composition": Family(CompositionScores, COMPOSITION_METRICS),
}


def choose_families(
    names: list[str] | None, has_grammar: bool, has_training: bool, has_rule: bool = False
) -> dict[str, Family]:
    """The families that a user names. "all" alone leaves out only those that lack a grammar or a rule; None takes the
    defaults.

    Raises:
        UserError: there is no such family, it lacks what it needs, or two of them give the same score.
    """
    met: dict[Need | None, bool] = {
        None: True,
        "encoder": True,
        "grammar": has_grammar,
        "training": has_training,
        "rule": has_rule,
    }
    if not names:
        chosen = {name: f for name, f in FAMILIES.items() if f.default and met[f.needs]}
    elif names == [ALL]:
        chosen = {name: f for name, f in FAMILIES.items() if met[f.needs] or f.needs == "training"}
    else:
        chosen = {name: _family(name) for name in names}
    remedies: dict[Need | None, str] = {
        "grammar": "the grammar that real text is drawn from: pass --grammar NAME",
        "training": "real text to train on: pass --train FILE",
        "rule": "a rule: pass --valid with a regular expression or module:function",
    }
    owners: dict[str, str] = {}
    for name, family in chosen.items():
        if not met[family.needs]:
            raise UserError(f"--metrics {name} needs {remedies[family.needs]}")
        for key in family.metrics:
            if owners.setdefault(key, name) != name:
                raise UserError(f"--metrics {owners[key]} and {name} both give the score {key}: rename one of the two")
    return chosen


def with_cap(families: Mapping[str, Family], cap: int | None) -> dict[str, Family]:
    """The families with another cap for those that have one; 0 for no cap, None for their own.

    Raises:
        UserError: the cap is 1; one sentence cannot be scored.
    """
    if cap == 1:
        raise UserError("--cap is 1: give at least 2 sentences, or 0 to score all of them")
    if cap is None:
        return dict(families)
    return {name: replace(family, cap=cap or None) if family.cap else family for name, family in families.items()}


def _family(name: str) -> Family:
    if name not in FAMILIES:
        if name == ALL:
            raise UserError(f"--metrics {ALL} is every family: name no other one beside it")
        listed = f"; give some of {', '.join(FAMILIES)}, or {ALL}; --import MODULE adds your own"
        remedy = nearest(name, [*FAMILIES, ALL]) or listed
        raise UserError(f"--metrics {name}: there is no such family of scores{remedy}")
    return FAMILIES[name]
