"""From logits (B, L, V) to a sequence that the critic reads and gradients flow through.

A relaxation has two sides: `__call__` gives the soft or one-hot sequence (B, L, V) of training; `ids` gives the tokens
(B, L) that are written down. Gumbel noise comes from torch's global random state.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def straight_through(soft: Tensor, ids: Tensor) -> Tensor:
    """One-hot of `ids` in value, with the gradient of `soft` (Bengio et al. 2013)."""
    hard = torch.zeros_like(soft).scatter_(-1, ids.unsqueeze(-1), 1.0)
    return hard + (soft - soft.detach())


def sample_ids(logits: Tensor, temperature: float, rng: torch.Generator | None = None) -> Tensor:
    """Tokens (B, L), each from softmax(logits / temperature) by the Gumbel-max trick; temperature 0 takes the most probable.

    Noise is drawn on the CPU, so that a seed gives the same tokens on every device.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    exponential = torch.empty(logits.shape).exponential_(generator=rng).to(logits.device)
    return (logits.float() / temperature - exponential.log()).argmax(dim=-1)


@dataclass
class Relaxation:
    """How logits become a sequence.

    Args:
        gumbel: add Gumbel noise, so that tokens are sampled (Jang et al. 2017; Maddison et al. 2017); else the noise of the
            generator is the only chance.
        hard: give one-hot tokens with the gradient of the soft ones (straight-through); else the soft ones.
        temperature: of the softmax, over 0; towards 0 the soft tokens become one-hot.
    """

    gumbel: bool
    hard: bool
    temperature: float = 1.0

    def __call__(self, logits: Tensor) -> Tensor:
        """Tokens (B, L, V) that add up to 1 over V."""
        if self.gumbel:
            return F.gumbel_softmax(logits.float(), tau=self.temperature, hard=self.hard)
        soft = (logits.float() / self.temperature).softmax(dim=-1)
        return straight_through(soft, soft.argmax(dim=-1)) if self.hard else soft

    @property
    def sampling_temperature(self) -> float:
        """The temperature at which `sample_ids` gives the tokens that training saw: Gumbel noise samples, the others take the most probable."""
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
