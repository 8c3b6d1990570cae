"""Layers that the generator and the critic share. Sequences are (B, L, C): batch, positions, channels."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Conv1d

masked = torch.ops.aten.threshold_backward  # its first argument where the second is over the third, else zero: one pass


def relu(x: Tensor) -> Tensor:
    """max(x, 0), as the derivative of a rectifier at a constant, times x.

    The value and all derivatives are those of torch.relu, whose second derivative is zero almost everywhere; but where
    the gradient penalty differentiates twice, torch.relu passes zeros on, and autograd walks the forward pass a second
    time to multiply and add them.
    """
    return masked(x, x.detach(), 0) if torch.is_grad_enabled() else torch.relu(x)


def leaky_relu(x: Tensor, slope: float = 0.2) -> Tensor:
    """x where it is positive, slope * x elsewhere, in the same way."""
    return x * torch.where(x > 0, 1.0, slope).to(x.dtype)


class ReLU(nn.Module):
    """`relu` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


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


NO_BATCH_NORM = (
    "batch norm is excluded: it couples the samples of a batch, and the penalty needs the gradient of each sample "
    "(Gulrajani et al. 2017, section 4)"
)
NORMS: dict[str, Callable[[int], nn.Module] | None] = {"none": None, "layer": layer_norm, "instance": InstanceNorm}


def norms(kind: str, width: int) -> list[nn.Module]:
    """The norm of (B, L, C) in front of an activation, by its name in NORMS; an empty list for none.

    Raises:
        ValueError: there is no such norm.
    """
    if kind not in NORMS:
        raise ValueError(f"norm is {kind}: there are {', '.join(NORMS)}; {NO_BATCH_NORM}")
    norm = NORMS[kind]
    return [norm(width)] if norm else []


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
        return torch.add(x, self.branch(x), alpha=self.scale)
