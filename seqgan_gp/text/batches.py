"""Rows of token ids in an order that is random, endless and a function of the seed alone."""

import numpy as np


class Batches:
    """Endless shuffled epochs over the rows of `ids` (N, L).

    Which rows make batch number t depends on nothing but the seed and t, so that a resumed run, or one split over
    several processes, sees the same batches.
    """

    def __init__(self, ids: np.ndarray, size: int, seed: int):
        self.ids, self.size, self.seed = ids, size, seed
        self._epoch, self._order = -1, np.empty(0, dtype=int)

    def __getitem__(self, t: int) -> np.ndarray:
        """Batch number t: ids (size, L). An epoch draws every row once; a batch may end one and begin the next."""
        rows = np.empty(0, dtype=int)
        while len(rows) < self.size:
            epoch, start = divmod(t * self.size + len(rows), len(self.ids))
            if epoch != self._epoch:
                self._epoch, self._order = epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.ids))
            rows = np.concatenate([rows, self._order[start : start + self.size - len(rows)]])
        return self.ids[rows]
