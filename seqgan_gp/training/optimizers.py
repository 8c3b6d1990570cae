"""Builds optimisers by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch

from ..config import OptimizerConfig
from ..errors import UserError
from .muon import Muon

OPTIMIZERS = {"Muon": Muon}  # beside those of torch.optim
FUSED = ("Adam", "AdamW", "SGD")  # these have a fused update on every device


def make_optimizer(
    key: str,
    config: OptimizerConfig,
    parameters: Iterable[torch.nn.Parameter],
    betas: tuple[float, float],
    hidden: Iterable[torch.nn.Parameter] | None = None,
) -> torch.optim.Optimizer:
    """Build an optimiser of OPTIMIZERS or torch.optim by name.

    Args:
        key: the optimiser's key in the config, for messages.
        parameters: the weights.
        betas: betas of Adam and its variants, unless the options set them.
        hidden: those of the weights that Muon updates as matrices; by default, all matrices. Adam updates all others,
            and so the whole of a network that has none.

    Raises:
        UserError: there is no such optimiser, or it refuses an option.
    """
    cls: Any = OPTIMIZERS.get(config.name) or getattr(torch.optim, config.name, None)
    known = inspect.isclass(cls) and torch.optim.Optimizer in cls.__mro__[1:]
    if not known:
        raise UserError(
            f"{key}.name: no optimiser '{config.name}': there are Muon and those of torch.optim, such as Adam"
        )
    inner = None if hidden is None else set(map(id, hidden))
    takes = inspect.signature(cls).parameters
    options = ({"betas": betas} if "betas" in takes else {}) | config.options
    if isinstance(options.get("betas"), list | tuple):  # a YAML file may have [0, 0.9], but torch wants floats
        options["betas"] = tuple(float(b) if isinstance(b, int) else b for b in options["betas"])
    # A fused update takes a third of the time. It cannot be combined with these other options.
    if config.name in FUSED and not {"foreach", "differentiable"} & options.keys():
        options = {"fused": True} | options
    if unknown := options.keys() - takes.keys():
        names = ", ".join(k for k in takes if k not in ("params", "lr"))
        raise UserError(f"{key}.options: {config.name} has no option {', '.join(sorted(unknown))}; it has: {names}")
    try:
        # Try a step on a small matrix: some optimisers refuse options, dense gradients or a missing closure only there.
        trial = torch.nn.Parameter(torch.zeros(2, 2))
        trial.grad = torch.zeros(2, 2)
        cls([trial], lr=config.lr, **options).step()
        if cls is Muon and inner is not None:
            weights = list(parameters)
            matrices, others = ([w for w in weights if (id(w) in inner) is inside] for inside in (True, False))
            groups = [{"params": matrices}, {"params": others, "matrices": False}]
            return cls(groups, lr=config.lr, **options)
        return cls(parameters, lr=config.lr, **options)
    except Exception as error:  # each optimiser raises its own exceptions
        cause = " ".join(str(error).split())
        raise UserError(f"{key}: {config.name} cannot train this with options {options} ({cause})") from None


def states(config: OptimizerConfig) -> int:
    """The numbers that an optimiser keeps for each weight of a matrix, such as 2 for Adam."""
    matrix = torch.nn.Parameter(torch.zeros(3, 5))
    matrix.grad = torch.zeros_like(matrix)
    optimizer = make_optimizer("", config, [matrix], (0.0, 0.9))
    optimizer.step()
    return sum(torch.is_tensor(value) and value.shape == matrix.shape for value in optimizer.state[matrix].values())
