"""The gradient penalty, which keeps a critic Lipschitz: `lambda * E[side(||grad_u D(u)||_2)]`.

With `side(n) = (n - 1)^2` at `u = a x + (1 - a) y` and one `a ~ U[0, 1]` for each pair of a real sample x and a
generated one y, this is WGAN-GP (Gulrajani et al. 2017, equation 3). Other penalties differ in the points u or in the
function of the norm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def convex(rng: np.random.Generator, batch: int, positions: int) -> np.ndarray:
    """One alpha in [0, 1) for each pair, (B,): a point on the line between the two (Gulrajani et al. 2017, algorithm
    1).
    """
    return rng.random(batch, dtype=np.float32)


def crossover(rng: np.random.Generator, batch: int, positions: int) -> np.ndarray:
    """Alphas (B, L) of 0 or 1: each position comes whole from the real or the generated sample.

    The probability of 1 is uniform on [0, 1) for each pair. No position mixes two tokens.
    """
    chance = rng.random((batch, 1), dtype=np.float32)
    return (rng.random((batch, positions), dtype=np.float32) < chance).astype(np.float32)


def interpolate(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """alpha * real + (1 - alpha) * fake, (B, L, ...), with one alpha for each pair (B,) or for each position (B, L).

    The result is a leaf that requires a gradient, so no gradient of the penalty flows to `real` and `fake`.

    Raises:
        ValueError: the shapes do not fit.
    """
    if real.shape != fake.shape or not 1 <= alpha.dim() <= 2 or alpha.shape != real.shape[: alpha.dim()]:
        shapes = f"{tuple(real.shape)}, {tuple(fake.shape)} and {tuple(alpha.shape)}"
        raise ValueError(f"real (B, ...), fake (B, ...) and alpha (B,) or (B, L) are needed, not {shapes}")
    alpha = alpha.view(*alpha.shape, *[1] * (real.dim() - alpha.dim()))
    return (alpha * real + (1 - alpha) * fake).detach().requires_grad_()


def two_sided(norm: Tensor) -> Tensor:
    """(norm - 1)^2 (Gulrajani et al. 2017, equation 3).

    Between the two distributions the optimal critic's gradient norm is 1 almost everywhere (proposition 1).
    """
    return (norm - 1).square()


def one_sided(norm: Tensor) -> Tensor:
    """max(norm - 1, 0)^2, which is 0 for a 1-Lipschitz critic (Petzka et al. 2018, equation 8)."""
    return (norm - 1).clamp(min=0).square()


def zero_centred(norm: Tensor) -> Tensor:
    """norm^2: at real samples R1, at generated ones R2 (Mescheder et al. 2018, equations 9 and 10).

    Their factor is gamma / 2, so a weight lambda here is gamma = 2 lambda there.
    """
    return norm.square()


def gradient_norm(scores: Tensor, points: Tensor) -> Tensor:
    """||d score / d point||_2 over all dimensions of each sample, (B,) in float32 or wider.

    The result can be differentiated with respect to the critic's parameters.

    Args:
        scores: scores (B,), each computed from its own point alone.
        points: points (B, ...), which require a gradient.

    Raises:
        ValueError: there is not one score for each point, or the points require no gradient.
    """
    if scores.shape[:1] != points.shape[:1] or scores.numel() != len(points):
        raise ValueError(
            f"one score for each point is needed: scores (B,) of points (B, ...), not {tuple(scores.shape)} of "
            f"{tuple(points.shape)}"
        )
    if not points.requires_grad:
        raise ValueError("the points require no gradient: call requires_grad_() on them before they are scored")
    (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    return torch.linalg.vector_norm(gradient.reshape(len(points), -1), dim=1)


def gradient_penalty(
    scores: Tensor, points: Tensor, side: Callable[[Tensor], Tensor] = two_sided
) -> tuple[Tensor, Tensor]:
    """E[side(||grad_u D(u)||_2)] and the norms (B,): WGAN-GP's E[(||grad_u D(u)||_2 - 1)^2] (Gulrajani et al. 2017,
    equation 3) with `two_sided` at points of `interpolate`.

    Args:
        scores: D(u), (B,).
        points: u, (B, ...), which require a gradient: interpolates (WGAN-GP), real (R1) or generated samples (R2).
        side: norms (B,) to penalties (B,).

    Raises:
        ValueError: see `gradient_norm`.
    """
    norm = gradient_norm(scores, points)
    return side(norm).mean(), norm


PLACES = {"interpolates", "real", "generated"}


@dataclass(frozen=True)
class Penalty:
    """A gradient penalty of the critic's loss.

    Args:
        weight: lambda; 0 for no penalty.
        side: function of the norms, (B,) to (B,).
        at: places: "interpolates", "real" or "generated". Each has the whole weight.
        one_hot: take the gradient with respect to one-hot tokens, not to their embeddings.
        mix: function from a stream, B and L to the alphas of interpolates, (B,) or (B, L).
        every: k: only every k-th critic step has the penalty, with k times the weight (lazy regularisation; Karras et
            al. 2020, section 3.1).

    Raises:
        ValueError: the weight is under 0, a place is none of these, or k is under 1.
    """

    weight: float = 10.0
    side: Callable[[Tensor], Tensor] = two_sided
    at: frozenset[str] = frozenset(["interpolates"])
    one_hot: bool = False
    mix: Callable[[np.random.Generator, int, int], np.ndarray] = convex
    every: int = 1

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(f"weight is {self.weight}: give 0 or more")
        if unknown := set(self.at) - PLACES:
            raise ValueError(f"at has {', '.join(sorted(unknown))}: the places are {', '.join(sorted(PLACES))}")
        if self.every < 1:
            raise ValueError(f"every is {self.every}: give 1 or more")


MIXINGS = {"convex": convex, "crossover": crossover}
SIDES = {"two": two_sided, "one": one_sided, "zero": zero_centred}
