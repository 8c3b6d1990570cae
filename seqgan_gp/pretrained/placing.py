"""Where a pattern stands in a sequence that is being written, and which tokens each position may then have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..text.patterns import FREE, Pattern


def surprise_of(logits: Tensor, allowed: Tensor) -> Tensor:
    """Minus the log-probability that the token at each position of logits (N, L, V) is an allowed one, (N, L)."""
    return logits.logsumexp(dim=-1) - logits.masked_fill(~allowed, -torch.inf).logsumexp(dim=-1)


def allowed_tokens(logits: Tensor, pattern: Pattern, gumbel: np.ndarray) -> Tensor:
    """Place a pattern in each of N sequences, and say which tokens may stand at each position, bool (N, L, V): the
    fixed ones alone at their places, no end before the last of them, an end behind it where the pattern is tied to the
    end, and nowhere an unknown one.

    Args:
        logits: of the sequences, (N, L, V).
        gumbel: Gumbel noise for `places`, (N, pieces, L).
    """
    tokenizer = pattern.tokenizer
    stops = [tokenizer.end, tokenizer.pad]
    needed = sorted({token for piece in pattern.pieces for token in piece if token != FREE}.union(stops))
    columns = (logits[:, :, needed] - logits.logsumexp(dim=-1, keepdim=True)).cpu().double().unbind(dim=-1)
    log = {token: column.numpy() for token, column in zip(needed, columns, strict=True)}
    going = np.log1p(-sum(np.exp(log[stop]) for stop in stops).clip(max=1 - 1e-12))
    offsets = torch.from_numpy(places(pattern, log, going, gumbel))
    allowed = torch.ones(logits.shape, dtype=torch.bool)
    rows = torch.arange(len(logits))
    after = offsets[:, -1] + len(pattern.pieces[-1])
    before = torch.arange(logits.shape[1]) < after[:, None]
    allowed[:, :, tokenizer.unknown] = False
    for stop in stops:
        allowed[:, :, stop] &= ~before
    for piece, starts in zip(pattern.pieces, offsets.T, strict=True):
        for place, token in enumerate(piece):
            if token != FREE:
                allowed[rows, starts + place] = False
                allowed[rows, starts + place, token] = True
    if pattern.last:
        inside = after < logits.shape[1]  # a sequence may also end because it is full
        allowed[rows[inside], after[inside]] = False
        allowed[rows[inside], after[inside], tokenizer.end] = True
    return allowed.to(logits.device)


def places(pattern: Pattern, log: Mapping[int, np.ndarray], going: np.ndarray, gumbel: np.ndarray) -> np.ndarray:
    """Where each piece of a pattern begins in each of N sequences: int64 (N, pieces). The place with the largest
    log-probability plus Gumbel noise is a draw from the places in proportion to their probabilities; of several pieces
    the sum is the largest (found as Viterbi 1967 did).

    Args:
        log: log-probabilities of the fixed tokens and of the end token, (N, L) each.
        going: those of no end, (N, L).
        gumbel: Gumbel noise (N, pieces, L).
    """
    rows, length = going.shape
    runs = np.concatenate([np.zeros((rows, 1)), going.cumsum(axis=1)], axis=1)
    best, gains = np.zeros((rows, length + 1)), []  # the best of the pieces so far, by where the next one may begin
    for number, piece in enumerate(pattern.pieces):
        count = length - len(piece) + 1
        gain = gumbel[:, number, :count] + best[:, :count]
        for place, token in enumerate(piece):
            if token != FREE:
                gain += log[token][:, place : place + count]
        if number == 0 and pattern.first:
            gain[:, 1:] = -np.inf
        if number == len(pattern.pieces) - 1:
            gain += runs[:, len(piece) :]
            if pattern.last:
                end = np.concatenate([log[pattern.tokenizer.end], np.zeros((rows, 1))], axis=1)
                gain += end[:, len(piece) :]
        best = np.full((rows, length + 1), -np.inf)
        best[:, len(piece) :] = np.maximum.accumulate(gain, axis=1)
        gains.append(gain)
    offsets, limit = np.zeros((rows, len(gains)), dtype=np.int64), np.full(rows, length)
    for number in reversed(range(len(gains))):
        fits = np.arange(gains[number].shape[1]) + len(pattern.pieces[number]) <= limit[:, None]
        offsets[:, number] = limit = np.where(fits, gains[number], -np.inf).argmax(axis=1)
    return offsets
