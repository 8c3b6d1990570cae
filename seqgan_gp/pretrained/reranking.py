"""Reranking: a discriminator accepts or refuses candidates of a generator."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..adversarial.reranker import accepted, resample
from ..config import RerankingConfig
from ..models.critic import CriticNetwork
from ..models.sequence import finish
from ..text.tokenizer import Tokenizer

FEW = 16  # candidates that take hardly longer than one
MANY = 256  # candidates that are computed together at most, unless as many samples wait


@dataclasses.dataclass(frozen=True)
class Reranking:
    """The parts of reranking.

    Args:
        discriminator: from ids to log p(real) / p(generated).
        tokenizer: knows the end token. The discriminator sees padding in place of all tokens after it.
        candidates: k, the most candidates for each sample by default.
        temperature: the default temperature of the candidates' tokens.
        passes: revisions of each candidate; None without a reviser.
    """

    discriminator: CriticNetwork
    tokenizer: Tokenizer
    candidates: int
    temperature: float
    passes: int | None = None

    @classmethod
    def of(cls, config: RerankingConfig, discriminator: CriticNetwork, tokenizer: Tokenizer) -> Reranking:
        """Build the reranking of a config."""
        return cls(discriminator, tokenizer, config.candidates, config.temperature, config.passes)

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[int]]:
        """Collect how many candidates the discriminator scores at a time, for as long as a `with` block runs."""
        scored: list[int] = []
        with self.discriminator.register_forward_pre_hook(lambda _, given: scored.append(len(given[0]))):
            yield scored

    def among(
        self,
        draw: Callable[[Tensor], Tensor],
        chance: np.ndarray,
        condition: Tensor | None = None,
        batch: int = MANY,
    ) -> Callable[[], Tensor]:
        """Return a function that computes ids (B, L), each of them one of k rows of `draw`.

        The k candidates of a sample come one after another, and the first that `accepted` accepts ends the search. So
        most samples need fewer than k. Where all are refused, `resample` takes one of them. The bound is k / 2: it and
        the number of candidates grow together, and with them samples approach real ones. Where few samples are left,
        some turns are computed together.

        Args:
            draw: from row numbers (n,), of B * k rows, to their ids (n, L).
            chance: standard exponential variables, (B, 2, k), to accept and to resample.
            condition: of each of the B samples, (B, ...), if there is one.
            batch: candidates to compute at once; FEW if it is less.
        """
        num, _, most = chance.shape

        def reranked() -> Tensor:
            to_accept, to_choose = torch.from_numpy(chance.astype(np.float32)).unbind(1)
            ratios, taken = torch.empty(num, most), torch.zeros(num, dtype=torch.int64)
            waiting, turn = torch.arange(num), 0  # samples without an accepted candidate
            found: Tensor | None = None
            while len(waiting) and turn < most:
                # If k is large, a sample needs many candidates. Then k / 16 at a time waste little.
                ahead = max(1, FEW // len(waiting), min(MANY // len(waiting), most // 16))
                turns = torch.arange(turn, min(most, turn + ahead))
                places = waiting[:, None], turns
                for rows in (waiting[:, None] * most + turns).flatten().split(max(batch, FEW)):
                    ids = finish(draw(rows), self.tokenizer.end, self.tokenizer.pad)
                    given = [] if condition is None else [condition[rows // most]]
                    ratios.view(-1)[rows] = self.discriminator(ids, *given).to(ratios)
                    found = ids.new_empty(num * most, ids.shape[1]) if found is None else found
                    found[rows] = ids
                good = accepted(ratios[places], to_accept[places], most / 2)
                taken[waiting] = turn + good.int().argmax(dim=1)  # the first good one
                waiting, turn = waiting[~good.any(dim=1)], turn + len(turns)
            taken[waiting] = resample(ratios[waiting], to_choose[waiting])
            assert found is not None
            return found[torch.arange(num) * most + taken]

        return reranked
