"""Keeping the critic Lipschitz: gradient penalties, weight clipping, and weights of bounded norm.

The penalty of Gulrajani et al. 2017 is `lambda * E[(||grad_u D(u)||_2 - 1)^2]` at `u = a x + (1 - a) y`, with one
`a ~ U[0, 1]` for each pair of samples. Others differ in the points u, or in what they ask of the norm there.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations


def convex(rng: np.random.Generator, batch: int, positions: int) -> np.ndarray:
    """The a of each sample, (B,) in [0, 1): interpolates on the line between the pair (Gulrajani et al. 2017)."""
    return rng.random(batch, dtype=np.float32)


def crossover(rng: np.random.Generator, batch: int, positions: int) -> np.ndarray:
    """1 for each position that is taken whole from the real sample, with probability a of its sample, else 0: (B, L).

    Each position then holds a token, or whatever a generator puts there, and no mixture of two.
    """
    chance = rng.random((batch, 1), dtype=np.float32)
    return (rng.random((batch, positions), dtype=np.float32) < chance).astype(np.float32)


MIXINGS = {"convex": convex, "crossover": crossover}


def interpolate(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """alpha * real + (1 - alpha) * fake, one alpha for each sample (B,) or position (B, L): twice (B, L, ...) to the
    same.
    """
    if real.shape != fake.shape or not 1 <= alpha.dim() <= 2 or alpha.shape != real.shape[: alpha.dim()]:
        shapes = f"{tuple(real.shape)}, {tuple(fake.shape)} and {tuple(alpha.shape)}"
        raise ValueError(f"real (B, ...), fake (B, ...) and alpha (B,) or (B, L) are needed, not {shapes}")
    alpha = alpha.view(*alpha.shape, *[1] * (real.dim() - alpha.dim()))
    return alpha * real + (1 - alpha) * fake


def gradient_norm(score: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The Euclidean norm of d score / d points over all dimensions of a sample: points (B, ...) -> (B,) float32 or
    wider.

    It can be differentiated again with respect to the parameters of `score`. The points are constants.
    """
    points = points.detach().requires_grad_()
    return norm_of_gradient(score(points), points)


def norm_of_gradient(scores: Tensor, points: Tensor) -> Tensor:
    """`gradient_norm` of scores (B,) that a forward pass from these very points (B, ...) gave: it costs no other."""
    (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
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
    """norm^2: at real samples R1, at generated ones R2 (Mescheder et al. 2018, equations 9 and 10).

    They write gamma / 2 before its mean: a weight lambda here is gamma = 2 lambda there.
    """
    return norm.square()


SIDES = {"two": two_sided, "one": one_sided, "zero": zero_centred}


@torch.no_grad()
def clip_weights(critic: nn.Module, bound: float) -> None:
    """Every weight and bias into [-bound, bound], in place (Arjovsky et al. 2017, algorithm 1).

    All but the embeddings of tokens and of conditions, which are used at unit length: a bound on them bounds no slope.
    """
    for name, parameter in critic.named_parameters():
        if name.rpartition(".")[2] != "embedding":
            parameter.clamp_(-bound, bound)


def _weights(network: nn.Module, register: Callable[[nn.Module], nn.Module]) -> None:
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            register(module)


def spectral(network: nn.Module) -> None:
    """Every weight matrix divided by its largest singular value (Miyato et al. 2018), which one power iteration for
    each step follows.

    Of a convolution it is the matrix from a window to an output, as there. Over all positions such a layer stretches by
    up to sqrt(kernel), so a residual block x + s * branch(x) of two by up to 1 + s * kernel.
    """
    _weights(network, parametrizations.spectral_norm)


def weight_norm(network: nn.Module) -> None:
    """Every row of a weight matrix as a direction and a free length (Salimans and Kingma 2016, equation 2).

    It conditions the optimisation and bounds no slope.
    """
    _weights(network, parametrizations.weight_norm)


PARAMETRIZATIONS: dict[str, Callable[[nn.Module], None]] = {
    "none": lambda network: None,
    "spectral": spectral,
    "weight": weight_norm,
}
