"""Keeping the critic Lipschitz: the gradient penalty of Gulrajani et al. 2017.

`lambda * E[(||grad_u D(u)||_2 - 1)^2]` at `u = a x + (1 - a) y`, with one `a ~ U[0, 1]` for each pair of samples.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def interpolate(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """alpha * real + (1 - alpha) * fake, one alpha for each sample: (B, ...), (B, ...), (B,) -> (B, ...)."""
    if real.shape != fake.shape or alpha.shape != real.shape[:1]:
        shapes = f"{tuple(real.shape)}, {tuple(fake.shape)} and {tuple(alpha.shape)}"
        raise ValueError(f"real (B, ...), fake (B, ...) and alpha (B,) are needed, not {shapes}")
    alpha = alpha.view(-1, *[1] * (real.dim() - 1))
    return alpha * real + (1 - alpha) * fake


def gradient_norm(score: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The Euclidean norm of d score / d points over all dimensions of a sample: points (B, ...) -> (B,) float32 or
    wider.

    It can be differentiated again with respect to the parameters of `score`. The points are constants.
    """
    points = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(points).sum(), points, create_graph=True)
    gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)


def two_sided(norm: Tensor) -> Tensor:
    """(norm - 1)^2 (Gulrajani et al. 2017, equation 3).

    Between two distributions the gradient norm of the optimal critic is 1 almost everywhere (there, proposition 1).
    """
    return (norm - 1).square()


def one_sided(norm: Tensor) -> Tensor:
    """max(norm - 1, 0)^2: the critic is 1-Lipschitz (Petzka et al. 2018, equation 8)."""
    return (norm - 1).clamp(min=0).square()
