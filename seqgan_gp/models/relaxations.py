"""From logits (B, L, V) to a sequence that the critic reads and gradients flow through."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor


class OneHot(torch.autograd.Function):
    """One-hot tokens (B, L, V) of ids (B, L) in value, with the gradient of `soft` (B, L, V) (Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: Any, soft: Tensor, ids: Tensor) -> Tensor:
        return torch.zeros_like(soft).scatter_(-1, ids.unsqueeze(-1), 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class HardTokens(NamedTuple):
    """The tokens of `OneHot` in two parts, which spares a tensor (B, L, V) of zeros and ones: the critic looks the ids
    up and hands the gradient to the soft tokens.

    Args:
        ids: (B, L) int64.
        soft: (B, L, V).
    """

    ids: Tensor
    soft: Tensor


def most_probable(logits: Tensor) -> Tensor:
    """The token of the largest logit, (..., V) -> (...) int64, the first of several.

    On a CPU by numpy, whose argmax takes a quarter of the time of torch's; that was a tenth of sampling.
    """
    if logits.device.type == "cpu" and logits.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(logits.detach().numpy().argmax(axis=-1))
    return logits.argmax(dim=-1)


def draw_chance(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Uniform numbers for `sample_ids`, one for each token.

    numpy's stream is the same however it is cut into batches, and on every device.
    """
    return torch.from_numpy(rng.random(shape, dtype=np.float32))


def sample_ids(logits: Tensor, temperature: float, chance: Tensor) -> Tensor:
    """Tokens (...) of logits (..., V): where the distribution function of softmax(logits / temperature) passes the
    uniform numbers (...) of `draw_chance`; temperature 0, or one that float32 takes for 0, takes the most probable.
    """
    if temperature < torch.finfo(torch.float32).tiny:
        return most_probable(logits)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    logits = logits - logits.amax(dim=-1, keepdim=True)  # however low the temperature, the largest does not overflow
    passed = (logits / temperature).softmax(dim=-1).cumsum(dim=-1)
    total = passed[..., -1:]
    # Rounding must not carry a point to the end, past the last token that has any probability.
    point = torch.minimum(chance.to(logits.device)[..., None] * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(passed, point, right=True).squeeze(-1)


class Relaxation(ABC):
    """From logits (B, L, V) to tokens that the critic reads and gradients flow through.

    A subclass of your own defines `parts` and registers itself: RELAXATIONS["mine"] = Mine.

    Args:
        temperature: of the softmax, over 0; towards 0 soft tokens become one-hot.
    """

    sampling_temperature: ClassVar[float] = 0.0
    """The temperature of `sample_ids` that gives the tokens of training: 1 where tokens are sampled, 0 where the most
    probable ones are taken."""

    def __init__(self, temperature: float = 1.0):
        self.temperature = temperature

    @abstractmethod
    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        """Tokens with a gradient: soft ones (B, L, V) that add up to 1 over V, or one-hot ones in their two parts."""

    def __call__(self, logits: Tensor) -> Tensor:
        """The same tokens as one tensor (B, L, V)."""
        tokens = self.parts(logits)
        return OneHot.apply(tokens.soft, tokens.ids) if isinstance(tokens, HardTokens) else tokens

    def detached(self, logits: Tensor) -> Tensor:
        """The same tokens where no gradient is needed: ids (B, L) where they are one-hot, else (B, L, V)."""
        tokens = self.parts(logits)
        return tokens.ids if isinstance(tokens, HardTokens) else tokens


class Softmax(Relaxation):
    """Soft tokens, softmax(logits / temperature). The generator's noise is the only chance."""

    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        return self.soft(self.scores(logits))

    def scores(self, logits: Tensor) -> Tensor:
        """The logits that tokens are made of, (B, L, V), in float32 or wider."""
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def soft(self, scores: Tensor) -> Tensor:
        # A division by 1 would be a pass over (B, L, V) forward, and one backward.
        return (scores if self.temperature == 1 else scores / self.temperature).softmax(dim=-1)


class StraightThrough(Softmax):
    """One-hot tokens of the largest scores, with the gradient of the soft ones (Bengio et al. 2013)."""

    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        scores = self.scores(logits)
        return HardTokens(most_probable(scores), self.soft(scores))

    def detached(self, logits: Tensor) -> Tensor:
        return most_probable(self.scores(logits))  # without the softmax


class Gumbel(Softmax):
    """Soft tokens of logits with Gumbel noise (Jang et al. 2017; Maddison et al. 2017), from torch's random state."""

    sampling_temperature = 1.0

    def scores(self, logits: Tensor) -> Tensor:
        logits = super().scores(logits)
        # Minus the logarithm of an exponential variable is a Gumbel variable.
        return logits - torch.empty_like(logits).exponential_().log()


class StraightThroughGumbel(StraightThrough, Gumbel):
    """One-hot tokens that are sampled: the largest of the scores with Gumbel noise."""


RELAXATIONS: dict[str, type[Relaxation]] = {
    "softmax": Softmax,
    "straight-through": StraightThrough,
    "gumbel": Gumbel,
    "straight-through-gumbel": StraightThroughGumbel,
}
