"""A classifier that tries to tell samples from real text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics.metric import Metric
from ..scoring import Real, Rows, Values, defined
from .tfidf import Weights

CLASSIFIER_METRICS = {
    "classifier_accuracy": Metric(
        "Classifier", "a classifier telling samples from real, 0.5 cannot, 1 always", "lower"
    ),
}


class ClassifierScores:
    """The classifier two-sample test (Lopez-Paz and Oquab 2017). Logistic regression learns from the 1-grams to 3-grams
    of half of the samples and of as many reference sentences. The score is its accuracy on the other halves, 0.5 where
    it cannot tell them apart. A stronger classifier may tell more.
    """

    def __init__(self, samples: Sequence[str], real: Real):
        from sklearn.linear_model import LogisticRegression

        half = min(len(samples), len(real.reference)) // 2
        texts = samples, real.reference
        orders = [np.random.default_rng((0, 2, i)).permutation(len(t)) for i, t in enumerate(texts)]
        weights = Weights([t[i] for t, order in zip(texts, orders, strict=True) for i in order[:half]], real.unit, 3)
        classifier = LogisticRegression(C=10.0, max_iter=1000).fit(weights.fitted, np.repeat([0, 1], half))
        held_out = [order[half : 2 * half] for order in orders]
        given = weights([t[i] for t, rows in zip(texts, held_out, strict=True) for i in rows])
        # 1 where the classifier is right about a sentence and 0 where it is wrong; NaN where it has learned from it.
        self.right = [np.full(len(text), np.nan) for text in texts]
        correct = classifier.predict(given) == np.repeat([0, 1], half)
        for right, rows, part in zip(self.right, held_out, np.split(correct, 2), strict=True):
            right[rows] = part

    def __call__(self, samples: Rows = None, reference: Rows = None) -> Values:
        sides = []
        for right, rows in zip(self.right, (samples, reference), strict=True):
            side = right if rows is None else right[rows]
            side = side[~np.isnan(side)]
            sides.append(side.mean() if len(side) else np.nan)
        return defined({"classifier_accuracy": sum(sides) / 2})
