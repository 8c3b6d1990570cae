"""Layers that the generator and the critic share. Sequences are (B, L, C): batch, positions, channels."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Conv1d

masked = torch.ops.aten.threshold_backward  # one pass: the first argument where the second is over the third, else zero


def relu(x: Tensor) -> Tensor:
    """max(x, 0), computed as x times the derivative of a rectifier, a constant.

    The value and all derivatives are those of torch.relu, whose second derivative is zero almost everywhere. But
    torch.relu passes these zeros on when the gradient penalty differentiates twice, and autograd then walks the forward
    pass a second time for nothing.
    """
    return masked(x, x.detach(), 0) if torch.is_grad_enabled() else torch.relu(x)


def leaky_relu(x: Tensor, slope: float = 0.2) -> Tensor:
    """x where it is positive, slope * x elsewhere, computed as in `relu`."""
    return x * torch.where(x > 0, 1.0, slope).to(x.dtype)


class ReLU(nn.Module):
    """`relu` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


NORM_EPSILON = 1e-3  # added to variances. The slope of a norm at equal numbers is 1 / sqrt(epsilon): 32, not 316


def layer_norm(width: int, affine: bool = True) -> nn.LayerNorm:
    """Normalises each position over its channels (Ba et al. 2016). Gulrajani et al. 2017 (section 4) use it in place of
    batch norm.
    """
    return nn.LayerNorm(width, eps=NORM_EPSILON, elementwise_affine=affine)


class InstanceNorm(nn.Module):
    """Normalises each channel of a sample over its positions, (B, L, C) -> (B, L, C) (Ulyanov et al. 2016).

    For a sequence of one position only the bias remains.
    """

    def __init__(self, width: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        # This is torch's layer norm along the other axis, since nn.InstanceNorm1d refuses a single position.
        rows = F.layer_norm(x.transpose(1, 2), x.shape[1:2], eps=NORM_EPSILON).transpose(1, 2)
        return rows * self.weight + self.bias


NO_BATCH_NORM = (
    "batch norm is excluded: it couples the samples of a batch, and the penalty needs the gradient of each sample "
    "(Gulrajani et al. 2017, section 4)"
)
NORMS: dict[str, Callable[[int], nn.Module] | None] = {"none": None, "layer": layer_norm, "instance": InstanceNorm}


def norms(kind: str, width: int) -> list[nn.Module]:
    """A list of the norm (B, L, C) -> (B, L, C) by its name in NORMS; an empty list for none.

    Raises:
        ValueError: there is no such norm.
    """
    if kind not in NORMS:
        raise ValueError(f"norm is {kind}: there are {', '.join(NORMS)}; {NO_BATCH_NORM}")
    norm = NORMS[kind]
    return [norm(width)] if norm else []


class ResidualBlock(nn.Module):
    """x + scale * conv(relu(conv(relu(x)))), (B, L, C) -> (B, L, C) (Gulrajani et al. 2017, appendix, language model).

    A norm may stand before each relu. The convolutions may be dilated.
    """

    def __init__(self, width: int, kernel: int, norm: str = "none", dilation: int = 1, scale: float = 0.3):
        super().__init__()
        half = (*norms(norm, width), ReLU(), Conv1d(width, width, kernel, dilation))
        self.branch = nn.Sequential(*half, *norms(norm, width), ReLU(), Conv1d(width, width, kernel, dilation))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.branch(x), alpha=self.scale)
