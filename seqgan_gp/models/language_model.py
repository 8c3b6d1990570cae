"""The language model: it predicts each token from all tokens before it."""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..machine import moved
from .relaxations import draw_chance, sample_ids
from .sequence import SequenceModel, within


class LanguageModelNetwork(SequenceModel):
    """An LSTM with p(x) = prod_t p(x_t | x_<t), the product up to and including the first end token.

    The output layer's weights are the embedding matrix (Press & Wolf 2017; Inan et al. 2017). Padding has probability
    zero. The end token also serves as the start token.

    Args:
        vocabulary: V.
        length: L, positions.
        pad, end: ids of the padding and of the end token.
        embedding: E, dimensions of a token's embedding.
        width: H, units of every LSTM layer.
        layers: number of LSTM layers.
        dropout: fraction of the embeddings and of every layer's outputs that training sets to zero (Zaremba et al.
            2014).
    """

    never: Tensor  # (V,), minus infinity for padding and zero elsewhere

    def __init__(
        self,
        vocabulary: int,
        length: int,
        pad: int,
        end: int,
        embedding: int = 64,
        width: int = 192,
        layers: int = 1,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.vocabulary, self.length, self.pad, self.end = vocabulary, length, pad, end
        self.embedding = nn.Embedding(vocabulary, embedding)
        nn.init.normal_(self.embedding.weight, std=0.1)  # torch's unit variance is too large for output weights
        self.lstm = nn.LSTM(embedding, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(width, embedding)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        never = torch.zeros(vocabulary).index_fill(0, torch.tensor(pad), -math.inf)
        self.register_buffer("never", never, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, L, V) of each token of ids (B, L) given the tokens before it."""
        return self.logits(self.hidden(ids))

    def hidden(self, ids: Tensor) -> Tensor:
        """States (B, L, H) before the model reads each token of ids (B, L)."""
        before = F.pad(ids[:, :-1], (1, 0), value=self.end)
        states, _ = self.lstm(self.dropout(self.embedding(before)))
        return states

    def states(self, ids: Tensor) -> list[Tensor]:
        """The embeddings (B, L, E) of ids (B, L), then the states (B, L, H) of each layer after it reads each token.

        They have no dropout. The last are those of `hidden`, one position earlier.
        """
        output = self.embedding(torch.cat([torch.full_like(ids[:, :1], self.end), ids], dim=1))
        states = [output[:, 1:]]
        for weights in self.lstm.all_weights:  # nn.LSTM gives the outputs of the last layer alone
            zero = output.new_zeros(1, len(ids), self.lstm.hidden_size)
            output, *_ = torch.lstm(output, (zero, zero), [*weights], True, 1, 0.0, False, False, True)
            states.append(output[:, 1:])
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of states (..., H)."""
        return F.linear(self.project(self.dropout(hidden)), self.embedding.weight, self.bias + self.never)

    def counted(self, ids: Tensor) -> Tensor:
        """True for tokens of ids (B, L) that belong to a sentence; bool (B, L)."""
        return within(ids, self.end)

    def log_probability(self, ids: Tensor) -> Tensor:
        """log p (B,) of ids (B, L) in nats. A row without an end token counts as the start of a sentence."""
        counted = self.counted(ids)
        longest = int(counted.any(dim=0).sum())  # positions after the end of every sentence need no computing
        ids, counted = ids[:, :longest], counted[:, :longest]
        logits = self.logits(self.hidden(ids)[counted])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        nats = F.cross_entropy(logits, ids[counted], reduction="none")
        return -nats.new_zeros(ids.shape).masked_scatter(counted, nats).sum(dim=1)

    def draw(
        self,
        num: int,
        temperature: float,
        noise: np.random.Generator,
        tokens: np.random.Generator,
        condition: Tensor | None = None,
    ) -> Callable[..., Tensor]:
        """See SequenceModel.draw. Padding follows the end token.

        Each token inverts its distribution at one uniform number. There is a number for every position, even if the
        sentence ends before it, so rows do not depend on one another.
        """
        if condition is not None:
            raise ValueError("a language model takes no condition")
        uniform = moved(draw_chance((num, self.length), tokens), self.bias.device)
        return lambda rows=None: self._write(uniform if rows is None else uniform[rows], temperature)

    def _write(self, uniform: Tensor, temperature: float) -> Tensor:
        """Ids (B, L), drawn one token after another with uniform numbers (B, L)."""
        num, device = len(uniform), uniform.device
        ids = torch.full((num, self.length), self.pad, device=device)
        rows = torch.arange(num, device=device)  # sentences that have not ended
        token, state = torch.full_like(rows, self.end), None
        for position in range(self.length):
            hidden, state = self.lstm(self.embedding(token)[:, None], state)
            token = sample_ids(self.logits(hidden[:, 0]), temperature, uniform[rows, position])
            ids[rows, position] = token
            going = token != self.end
            rows, token, state = rows[going], token[going], tuple(s[:, going] for s in state)
            if not len(rows):
                break
        return ids
