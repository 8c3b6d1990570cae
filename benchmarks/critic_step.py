"""One critic step of WGAN-GP: ours, a textbook step, and the arithmetic that neither can avoid.

Ours is the step that training takes (loss, penalty, backward; the optimiser is the same for all and left out). The
textbook is the same maths written plainly, as most public code does: nn.Conv1d and nn.ReLU, one-hot inputs, three
separate passes, and autograd.grad for the penalty; its loss and gradients agree with ours. The floor is the
multiply-adds that the maths asks for, counted per layer and timed as plain matrix products of the same shapes. The
three take turns, so that a drift of the machine hits all alike; times are medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgan_gp.config import PenaltyConfig
from seqgan_gp.machine import keep_memory, set_threads
from seqgan_gp.models.critic import Critic
from seqgan_gp.training.steps import CriticStep

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
    parser.add_argument("--seconds", type=float, default=20.0, help="for each case (default: %(default)s)")
    parser.add_argument("--cases", type=int, nargs="+", help="numbers of the cases to run, from 1 (default: all)")


def run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    set_threads(options.threads)
    keep_memory()
    chosen = [CASES[i - 1] for i in options.cases] if options.cases else CASES
    rows = [measure(case, options.seconds) for case in chosen]
    return {"threads": torch.get_num_threads(), "kernel": KERNEL, "rows": rows}, _table(rows)


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """The three times of a case, in milliseconds, and how far the textbook's loss and gradients are from ours."""
    torch.manual_seed(0)
    critic = Critic(case.vocabulary, case.length, EMBEDDING, width=case.width, blocks=case.blocks, kernel=KERNEL)
    textbook = Textbook(critic)
    real, fake = torch.randint(case.vocabulary, (2, case.batch, case.length))
    alpha = torch.rand(case.batch)
    step = CriticStep(critic, PenaltyConfig(weight=WEIGHT))

    def ours() -> Tensor:
        critic.zero_grad()
        loss = step(real, fake, alpha)["critic_loss"]
        loss.backward()
        return loss

    one_hot = [F.one_hot(tokens, case.vocabulary).float() for tokens in (real, fake)]

    def plain() -> Tensor:
        textbook.zero_grad()
        loss = textbook.loss(one_hot[0], one_hot[1], alpha)
        loss.backward()
        return loss

    losses = ours().item(), plain().item()
    difference = abs(losses[0] - losses[1]) / max(1.0, abs(losses[0]))
    for name, one, other in textbook.gradients(critic):
        if name != "output.bias":  # a constant cancels in D(x) - D(G(z)): rounding is all there is
            difference = max(difference, ((one - other).norm() / one.norm()).item())
    times = take_turns({"ours": ours, "textbook": plain, "floor": floor(case)}, seconds)
    row: dict[str, Any] = case._asdict() | {f"{k}_ms": 1000 * statistics.median(v) for k, v in times.items()}
    row |= {f"{k}_ms_quartiles": [1000 * q for q in statistics.quantiles(v)[::2]] for k, v in times.items()}
    row |= {"ours_to_floor": row["ours_ms"] / row["floor_ms"], "textbook_to_ours": row["textbook_ms"] / row["ours_ms"]}
    return row | {"difference": difference, "rounds": len(times["ours"])}


def take_turns(functions: dict[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    """Seconds of each call, the functions in turn for about so long, at least five rounds."""
    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return times


class Textbook(nn.Module):
    """The critic with the weights of ours, out of torch's own layers, and the step as most public code has it."""

    def __init__(self, critic: Critic):
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

    def gradients(self, critic: Critic) -> list[tuple[str, Tensor, Tensor]]:
        """Name, our gradient and the textbook's for each parameter."""
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


def products(case: Case) -> list[tuple[int, int, int, int]]:
    """Matrix products (rows, inner, columns, times) that a step cannot avoid, for each layer: forward of real, fake and
    interpolates; the inner gradient with respect to the interpolates; backward of real and fake to weights and inputs;
    and, for the penalty, the derivative of the inner gradient to the weights and to what the layer above passed down.
    With ReLUs the second derivative of the score vanishes between layers, so 3 + 1 + 4 + 2.
    """
    rows = case.batch * case.length
    hidden = (rows, KERNEL * case.width, case.width, 10 * 2 * case.blocks)
    return [(rows, EMBEDDING, case.width, 10), hidden, (case.batch, case.length * case.width, 1, 10)]


def floor(case: Case) -> Callable[[], object]:
    """A function that takes the time of those products."""
    work = [(torch.randn(m, k), torch.randn(k, n), torch.empty(m, n), times) for m, k, n, times in products(case)]

    def multiply() -> None:
        for one, other, out, times in work:
            for _ in range(times):
                torch.mm(one, other, out=out)

    return multiply


def _table(rows: list[dict[str, Any]]) -> str:
    names = [*Case._fields, "ours_ms", "textbook_ms", "floor_ms", "ours_to_floor", "textbook_to_ours", "difference"]
    heads = [*Case._fields, "ours ms", "textbook ms", "floor ms", "ours/floor", "textbook/ours", "difference"]
    forms = [*["d"] * len(Case._fields), ".1f", ".1f", ".1f", ".2f", ".2f", ".0e"]
    lines = ["  ".join(h.rjust(10) for h in heads)]
    lines += ["  ".join(format(row[n], f).rjust(10) for n, f in zip(names, forms, strict=True)) for row in rows]
    return "\n".join(lines)
