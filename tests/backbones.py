"""Every way to build the blocks of a network, and numbers at which to differentiate one."""

import pytest
import torch

from seqgan_gp.models.layers import NORMS
from seqgan_gp.models.recurrent import CELLS

NETWORKS = {
    "convolutional": dict(dilation=1),
    "dilated": dict(dilation=3),
    **{f"convolutional-{norm}": dict(dilation=1, norm=norm) for norm in NORMS if norm != "none"},
    **{f"recurrent-{cell}": dict(backbone="recurrent", cell=cell) for cell in CELLS},
    "attention": dict(backbone="attention", heads=2),
}

every_network = pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)


def doubled(shape, seed=3):
    """Normal numbers in double precision with a gradient."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()
