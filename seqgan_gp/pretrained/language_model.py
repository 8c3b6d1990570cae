"""Language models with their tokenizer: samples, probabilities and hidden states of sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..arrays import Array, listed
from ..artefacts import evaluating
from ..fields import whole
from ..machine import onto
from ..models.language_model import LanguageModelNetwork
from ..text.tokenizer import as_sentences
from ..text.unknown import Unknowns
from . import inputs
from .generator import Generator
from .reader import Reader


class LanguageModel(Generator, Reader):
    """A generator trained by maximum likelihood, which also knows the probability of a sentence, and gives its hidden
    states as a `Critic` does: of sentences or ids (N, L) int64. They carry no gradient.
    """

    network: LanguageModelNetwork
    kind = LanguageModelNetwork
    what = "language model"

    def log_likelihood(self, sentences: Sequence[str], batch_size: int = 512) -> tuple[np.ndarray, np.ndarray]:
        """The log-probability of each sentence in nats, (N,) float64, and its number of tokens with the end token, (N,)
        int64.

        A sentence longer than L tokens counts by its first L, and an unknown word by the unknown token. A warning tells
        of unknown words.

        Raises:
            UserError: there are no sentences, or one is no text.
        """
        batch_size = whole("batch_size", batch_size, 1)
        sentences = as_sentences(listed(sentences, "sentences") if not isinstance(sentences, str) else sentences)
        ids = self.tokenizer.encode(sentences, self.network.length).ids
        unknowns = Unknowns(self.tokenizer)
        unknowns.add(sentences, ids)
        unknowns.tell()
        tokens = self.network.counted(torch.from_numpy(ids)).sum(dim=1).numpy()
        nats = np.empty(len(ids))
        order = np.argsort(tokens, kind="stable")  # equal lengths together: less padding
        with evaluating(self.network):
            for start in range(0, len(ids), batch_size):
                rows = order[start : start + batch_size]
                batch = onto(ids[rows], self.network.bias.device)
                nats[rows] = self.network.log_probability(batch).cpu().numpy()
        return nats, tokens

    @property
    def layers(self) -> list[str]:
        """The names of the layers: "embedding", then the outputs of the LSTM's layers, "layer 1" to "layer n". The
        state at a position has read the token there and all before it.
        """
        return ["embedding", *(f"layer {i}" for i in range(1, 1 + self.network.lstm.num_layers))]

    def _checked(self, sequences: Array) -> Tensor:
        return inputs.ids(sequences, self.network.vocabulary, self.device)

    def _states(self, tokens: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
        with evaluating(self.network):
            return dict(zip(self.layers, self.network.states(tokens), strict=True))
