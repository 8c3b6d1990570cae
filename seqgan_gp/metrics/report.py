"""All scores of a list of samples in one dictionary, beside what real text scores."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .bleu import bleu, self_bleu
from .divergence import ngram_jsd
from .ngrams import Sentences, lengths

MEANING = {
    "count": "sentences scored",
    "unique": "fraction of different sentences",
    "novel": "fraction not in the training file",
    "mean_length": "tokens",
    **{f"bleu_{n}": "against the reference, higher is closer" for n in range(2, 6)},
    **{f"self_bleu_{n}": "against one another, lower is more diverse" for n in range(2, 6)},
    **{f"jsd_{n}": f"divergence of {n}-grams in bits, lower is closer" for n in range(1, 5)},
    "grammatical": "fraction in the grammar's language",
    "oracle_nll": "nats per word of the grammatical ones, exact",
    "well_formed": "fraction with nothing after the padding starts",
}


def score(
    samples: Sentences, reference: Sentences, training: frozenset[tuple[Hashable, ...]] | None = None
) -> dict[str, Any]:
    """Score samples against a reference.

    Args:
        samples, reference: token sequences; empty ones count.
        training: the different sentences of the training text; without it `novel` is None.

    Returns:
        A number under every key up to `jsd_4` of MEANING; None where it is undefined.

    Raises:
        ValueError: fewer than two samples, or no reference.
    """
    distinct = {tuple(s) for s in samples}
    novel = None if training is None else sum(tuple(s) not in training for s in samples) / len(samples)
    values: dict[str, Any] = {"count": len(samples), "unique": len(distinct) / len(samples), "novel": novel}
    values["mean_length"] = float(lengths(samples).mean())
    values |= {f"bleu_{n}": v for n, v in enumerate(bleu(samples, reference).mean(axis=0), 1) if n > 1}
    values |= {f"self_bleu_{n}": v for n, v in enumerate(self_bleu(samples).mean(axis=0), 1) if n > 1}
    values |= {f"jsd_{n}": v for n, v in enumerate(ngram_jsd(samples, reference), 1)}
    return {k: None if v is None or v != v else round(float(v), 6) if k != "count" else v for k, v in values.items()}


def oracle(log_probability: np.ndarray, token_lengths: np.ndarray) -> dict[str, float | None]:
    """Scores from the exact log-probabilities of samples under the grammar that real text is drawn from.

    Args:
        log_probability: nats, minus infinity for a sentence outside the language, (N,).
        token_lengths: tokens of each sentence, (N,).

    Returns:
        grammatical: the fraction of finite ones; oracle_nll: nats per token over those, None if there is none.
    """
    known = np.isfinite(log_probability)
    nll = -log_probability[known].sum() / token_lengths[known].sum() if known.any() else None
    return {"grammatical": float(known.mean()), "oracle_nll": None if nll is None else float(nll)}


def halves(reference: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Two random halves of a reference, always the same ones."""
    order = np.random.default_rng(0).permutation(len(reference))
    middle = len(reference) // 2
    return [reference[i] for i in order[:middle]], [reference[i] for i in order[middle:]]


def table(result: dict[str, Any]) -> str:
    """A line for each score: samples, real text, and what the number means."""
    real = result["real"]
    rows = [(key, result[key], real[key]) for key in MEANING if key in result]

    def show(value: Any) -> str:
        return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4f}"

    lines = [f"{'':12} {'samples':>10} {'real':>10}"]
    lines += [f"{key:12} {show(one):>10} {show(other):>10}  {MEANING[key]}" for key, one, other in rows]
    return "\n".join(lines)
