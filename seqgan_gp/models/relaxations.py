"""From logits (B, L, V) to a sequence that the critic reads and gradients flow through."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class StraightThrough(torch.autograd.Function):
    """One-hot tokens (B, L, V) of ids (B, L) in value, with the gradient of `soft` (B, L, V) (Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: Any, soft: Tensor, ids: Tensor) -> Tensor:
        return torch.zeros_like(soft).scatter_(-1, ids.unsqueeze(-1), 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class HardTokens(NamedTuple):
    """The tokens of StraightThrough as their parts, without one number of V set in every position: `Critic.embed` looks
    the ids up, and hands the gradient to the soft tokens.

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
    uniform numbers (...) of `draw_chance`; temperature 0 takes the most probable.
    """
    if temperature == 0:
        return most_probable(logits)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    logits = logits - logits.amax(dim=-1, keepdim=True)  # however low the temperature, the largest does not overflow
    passed = (logits / temperature).softmax(dim=-1).cumsum(dim=-1)
    total = passed[..., -1:]
    # Rounding must not carry a point to the end, past the last token that has any probability.
    point = torch.minimum(chance.to(logits.device)[..., None] * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(passed, point, right=True).squeeze(-1)


@dataclass
class Relaxation:
    """How logits become a sequence. Gumbel noise comes from torch's global random state.

    Args:
        gumbel: add Gumbel noise, so that tokens are sampled (Jang et al. 2017; Maddison et al. 2017); else the noise
            of the generator is the only chance.
        hard: give one-hot tokens with the gradient of the soft ones (straight-through); else the soft ones.
        temperature: of the softmax, over 0; towards 0 the soft tokens become one-hot.
    """

    gumbel: bool
    hard: bool
    temperature: float = 1.0

    def __call__(self, logits: Tensor) -> Tensor:
        """Tokens (B, L, V) that add up to 1 over V, with a gradient."""
        tokens = self.parts(logits)
        return StraightThrough.apply(tokens.soft, tokens.ids) if isinstance(tokens, HardTokens) else tokens

    def parts(self, logits: Tensor) -> Tensor | HardTokens:
        """The same tokens, in parts where they are one-hot: the cheapest that a critic can embed."""
        logits = self._perturbed(logits)
        # A division by 1 would be a pass over (B, L, V) forward, and one backward.
        soft = (logits if self.temperature == 1 else logits / self.temperature).softmax(dim=-1)
        return HardTokens(most_probable(logits), soft) if self.hard else soft

    def detached(self, logits: Tensor) -> Tensor:
        """The same tokens where no gradient is needed: ids (B, L) where they are one-hot, else (B, L, V)."""
        return most_probable(self._perturbed(logits)) if self.hard else self(logits)

    def _perturbed(self, logits: Tensor) -> Tensor:
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        # Minus the logarithm of an exponential variable is a Gumbel variable.
        return logits - torch.empty_like(logits).exponential_().log() if self.gumbel else logits

    @property
    def sampling_temperature(self) -> float:
        """The default of `sample_ids`: 1 where Gumbel noise samples tokens, else 0, the most probable one."""
        return 1.0 if self.gumbel else 0.0


RELAXATIONS = {
    "softmax": dict(gumbel=False, hard=False),
    "straight-through": dict(gumbel=False, hard=True),
    "gumbel": dict(gumbel=True, hard=False),
    "straight-through-gumbel": dict(gumbel=True, hard=True),
}


def relaxation(name: str, temperature: float = 1.0) -> Relaxation:
    """The relaxation of that name, one of RELAXATIONS."""
    return Relaxation(**RELAXATIONS[name], temperature=temperature)
