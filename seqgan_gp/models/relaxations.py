"""Relaxations: from logits (B, L, V) to tokens with a gradient, which the critic reads."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor


class OneHot(torch.autograd.Function):
    """One-hot tokens (B, L, V) of ids (B, L). They pass their gradient to `soft` (B, L, V) (Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: Any, soft: Tensor, ids: Tensor) -> Tensor:
        return torch.zeros_like(soft).scatter_(-1, ids.unsqueeze(-1), 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


BLOCK = 1 << 21  # logits whose tokens are drawn at a time, since each step of that takes as much memory again


class HardTokens(NamedTuple):
    """The tokens of `OneHot` in two parts. The critic looks up the ids and passes the gradient to the soft tokens.

    This saves a tensor (B, L, V) of zeros and ones.

    Args:
        ids: (B, L) int64.
        soft: (B, L, V).
    """

    ids: Tensor
    soft: Tensor


def most_probable(logits: Tensor) -> Tensor:
    """The token of the largest logit, (..., V) -> (...) int64, the first one if several are equal.

    On a CPU numpy computes it: its argmax takes a quarter of the time of torch's, which was a tenth of sampling. numpy
    does not know bfloat16.
    """
    if logits.device.type == "cpu":
        wide = logits.detach().to(torch.promote_types(logits.dtype, torch.float32))
        return torch.from_numpy(wide.numpy().argmax(axis=-1))
    return logits.argmax(dim=-1)


def draw_chance(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Uniform numbers for `sample_ids`, one for each token.

    numpy's stream does not depend on the batch size or the device.
    """
    return torch.from_numpy(rng.random(shape, dtype=np.float32))


def sample_ids(logits: Tensor, temperature: float, chance: Tensor) -> Tensor:
    """Draw tokens (...) from softmax(logits / temperature), logits (..., V).

    Each token inverts the distribution function at a uniform number (...) of `draw_chance`. Temperature 0, or one that
    is 0 in float32, takes the most probable token.
    """
    if temperature < torch.finfo(torch.float32).tiny:
        return most_probable(logits)
    if logits.device.type != "cpu":
        return _draw(logits, temperature, chance)
    rows = max(1, BLOCK // logits.shape[-1])
    pieces = zip(logits.view(-1, logits.shape[-1]).split(rows), chance.view(-1).split(rows), strict=True)
    return torch.cat([_draw(piece, temperature, points) for piece, points in pieces]).view(chance.shape)


def _draw(logits: Tensor, temperature: float, chance: Tensor) -> Tensor:
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if temperature != 1:  # a softmax subtracts the largest logit by itself, but a division by less may overflow before
        logits = (logits - logits.amax(dim=-1, keepdim=True)) / temperature
    passed = logits.softmax(dim=-1).cumsum(dim=-1)
    total = passed[..., -1:]
    # A point that is rounded up to the total would give a token of probability zero.
    point = torch.minimum(chance.to(logits.device)[..., None] * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(passed, point, right=True).squeeze(-1)


class Relaxation(ABC):
    """From logits (B, L, V) to tokens with a gradient, which the critic reads.

    To add a relaxation, write a subclass that defines `parts`, and register it: RELAXATIONS["mine"] = Mine.

    Args:
        temperature: temperature of the softmax, over 0. Soft tokens approach one-hot ones as it approaches 0.

    Raises:
        ValueError: the temperature is not over 0.
    """

    sampling_temperature: ClassVar[float] = 0.0
    """The temperature at which `sample_ids` gives the tokens of training: 1 for relaxations that sample tokens, 0 for
    those that take the most probable one."""

    def __init__(self, temperature: float = 1.0):
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}: give a number over 0")
        self.temperature = temperature

    @abstractmethod
    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        """Tokens with a gradient: soft ones (B, L, V) that add up to 1 over V, or one-hot ones as HardTokens."""

    def __call__(self, logits: Tensor) -> Tensor:
        """The same tokens as one tensor (B, L, V)."""
        tokens = self.parts(logits)
        return OneHot.apply(tokens.soft, tokens.ids) if isinstance(tokens, HardTokens) else tokens

    def detached(self, logits: Tensor) -> Tensor:
        """The same tokens for use without a gradient: ids (B, L) of one-hot tokens, else soft tokens (B, L, V)."""
        tokens = self.parts(logits)
        return tokens.ids if isinstance(tokens, HardTokens) else tokens


def gives_one_hot(relaxation: Relaxation) -> bool:
    """Whether a relaxation gives one-hot tokens. It is tried on zeros; torch's random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        return isinstance(relaxation.parts(torch.zeros(2, 3, 5)), HardTokens)


class Softmax(Relaxation):
    """Soft tokens, softmax(logits / temperature). All randomness comes from the generator's noise."""

    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        return self.soft(self.scores(logits))

    def scores(self, logits: Tensor) -> Tensor:
        """The logits (B, L, V) of the tokens, in float32 or wider."""
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def soft(self, scores: Tensor) -> Tensor:
        # A division by 1 would cost a pass over (B, L, V) forward and one backward.
        return (scores if self.temperature == 1 else scores / self.temperature).softmax(dim=-1)


class StraightThrough(Softmax):
    """One-hot tokens of the largest scores, with the gradient of the soft ones (Bengio et al. 2013)."""

    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        scores = self.scores(logits)
        return HardTokens(most_probable(scores), self.soft(scores))

    def detached(self, logits: Tensor) -> Tensor:
        return most_probable(self.scores(logits))  # this saves the softmax


class Gumbel(Softmax):
    """Soft tokens of logits with Gumbel noise (Jang et al. 2017; Maddison et al. 2017), from torch's random state."""

    sampling_temperature = 1.0

    def scores(self, logits: Tensor) -> Tensor:
        logits = super().scores(logits)
        # Minus the logarithm of an exponential variable is a Gumbel variable.
        return logits - torch.empty_like(logits).exponential_().log()


class StraightThroughGumbel(StraightThrough, Gumbel):
    """One-hot tokens sampled as the largest score with Gumbel noise."""


RELAXATIONS: dict[str, type[Relaxation]] = {
    "softmax": Softmax,
    "straight-through": StraightThrough,
    "gumbel": Gumbel,
    "straight-through-gumbel": StraightThroughGumbel,
}
