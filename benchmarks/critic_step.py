"""One critic step of WGAN-GP: ours, a textbook step, and the bare arithmetic.

Ours is the step of training (loss, penalty, backward), without the optimiser, which is the same for all. The textbook
computes the same in the style of most public code: nn.Conv1d and nn.ReLU, one-hot inputs, three separate passes, and
autograd.grad for the penalty. The floor is the multiply-adds of a step, counted per layer and timed as plain matrix
products of the same shapes. The three take turns, so that a drift of the machine affects all alike. Times are medians.

The floor counts convolutions by the direct sum. Tiled convolutions need fewer products, so a step may beat the floor.

Operations are those of all products that a step computes, divided by those of the floor. The difference is the largest
relative difference between our loss and gradients and the textbook's, in double precision. In single precision,
rounding puts some of the millions of hidden units on different sides of the kink of a ReLU.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from seqgan_gp.adversarial.game import CriticLoss
from seqgan_gp.adversarial.objectives import OBJECTIVES
from seqgan_gp.adversarial.penalty import Penalty
from seqgan_gp.machine import prepare
from seqgan_gp.models.critic import CriticNetwork

from .timing import Product, multiply, spread, take_turns

EMBEDDING, KERNEL, WEIGHT, SCALE = 32, 5, 10.0, 0.3


class Case(NamedTuple):
    """A critic and a batch."""

    width: int
    length: int
    vocabulary: int
    batch: int
    blocks: int


CASES = [
    Case(64, 16, 150, 64, 2),
    Case(128, 32, 100, 64, 5),
    Case(512, 32, 100, 64, 5),  # Gulrajani et al. 2017
    Case(128, 32, 5_000, 64, 5),
    Case(128, 32, 50_000, 64, 3),
]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds for each case (default: %(default)s)")
    numbers = range(1, len(CASES) + 1)
    parser.add_argument("--cases", type=int, nargs="+", choices=numbers, help="cases to run, by number (default: all)")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    prepare(options.threads)
    chosen = [CASES[i - 1] for i in options.cases] if options.cases else CASES
    rows = [measure(case, options.seconds) for case in chosen]
    return {"threads": torch.get_num_threads(), "kernel": KERNEL, "rows": rows}, _table(rows)


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """The three times of a case in milliseconds, the operations, and the difference between the results."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"width": case.width, "blocks": case.blocks, "kernel": KERNEL, "dilation": 1}
    critic = CriticNetwork(case.vocabulary, case.length, EMBEDDING, **shape)
    textbook = Textbook(critic)
    real, fake = torch.randint(case.vocabulary, (2, case.batch, case.length))
    alpha = torch.rand(case.batch)
    difference = disagreement(copy.deepcopy(critic).double(), copy.deepcopy(textbook).double(), real, fake, alpha)
    functions = {"ours": ours(critic, real, fake, alpha), "textbook": plain(textbook, real, fake, alpha)}
    times = take_turns(functions | {"floor": multiply(products(case))}, seconds, warm=True)
    row: dict[str, Any] = case._asdict()
    for name, values in times.items():
        row |= spread(f"{name}_ms", [1000 * t for t in values])
    row |= {"ours_to_floor": row["ours_ms"] / row["floor_ms"], "textbook_to_ours": row["textbook_ms"] / row["ours_ms"]}
    least = 2 * sum(product.multiply_adds for product in products(case))
    row |= {f"{name}_operations": count_operations(function) / least for name, function in functions.items()}
    return row | {"difference": difference, "rounds": len(times["ours"])}


def ours(critic: CriticNetwork, real: Tensor, fake: Tensor, alpha: Tensor) -> Callable[[], Tensor]:
    """Return a function that computes the step of training and returns the loss."""
    step = CriticLoss(critic, OBJECTIVES["wasserstein"], Penalty(weight=WEIGHT))

    def run_step() -> Tensor:
        critic.zero_grad()
        loss = step(real, fake, alpha)["critic_loss"]
        loss.backward()
        return loss

    return run_step


def plain(textbook: Textbook, real: Tensor, fake: Tensor, alpha: Tensor) -> Callable[[], Tensor]:
    """Return a function that computes the textbook's step and returns the loss."""
    dtype = textbook.embedding.dtype
    one_hot = [F.one_hot(tokens, len(textbook.embedding)).to(dtype) for tokens in (real, fake)]

    def run_step() -> Tensor:
        textbook.zero_grad()
        loss = textbook.loss(one_hot[0], one_hot[1], alpha)
        loss.backward()
        return loss

    return run_step


def disagreement(critic: CriticNetwork, textbook: Textbook, real: Tensor, fake: Tensor, alpha: Tensor) -> float:
    """The largest relative difference between our loss and gradients and the textbook's."""
    alpha = alpha.to(critic.embedding.dtype)
    losses = [f(real, fake, alpha)().item() for f in (partial(ours, critic), partial(plain, textbook))]
    difference = abs(losses[0] - losses[1]) / abs(losses[0])
    for name, one, other in textbook.gradients(critic):
        if name != "output.bias":  # a constant cancels in D(x) - D(G(z)), so this gradient is rounding
            difference = max(difference, ((one - other).norm() / one.norm()).item())
    return difference


