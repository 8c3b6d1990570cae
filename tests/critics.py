"""A small critic and a batch for it."""

import torch

from seqgan_gp.models.critic import CriticNetwork


def critic(**changes) -> CriticNetwork:
    torch.manual_seed(0)
    return CriticNetwork(**{"vocabulary": 11, "length": 6, "embedding": 4, "width": 5, "blocks": 2} | changes)


def batch(vocabulary=11, length=6, size=3):
    real = torch.randint(vocabulary, (size, length))
    return real, torch.randn(size, length, vocabulary).softmax(-1), torch.rand(size)
