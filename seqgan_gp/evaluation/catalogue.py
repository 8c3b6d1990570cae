"""Every score by its key: those of the registered families, and those that only the evaluations of a run give."""

from __future__ import annotations

from ..metrics.metric import Metric, find
from .families import FAMILIES

RUN_METRICS: dict[str, Metric] = {
    # Text: these scores need ids or conditions, which a file of sentences does not have.
    "well_formed": Metric("Oracle", "fraction with nothing after the padding starts", "higher"),
    "obedience": Metric("Condition", "fraction of the grammatical ones that have the label they were given", "higher"),
    "obedient": Metric("Condition", "fraction that is grammatical and has the label it was given", "higher"),
    "obedience_*": Metric("Condition", "fraction of the grammatical ones with this label that have it", "higher"),
    "agreement": Metric("Condition", "fraction of answers that agree with their context", "higher"),
    "wrong_*": Metric("Condition", "fraction of answers that disagree with their context in this feature", "lower"),
    # Images: a classifier of real images gives most of these scores.
    "frechet": Metric("Images", "Frechet distance of a classifier's features, from 0", "lower"),
    "frechet_pixels": Metric("Images", "Frechet distance of principal components of pixels, from 0", "lower"),
    "confidence": Metric("Images", "largest probability of a classifier, mean", "real"),
    "accuracy": Metric("Images", "fraction of real images that the classifier gets right", "higher"),
    "class_jsd": Metric("Images", "divergence of the classes' frequencies, 0 to 1 bits", "lower"),
    "smallest_class": Metric("Images", "fraction of images in the rarest class", "real"),
    "largest_class": Metric("Images", "fraction of images in the most frequent class", "real"),
    "class_*": Metric("Images", "fraction of images in this class", "real"),
}
"""The keys that end in * stand for one score for each label, feature or class."""


def metrics() -> dict[str, Metric]:
    """The scores of all registered families, in the order of tables."""
    return {key: metric for family in FAMILIES.values() for key, metric in family.metrics.items()}


def describe(key: str) -> Metric | None:
    """The description of a score of a family or of a run; None where there is no such score."""
    known = RUN_METRICS | metrics()
    found = find(key, known)
    return known[found] if found else None
