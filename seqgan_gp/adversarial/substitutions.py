"""The generator's gradient with exact substitutions.

Straight-through tokens carry the gradient of the critic at the tokens that were written. For another token v at a
position i, that gradient only predicts the loss: `loss(x) + slope_iv - slope_ix`, where x also stands for the token
that was written there. The critic is not linear between two tokens, and where the prediction is wrong the generator
learns the wrong word. But the critic can say what a substitution is worth: it scores the sequence with v in its place.
For the substitutions that weigh most in the gradient, that difference stands in place of the slope. With all of them,
and the softmax of the logits as probabilities, the gradient is the local expectation gradient of Titsias and
Lazaro-Gredilla 2015 at one sequence: an exact expectation over each token, given the others. With none, it is the
straight-through gradient (Bengio et al. 2013). The prediction is that of HotFlip (Ebrahimi et al. 2018) and of Gibbs
with gradients (Grathwohl et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn


class OneHotTokens(Protocol):
    """One-hot tokens that the critic embeds: a named tuple of ids (B, L) int64 and of the soft tokens (B, L, V) that
    their gradient goes to.
    """

    @property
    def ids(self) -> Tensor: ...

    @property
    def soft(self) -> Tensor: ...

    def _replace(self, *, soft: Tensor) -> Self: ...


def substitution_loss(
    critic: nn.Module,
    tokens: OneHotTokens,
    loss: Callable[[Tensor], Tensor],
    substitutions: int,
    given: tuple[Any, ...] = (),
) -> Tensor:
    """The generator's loss of each sample (B,), whose gradient knows the exact worth of some substitutions.

    The gradient with respect to the probability of token v at position i is `loss(x with v at i) - loss(x)` for those
    that `chosen` chooses, and for all others the slope of the loss, less that of the token that was written at i.

    Args:
        critic: a critic as described at the head of `game`.
        tokens: the sequences x, with the probabilities of all tokens.
        loss: from the critic's scores (N,) to losses (N,); N is B, or B for each substitution, the batch repeated.
        substitutions: K, substitutions of each sample that the critic scores; at most L * V.
        given: the condition of the samples, as further arguments of the critic.
    """
    ids, soft = tokens.ids, tokens.soft
    leaf = soft.detach().requires_grad_()
    losses = loss(critic(tokens._replace(soft=leaf), *given))
    (slope,) = torch.autograd.grad(losses.sum(), leaf)
    losses = losses.detach()
    with torch.no_grad():
        worth = (slope - slope.gather(2, ids.unsqueeze(-1))).contiguous()  # a view below writes into it
        places = chosen(leaf, worth, substitutions)
        others = substitute(ids, places, soft.shape[2])
        exact = loss(critic(others.flatten(0, 1), *(g.repeat(places.shape[1], *[1] * (g.dim() - 1)) for g in given)))
        worth.view(len(worth), -1).scatter_(1, places, exact.view(places.shape[1], -1).t() - losses.unsqueeze(1))
    expected = (soft * worth).sum((1, 2))
    return losses + expected - expected.detach()


def chosen(soft: Tensor, worth: Tensor, substitutions: int) -> Tensor:
    """The K substitutions that weigh most in the gradient of each sample: those with the largest product of probability
    and predicted change, both (B, L, V). Places (B, K) in L * V.
    """
    weight = (soft * worth.abs()).flatten(1)
    return weight.topk(min(substitutions, weight.shape[1]), dim=1).indices


def substitute(ids: Tensor, places: Tensor, vocabulary: int) -> Tensor:
    """Sequences (K, B, L) like ids (B, L), each with one other token, at one of the places (B, K) in L * V."""
    others = ids.expand(places.shape[1], *ids.shape).clone()
    positions, tokens = places.t() // vocabulary, places.t() % vocabulary
    return others.scatter_(2, positions.unsqueeze(-1), tokens.unsqueeze(-1))
