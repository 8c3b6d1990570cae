"""Distances between two sets of sentence embeddings (sentences, dimensions)."""

from __future__ import annotations

import warnings

import numpy as np

SCALING = 5.0  # c of Pillutla et al. 2021, equation 3
MIXTURES = 25
SENTENCES_PER_BUCKET, MAX_BUCKETS = 25, 500
VARIANCE = 0.9
ROWS_PER_CENTRE = 10  # that k-means++ chooses from
ROUNDS = 20  # of k-means; ten more change its sum of squares by a thousandth


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The squared 2-Wasserstein distance between two normal distributions, which have the means and covariances of x
    and of y: `|m_x - m_y|^2 + Tr(C_x + C_y - 2 (C_x C_y)^(1/2))` (Dowson and Landau 1982; de Masson d'Autume et al.
    2019 on sentence embeddings).

    Lower is closer, and 0 is equal. Finite samples of one distribution are not at 0, and fewer rows give larger
    distances.

    Args:
        x, y: vectors (rows, dimensions), at least two rows each.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    mean = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    cov_x, cov_y = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
    # (C_x C_y)^(1/2) has the trace of (C_x^(1/2) C_y C_x^(1/2))^(1/2), which is symmetric: real and stable.
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_y @ root).clip(min=0)).sum()
    return float(max(mean + np.trace(cov_x) + np.trace(cov_y) - 2 * cross, 0.0))


def buckets(x: np.ndarray, y: np.ndarray, number: int | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each row of x and of y, from one k-means over both (Pillutla et al. 2021, section 3). Rows are
    scaled to unit length and reduced to the principal components that hold 90% of the variance.

    Args:
        x, y: vectors (rows, dimensions).
        number: the number of clusters; None takes one for 25 rows of the smaller set, from 2 to 500.
        seed: of k-means.

    Returns:
        Labels, int (rows,), of x and of y.
    """
    from sklearn.cluster import KMeans, kmeans_plusplus
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import normalize

    both = normalize(np.concatenate([x, y]))
    different, first, labels = np.unique(both, axis=0, return_index=True, return_inverse=True)
    number = number or min(max(min(len(x), len(y)) // SENTENCES_PER_BUCKET, 2), MAX_BUCKETS)
    if len(different) <= number:  # every row that occurs is a cluster
        labels = labels.reshape(-1)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            reduced = PCA(VARIANCE, svd_solver="full").fit_transform(both) if both.shape[1] > 1 else both
            # k-means++ takes longer than k-means. Among a few rows for each centre it finds as good ones.
            few = np.random.default_rng(seed).permutation(first)[: ROWS_PER_CENTRE * number]
            centres, _ = kmeans_plusplus(reduced[few].astype(np.float64), number, random_state=seed)
            means = KMeans(number, init=centres, n_init=1, max_iter=ROUNDS, random_state=seed)
            labels = means.fit(reduced.astype(np.float32)).labels_
    return labels[: len(x)], labels[len(x) :]


def mauve(x: np.ndarray, y: np.ndarray) -> float:
    """MAUVE of two sets of cluster labels: the area under the divergence frontier of their histograms P and Q,
    `(exp(-c KL(Q|R)), exp(-c KL(P|R)))` over the mixtures `R = w P + (1 - w) Q` with c = 5 (Pillutla et al. 2021,
    equations 2 and 3).

    It is in (0, 1], and higher is closer. Finite samples of one distribution are below 1.

    Args:
        x, y: labels (rows,), from `buckets`.
    """
    size = max(x.max(), y.max()) + 1
    p, q = (np.bincount(z, minlength=size) / len(z) for z in (x, y))
    weights = np.linspace(1e-6, 1 - 1e-6, MIXTURES)[:, None]
    mixtures = weights * p + (1 - weights) * q

    def divergence(from_: np.ndarray) -> np.ndarray:
        present = from_ > 0
        return (from_[present] * np.log(from_[present] / mixtures[:, present])).sum(axis=1)

    one = np.concatenate([[1.0], np.exp(-SCALING * divergence(q)), [0.0]])
    other = np.concatenate([[0.0], np.exp(-SCALING * divergence(p)), [1.0]])
    # The authors integrate the frontier from both ends, so that the value does not depend on which set is P.
    order, order_back = np.lexsort((-other, one)), np.lexsort((-one, other))
    return float((np.trapezoid(other[order], one[order]) + np.trapezoid(one[order_back], other[order_back])) / 2)
