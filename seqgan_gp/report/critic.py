"""The view of the critic of a run: of each token, and of real and generated sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..notices import silenced
from ..pretrained import Critic
from ..pretrained.held_out import held_out
from .charts import Chart
from .charts import histogram as drawn
from .content import LeftOut, few
from .runs import Run

SHOWN = 8  # sentences whose tokens are coloured
POINTS = 64  # of the integral; twice as many would change no colour
SCORED = 1000  # sentences of each side of a histogram


@dataclass(frozen=True)
class Coloured:
    """A sentence with the share of each token in its score.

    Args:
        kind: "generated" or "real".
        given: its label or context, if it has one.
        score: of the critic.
        tokens: each with its share and with the same from -1 to 1 for the colour.
    """

    kind: str
    given: str | None
    score: float
    tokens: list[tuple[str, float, float]]


def critic_of(run: Run) -> Critic:
    """The critic of the last checkpoint.

    Raises:
        LeftOut: the run has none.
        UserError: the checkpoint is damaged.
    """
    if run.config.method != "adversarial":
        raise LeftOut(f"a run of method {run.config.method} has no critic")
    if run.checkpoint is None:
        raise LeftOut("the run has no checkpoint yet")
    return Critic.from_pretrained(run.checkpoint)


def _sides(run: Run) -> dict[str, tuple[list[str], list[str] | None]]:
    """Real and generated sentences, with their labels or contexts."""
    assert run.checkpoint
    real = held_out(run.checkpoint)
    if real is None:
        raise LeftOut("the held-out text of the run is not in its folder")
    rows = few(len(real), SCORED)
    chosen = real.take(np.array(rows))
    given = run.last.given()
    return {
        "real": (list(chosen.text), None if chosen.given is None else list(chosen.given)),
        "generated": (run.last.sentences()[:SCORED], given and given[:SCORED]),
    }


def tokens(run: Run) -> list[Coloured]:
    """Colour the tokens of some generated and some real sentences by their shares in the scores."""
    from ..probing.saliency import saliency

    critic = critic_of(run)
    texts: list[tuple[str, str, str | None]] = []
    sides = _sides(run)
    for kind, number in (("generated", SHOWN), ("real", SHOWN // 2)):
        sentences, conditions = sides[kind]
        texts += [(kind, text, conditions[i] if conditions else None) for i, text in enumerate(sentences[:number])]
    every = None if critic.condition is None else [str(given) for *_, given in texts]
    with silenced():
        found = saliency(critic, [text for _, text, _ in texts], every, steps=POINTS, tolerance=float("inf"))
    largest = float(np.abs(found.values).max()) or 1.0
    rows = []
    for (kind, _, given), row, words, values, mask in zip(
        texts, found.rows, found.tokens, found.values, found.mask, strict=True
    ):
        shown = [
            (word, float(v), float(v) / largest) for word, v, inside in zip(words, values, mask, strict=True) if inside
        ]
        rows.append(Coloured(kind, given, float(row["score"] or 0), shown))
    return rows


def histogram(run: Run) -> Chart:
    """Draw the scores of real and generated sentences."""
    critic = critic_of(run)
    with silenced():
        scores = {kind: critic(text, given).numpy() for kind, (text, given) in _sides(run).items()}
    return compare_scores(scores)


def compare_scores(scores: dict[str, np.ndarray]) -> Chart:
    """Draw the scores of real and generated samples, and say how often the real one of a pair scores higher."""
    from sklearn.metrics import roc_auc_score

    labels = np.concatenate([np.ones(len(scores["real"])), np.zeros(len(scores["generated"]))])
    above = roc_auc_score(labels, np.concatenate([scores["real"], scores["generated"]]))
    note = (
        f"A real sample scores above a generated one in {above:.0%} of all pairs; 50% means that the critic cannot "
        "tell them apart. Scores have no unit: only their differences say something."
    )
    return drawn("", scores, "score of the critic", note)
