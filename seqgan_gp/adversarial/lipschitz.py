"""Keeping the critic Lipschitz: penalties on the norm of its gradient, and weight clipping.

The penalty of Gulrajani et al. 2017 is `lambda * E[(||grad_u D(u)||_2 - 1)^2]` at `u = a x + (1 - a) y`, with one
`a ~ U[0, 1]` for each pair of samples. Others differ in what norm they want, and where.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn


def interpolate(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """alpha * real + (1 - alpha) * fake, with one alpha for each sample, or one for each of its positions: (B, ...),
    (B, ...), (B,) or (B, L) -> (B, ...)."""
    if real.shape != fake.shape or alpha.shape not in (real.shape[:1], real.shape[:2]):
        shapes = f"{tuple(real.shape)}, {tuple(fake.shape)} and {tuple(alpha.shape)}"
        raise ValueError(f"real (B, ...), fake (B, ...) and alpha (B,) or (B, L) are needed, not {shapes}")
    alpha = alpha.view(*alpha.shape, *[1] * (real.dim() - alpha.dim()))
    return alpha * real + (1 - alpha) * fake


def convex(rng: np.random.Generator, batch: int, length: int) -> np.ndarray:
    """One alpha ~ U[0, 1] for each sample, (B,) (Gulrajani et al. 2017, algorithm 1)."""
    return rng.random(batch, dtype=np.float32)


def crossover(rng: np.random.Generator, batch: int, length: int) -> np.ndarray:
    """0 or 1 for each position, (B, L), 1 with a probability a ~ U[0, 1] of the sample's own: each position is taken
    whole from one of the two, so that two sequences of tokens make a third."""
    share = rng.random((batch, 1), dtype=np.float32)
    return (rng.random((batch, length), dtype=np.float32) < share).astype(np.float32)


MIXINGS = {"convex": convex, "crossover": crossover}


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


def zero_centred(norm: Tensor) -> Tensor:
    """norm^2: R1 at real points, R2 at generated ones (Mescheder et al. 2018, equations 9 and 10, whose gamma is twice
    the weight here). At an equilibrium the critic is flat there."""
    return norm.square()


PENALTIES = {"two": two_sided, "one": one_sided, "zero": zero_centred}


@torch.no_grad()
def clip_weights(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Clip every weight to [-limit, limit] in place (Arjovsky et al. 2017, algorithm 1)."""
    for parameter in parameters:
        parameter.clamp_(-limit, limit)
