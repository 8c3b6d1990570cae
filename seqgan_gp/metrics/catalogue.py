"""Every score by its key: what it means, and where real text would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A score.

    Args:
        group: what it tells of a generator.
        meaning: what the number is, with its unit or range.
        better: "higher" or "lower", or "real" where the value of real text is the goal and both sides of it are worse.
    """

    group: str
    meaning: str
    better: Literal["higher", "lower", "real"] = "real"


def _orders(key: str, orders: range, group: str, meaning: str, better: Literal["higher", "lower", "real"]) -> dict:
    return {f"{key}_{n}": Metric(group, meaning.format(n=n), better) for n in orders}


METRICS: dict[str, Metric] = {
    "count": Metric("Sample", "sentences scored"),
    "mean_length": Metric("Sample", "tokens of a sentence"),
    **_orders("bleu", range(2, 6), "Quality", "samples against the reference, 0 to 1", "higher"),
    **_orders("backward_bleu", range(2, 6), "Recall", "reference against the samples, 0 to 1", "higher"),
    **_orders("f_bleu", range(2, 6), "Quality and recall", "harmonic mean of the two, 0 to 1", "higher"),
    **_orders("self_bleu", range(2, 6), "Diversity", "samples against one another, 0 to 1, low is diverse", "real"),
    **_orders("distinct", range(1, 5), "Diversity", "different {n}-grams over all, 0 to 1, high is diverse", "real"),
    "unique": Metric("Diversity", "different sentences over all, 0 to 1", "real"),
    "novel": Metric("Diversity", "fraction not in the training file", "real"),
    "longest_overlap": Metric("Diversity", "tokens in a row copied from the training file, mean", "real"),
    **_orders("jsd", range(1, 5), "Distribution", "divergence of {n}-grams, 0 to 1 bits", "lower"),
    **_orders("jsd_char", range(1, 5), "Distribution", "divergence of {n}-grams of characters, 0 to 1 bits", "lower"),
    "length_distance": Metric("Distribution", "Wasserstein distance of lengths in tokens, from 0", "lower"),
    "fed": Metric("Embedding", "Frechet distance of sentence embeddings, from 0", "lower"),
    "mauve": Metric("Embedding", "divergence frontier of sentence embeddings, 0 to 1", "higher"),
    "classifier_accuracy": Metric(
        "Classifier", "a classifier telling samples from real, 0.5 cannot, 1 always", "lower"
    ),
    "lm_nll": Metric("Language model", "nats per token of the samples, trained on real text", "real"),
    "reverse_lm_nll": Metric("Language model", "nats per token of real text, trained on the samples", "lower"),
    "grammatical": Metric("Oracle", "fraction in the grammar's language", "higher"),
    "oracle_nll": Metric("Oracle", "exact nats per word of the grammatical ones", "real"),
    "production_coverage": Metric("Oracle", "fraction of the grammar's productions used", "higher"),
    "production_jsd": Metric(
        "Oracle", "divergence of the productions' frequencies from the grammar's, 0 to 1 bits", "lower"
    ),
    "well_formed": Metric("Oracle", "fraction with nothing after the padding starts", "higher"),
}
