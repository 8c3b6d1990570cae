"""Layers that the generator and the critic share. Sequences are (B, L, C): batch, positions, channels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReLU(nn.Module):
    """max(x, 0), as a product with a mask that carries no gradient.

    The value and all derivatives are those of nn.ReLU, whose second derivative is zero almost everywhere; but where
    the gradient penalty differentiates twice, autograd then does not walk the forward pass a second time to add
    zeros.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * (x > 0)


class Conv1d(nn.Linear):
    """A convolution over positions with zero padding, (B, L, C) -> (B, L, D), as one matrix product over shifted
    copies.

    Args:
        channels_in, channels_out: C and D.
        kernel: odd number of positions that one output sees.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int):
        if kernel % 2 == 0:
            raise ValueError(
                f"kernel {kernel}: an odd number is needed, so that the output has as many positions as the input"
            )
        super().__init__(kernel * channels_in, channels_out)
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        side, length = self.kernel // 2, x.shape[1]
        padded = F.pad(x, (0, 0, side, side))
        shifted = [padded[:, i : i + length] for i in range(self.kernel)]
        return super().forward(torch.cat(shifted, dim=-1))


class ResidualBlock(nn.Module):
    """x + scale * conv(relu(conv(relu(x)))), (B, L, C) -> (B, L, C): the block of Gulrajani et al. 2017 (appendix,
    language model).

    No normalisation: batch norm would couple the samples of a batch, which a per-sample gradient penalty forbids in
        the critic.
    """

    def __init__(self, width: int, kernel: int, scale: float = 0.3):
        super().__init__()
        self.branch = nn.Sequential(ReLU(), Conv1d(width, width, kernel), ReLU(), Conv1d(width, width, kernel))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.branch(x)