class Operations(TorchDispatchMode):
    """Counts the multiplications and additions of products. torch's FlopCounterMode stops at an inner gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def count_operations(function: Callable[[], object]) -> int:
    """The multiplications and additions of all products in one call."""
    with Operations() as counted:
        function()
    return counted.total


class Textbook(nn.Module):
    """A critic of torch's own layers with our weights, and the step in the style of most public code."""

    def __init__(self, critic: CriticNetwork):
        super().__init__()
        length, width = critic.length, critic.input_projection.out_features
        self.embedding = nn.Parameter(critic.embedding.detach().clone())
        self.project = nn.Conv1d(critic.embedding.shape[1], width, 1)
        convolutions = [m for block in critic.blocks for m in block.modules() if hasattr(m, "kernel")]
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2) for _ in convolutions)
        self.relu, self.output = nn.ReLU(), nn.Linear(length * width, 1)
        with torch.no_grad():
            for own, other in zip(
                [self.project, *self.convolutions], [critic.input_projection, *convolutions], strict=True
            ):
                own.weight.copy_(_as_conv1d(other.weight, own))
                own.bias.copy_(other.bias)
            self.output.load_state_dict(critic.output.state_dict())

    def embed(self, one_hot: Tensor) -> Tensor:
        return one_hot @ F.normalize(self.embedding, dim=1)

    def score(self, embedded: Tensor) -> Tensor:
        x = self.project(embedded.transpose(1, 2))
        for first, second in zip(self.convolutions[::2], self.convolutions[1::2], strict=True):
            x = x + SCALE * second(self.relu(first(self.relu(x))))
        return self.output(self.relu(x).transpose(1, 2).flatten(1)).squeeze(1)

    def loss(self, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
        embedded_real, embedded_fake = self.embed(real), self.embed(fake)
        a = alpha[:, None, None]
        points = (a * embedded_real + (1 - a) * embedded_fake).detach().requires_grad_()
        scores = self.score(points)
        (gradient,) = torch.autograd.grad(scores, points, torch.ones_like(scores), create_graph=True)
        penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        return self.score(embedded_fake).mean() - self.score(embedded_real).mean() + WEIGHT * penalty

    def gradients(self, critic: CriticNetwork) -> list[tuple[str, Tensor, Tensor]]:
        """The name, our gradient and the textbook's gradient of each parameter."""
        found = []
        for (name, parameter), own in zip(critic.named_parameters(), self.parameters(), strict=True):
            assert parameter.grad is not None and own.grad is not None
            # (out, in, kernel) to (out, kernel * in)
            gradient = own.grad.transpose(1, 2).flatten(1) if own.dim() == 3 else own.grad
            found.append((name, parameter.grad, gradient))
        return found


def _as_conv1d(weight: Any, conv: nn.Conv1d) -> Tensor:
    """(out, kernel * in) to (out, in, kernel)."""
    return weight.unflatten(1, (conv.kernel_size[0], conv.in_channels)).transpose(1, 2)


def products(case: Case) -> list[Product]:
    """The matrix products of a step, 3 + 1 + 4 + 2 for each layer.

    There are 3 in the forward passes of real, fake and interpolates; 1 in the inner gradient with respect to the
    interpolates; 4 in the backward passes of real and fake, to weights and inputs; and 2 in the derivative of the inner
    gradient, to the weights and to the gradient from the layer above. With ReLUs the second derivative of the score
    vanishes between layers.
    """
    rows = case.batch * case.length
    hidden = Product(rows, KERNEL * case.width, case.width, 10 * 2 * case.blocks)
    output = Product(case.batch, case.length * case.width, 1, 10)
    return [Product(rows, EMBEDDING, case.width, 10), hidden, output]


COLUMNS = {  # key of a row: heading, format
    **{name: (name, "d") for name in Case._fields},
    "ours_ms": ("ours ms", ".1f"),
    "textbook_ms": ("textbook ms", ".1f"),
    "floor_ms": ("floor ms", ".1f"),
    "ours_to_floor": ("ours/floor", ".2f"),
    "textbook_to_ours": ("textbook/ours", ".2f"),
    "ours_operations": ("our operations", ".2f"),
    "textbook_operations": ("textbook's", ".2f"),
    "difference": ("difference", ".0e"),
}


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["  ".join(heading.rjust(10) for heading, _ in COLUMNS.values())]
    for row in rows:
        cells = [format(row[key], form).rjust(max(10, len(heading))) for key, (heading, form) in COLUMNS.items()]
        lines.append("  ".join(cells))
    return "\n".join(lines)
