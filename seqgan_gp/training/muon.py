"""Muon: updates of matrices in which every direction has the same size (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: steep at 0
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Muon for matrices, and Adam for all other weights.

    The gradient of a matrix, with momentum, is a sum of directions of very different sizes, and the few large ones hide
    the others. Muon gives all of them the same size: for the singular value decomposition U S V^T, the update is about
    U V^T. `torch.optim.Muon` takes matrices alone, from torch 2.9 on, one after another and in bfloat16. This one takes
    matrices of one shape together, in float32.

    Args:
        params: weights, or groups of them. A group with "matrices" False has none for Muon.
        lr: learning rate of both.
        momentum: decay of the momentum of a matrix, from 0 to 1.
        scale: root mean square of the numbers of a matrix's update, over the learning rate. Adam's is near 1.
        betas: Adam's, of all other weights.
        eps: Adam's.

    Raises:
        ValueError: a number is outside of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.5,
        scale: float = 1.0,
        betas: tuple[float, float] = (0.0, 0.9),
        eps: float = 1e-8,
    ):
        for name, value, good in (
            ("lr", lr, lr >= 0),
            ("momentum", momentum, 0 <= momentum < 1),
            ("scale", scale, scale > 0),
            ("betas", betas, all(0 <= beta < 1 for beta in betas)),
        ):
            if not good:
                raise ValueError(f"{name} is {value}")
        defaults = {"lr": lr, "momentum": momentum, "scale": scale, "betas": betas, "eps": eps, "matrices": True}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all weights that have a gradient. There is no closure."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            others = []
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if group["matrices"] and weight.dim() == 2:
                    alike.setdefault(weight.shape, []).append(weight)
                else:
                    others.append(weight)
            for matrices in alike.values():
                self._update(matrices, group)
            if others:
                self._adam(others, group)

    def _update(self, matrices: list[Tensor], group: dict[str, Any]) -> None:
        """Update matrices of one shape."""
        momenta = []
        for weight in matrices:
            state = self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            momenta.append(state["momentum"])
        gradients = gradients_of(matrices)
        torch._foreach_mul_(momenta, group["momentum"])
        torch._foreach_add_(momenta, gradients)
        ahead = torch._foreach_add(gradients, momenta, alpha=group["momentum"])  # Nesterov's
        size = group["scale"] * max(matrices[0].shape) ** 0.5  # a matrix with orthonormal rows has 1 / sqrt(columns)
        torch._foreach_add_(matrices, list(orthogonal(torch.stack(ahead))), alpha=-group["lr"] * size)

    def _adam(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        for weight in weights:
            state = self.state[weight]
            if not state:
                state["step"] = torch.zeros((), device=weight.device)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
        first, second, steps = ([self.state[w][k] for w in weights] for k in ("exp_avg", "exp_avg_sq", "step"))
        beta1, beta2 = group["betas"]
        adam(
            weights,
            gradients_of(weights),
            first,
            second,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            eps=group["eps"],
            weight_decay=0.0,
            maximize=False,
        )


def gradients_of(weights: list[Tensor]) -> list[Tensor]:
    """The gradients of weights, all of which have one."""
    return [weight.grad for weight in weights if weight.grad is not None]


def orthogonal(matrices: Tensor) -> Tensor:
    """About U V^T of each matrix U S V^T, (N, m, n), by the iteration of Newton and Schulz. Singular values from a
    hundredth of the matrix's norm on become .68 to 1.14.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-12)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
