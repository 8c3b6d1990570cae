"""Batches of a data set in an endless random order that depends on the seed alone."""

import numpy as np


class Batches:
    """Endless shuffled epochs over `rows` rows.

    Batch number t depends only on the seed and t, so a resumed run, or a run over several processes, sees the same
    batches.
    """

    def __init__(self, rows: int, size: int, seed: int):
        self.rows, self.size, self.seed = rows, size, seed
        self._epoch, self._order = -1, np.empty(0, dtype=int)

    def __getitem__(self, t: int) -> np.ndarray:
        """The row numbers of batch t, (size,). An epoch has every row once, and a batch may span two epochs."""
        drawn = np.empty(0, dtype=int)
        while len(drawn) < self.size:
            epoch, start = divmod(t * self.size + len(drawn), self.rows)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.rows)
            drawn = np.concatenate([drawn, self._order[start : start + self.size - len(drawn)]])
        return drawn
