"""Layers that the generator and the critic share. Sequences are (B, L, C): batch, positions, channels."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def relu(x: Tensor) -> Tensor:
    """max(x, 0), as a product with a mask that carries no gradient.

    The value and all derivatives are those of torch.relu, whose second derivative is zero almost everywhere; but where
    the gradient penalty differentiates twice, autograd then does not walk the forward pass a second time to add
    zeros.
    """
    return x * (x > 0).to(x.dtype)


def leaky_relu(x: Tensor, slope: float = 0.2) -> Tensor:
    """x where it is positive, slope * x elsewhere, in the same way."""
    return x * torch.where(x > 0, 1.0, slope).to(x.dtype)


class ReLU(nn.Module):
    """`relu` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


class Windows(torch.autograd.Function):
    """The `kernel` positions around each position side by side, zeros beyond the ends: (B, L, C) -> (B, L, kernel * C).

    It and `Overlap` are linear and each other's transpose, so each is the other's derivative, of any order. With slices
    and concatenation autograd would clear and add a tensor for every slice, twice under the gradient penalty.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: int) -> Tensor:
        ctx.kernel = kernel
        batch, length, channels = x.shape
        windows = x.new_zeros(batch, length, kernel, channels)
        for i, (to, of) in enumerate(_shifts(length, kernel)):
            windows[:, to, i] = x[:, of]
        return windows.flatten(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return Overlap.apply(gradients[0], ctx.kernel), None


class Overlap(torch.autograd.Function):
    """Windows added up where they overlap, (B, L, kernel * C) -> (B, L, C): the transpose of `Windows`."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, kernel: int) -> Tensor:
        ctx.kernel = kernel
        windows = windows.unflatten(2, (kernel, -1))
        total = windows[:, :, kernel // 2].clone()
        for i, (to, of) in enumerate(_shifts(windows.shape[1], kernel)):
            if i != kernel // 2:
                total[:, of] += windows[:, to, i]
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return Windows.apply(gradients[0], ctx.kernel), None


def _shifts(length: int, kernel: int) -> list[tuple[slice, slice]]:
    """For each place in a window, the positions that have a neighbour there, and the positions of those neighbours."""
    shifts = []
    for shift in range(-(kernel // 2), kernel // 2 + 1):
        start, stop = min(max(0, -shift), length), max(min(length, length - shift), 0)
        shifts.append((slice(start, max(start, stop)), slice(start + shift, max(start, stop) + shift)))
    return shifts


class Conv1d(nn.Linear):
    """A convolution over positions with zero padding, (B, L, C) -> (B, L, D), as one matrix product.

    Args:
        channels_in, channels_out: C and D.
        kernel: odd number of positions that one output sees.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int):
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even: an odd one is needed, to have as many positions out as in")
        super().__init__(kernel * channels_in, channels_out)
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.kernel == 1 else Windows.apply(x, self.kernel))


NORM_EPSILON = 1e-3  # of a variance. Where all numbers agree, the slope of a norm is 1 / sqrt(epsilon): 32, not 316


def layer_norm(width: int, affine: bool = True) -> nn.LayerNorm:
    """Each position over its channels (Ba et al. 2016), what Gulrajani et al. 2017 (section 4) put for batch norm."""
    return nn.LayerNorm(width, eps=NORM_EPSILON, elementwise_affine=affine)


class InstanceNorm(nn.Module):
    """Each channel of a sample over its positions, (B, L, C) -> (B, L, C) (Ulyanov et al. 2016).

    A sequence of one position is all mean: only the bias is left of it.
    """

    def __init__(self, width: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        # The layer norm of torch along the other axis: nn.InstanceNorm1d refuses a single position.
        rows = F.layer_norm(x.transpose(1, 2), x.shape[1:2], eps=NORM_EPSILON).transpose(1, 2)
        return rows * self.weight + self.bias


NORMS: dict[str, Callable[[int], nn.Module]] = {"layer": layer_norm, "instance": InstanceNorm}


def norms(kind: str, width: int) -> list[nn.Module]:
    """What normalises (B, L, C) before an activation, each sample by itself: nothing for none, else the one of NORMS.

    Raises:
        ValueError: there is no such norm.
    """
    if kind != "none" and kind not in NORMS:
        raise ValueError(
            f"norm {kind}: there are none, {', '.join(NORMS)}; batch norm couples the samples of a batch, which a "
            "penalty on the gradient of each sample forbids (Gulrajani et al. 2017, section 4)"
        )
    return [] if kind == "none" else [NORMS[kind](width)]


class ResidualBlock(nn.Module):
    """x + scale * conv(relu(conv(relu(x)))), (B, L, C) -> (B, L, C): the block of Gulrajani et al. 2017 (appendix,
    language model), with a norm before each relu where one is asked for.
    """

    def __init__(self, width: int, kernel: int, norm: str = "none", scale: float = 0.3):
        super().__init__()
        half = (*norms(norm, width), ReLU(), Conv1d(width, width, kernel))
        self.branch = nn.Sequential(*half, *norms(norm, width), ReLU(), Conv1d(width, width, kernel))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.branch(x)
