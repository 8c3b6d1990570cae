"""Test which rows each step of the training sees."""

import numpy as np
import pytest

from seqgan_gp.training.batches import Batches


@pytest.mark.parametrize("rows, size", [(10, 4), (3, 8), (8, 8)])
def test_batches_draw_every_row_once_an_epoch(rows, size):
    batches = Batches(rows, size, seed=1)
    drawn = np.concatenate([batches[t] for t in range(3 * rows)])
    for epoch in range(len(drawn) // rows):
        assert sorted(drawn[epoch * rows : (epoch + 1) * rows]) == list(range(rows))
    assert (Batches(rows, size, seed=1)[5] == batches[5]).all()  # out of order, from anew: the same
    assert not (drawn[:rows] == drawn[rows : 2 * rows]).all()
