"""Rows of a data set in an order that is random, endless and a function of the seed alone."""

import numpy as np


class Batches:
    """Endless shuffled epochs over `rows` rows.

    Which rows make batch number t depends on nothing but the seed and t, so that a resumed run, or one split over
    several processes, sees the same batches.
    """

    def __init__(self, rows: int, size: int, seed: int):
        self.rows, self.size, self.seed = rows, size, seed
        self._epoch, self._order = -1, np.empty(0, dtype=int)

    def __getitem__(self, t: int) -> np.ndarray:
        """Batch number t: the numbers of its rows (size,). An epoch draws every row once; a batch may end one and begin
        the next.
        """
        drawn = np.empty(0, dtype=int)
        while len(drawn) < self.size:
            epoch, start = divmod(t * self.size + len(drawn), self.rows)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.rows)
            drawn = np.concatenate([drawn, self._order[start : start + self.size - len(drawn)]])
        return drawn
