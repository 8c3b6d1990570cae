"""Networks that read sequences: batches of sentences, ids and tokens, and hidden states with their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, cast

import torch
from torch import Tensor

from .. import terminal
from ..arrays import Array
from ..errors import UserError
from ..fields import whole
from ..memory import check
from ..models.sequence import within
from ..notices import notify
from ..text.lines import BATCH
from ..text.tokenizer import Tokenizer, as_sentences
from ..text.unknown import Unknowns
from . import inputs
from .given import Given, encode
from .rows import Rows

if TYPE_CHECKING:
    from ..text.conditions import Condition

Sequences: TypeAlias = str | Sequence[str] | Array
Pool: TypeAlias = Literal["mean", "last"] | None
POOLS = ("mean", "last")
WINDOWS = "windows"  # a layer whose state at a position is of the window that begins there


class Reader(ABC):
    """A network with its tokenizer that reads sequences, batch by batch: N of them in bounded memory."""

    SEES_CONDITION: ClassVar[bool] = False  # whether hidden states depend on the condition

    network: Any
    tokenizer: Tokenizer
    condition: Condition | None

    @property
    @abstractmethod
    def layers(self) -> list[str]:
        """The names of the layers, in the order in which the network computes them."""

    @property
    def numbered(self) -> list[str]:
        """The layers that `features` knows by number, too."""
        return self.layers

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.network.parameters()).device

    @abstractmethod
    def _checked(self, sequences: Array) -> Tensor:
        """Ids or tokens for the network, on its device. Raise a UserError for all else."""

    @abstractmethod
    def _states(self, tokens: Tensor, condition: Tensor | None) -> dict[str, Tensor]:
        """The states of each layer, (B, positions, C), by name. A layer of windows has fewer positions than others."""

    def tokens(self, sequences: Sequences) -> Tensor:
        """Ids (N, L) of sentences or ids, or tokens (N, L, V) in the network's type of floats; on its device.

        Raises:
            UserError: there are none, one is neither, an id is not in the vocabulary, or the shape is another one.
        """
        return torch.cat([tokens for tokens, *_ in self._encoded(sequences, None, BATCH, conditional=False)])

    def mask(self, sequences: Sequences) -> Tensor:
        """True for each position of a sentence, its end token included, and False after it: bool (N, L).

        Padding without an end token ends a sentence, too. The first position is always True. Soft tokens count as the
        most probable ones.

        Raises:
            UserError: as `tokens`.
        """
        return self._mask(self.tokens(sequences))

    def strings(self, sequences: Sequences) -> list[list[str]]:
        """The text of the token at each position: N lists of L texts. Soft tokens count as the most probable ones.

        Raises:
            UserError: as `tokens`.
        """
        texts = self.tokenizer.texts
        return [[texts[i] for i in row] for row in _ids(self.tokens(sequences)).tolist()]

    def states(
        self,
        sequences: Sequences,
        given: Given = None,
        pool: Pool = None,
        batch_size: int = 256,
        progress: bool = False,
    ) -> dict[str, Tensor]:
        """The hidden states of all layers by name, each (N, L, C), or (N, C) where they are pooled.

        The layer "windows" has the hidden units of the window that begins at each position, and zeros where none
        begins, since it would reach over the last position.

        Args:
            given: the label or the context of each sequence. A critic checks it, and its hidden states do not change.
            pool: "mean" over the positions of the sentence, its end token included, or the state at the "last" of
                them. Those windows count that begin within the sentence.
            batch_size: sequences to compute at once.
            progress: show a bar on stderr, if it takes some seconds.

        Raises:
            UserError: an option is wrong, a condition does not fit, or the states do not fit into memory; or as
                `tokens`.
        """
        return self._read(sequences, given, pool, batch_size, progress, self.layers)

    def features(
        self,
        sequences: Sequences,
        layer: int | str = -1,
        given: Given = None,
        pool: Pool = None,
        batch_size: int = 256,
        progress: bool = False,
    ) -> Tensor:
        """The hidden states of one layer, (N, L, C), or (N, C) where they are pooled.

        Args:
            layer: a name of `layers`, or a number: 0 is what enters the first block, i the output of block i, -1 that
                of the last.
            given, pool, batch_size, progress: as of `states`.

        Raises:
            IndexError: there is no layer of that number.
            UserError: there is none of that name; or as `states`.
        """
        name = self._name(layer)
        return self._read(sequences, given, pool, batch_size, progress, [name])[name]

    def _name(self, layer: int | str) -> str:
        if isinstance(layer, str):
            if layer not in self.layers:
                raise UserError(f"layer: there is no '{layer}', there are {', '.join(self.layers)}")
            return layer
        size = len(self.numbered)
        try:
            number = whole("layer", layer, -(2**63))
        except UserError:
            names = ", ".join(self.layers)
            raise UserError(f"layer is {layer!r}: give a number from 0 to {size - 1}, or one of {names}") from None
        if not -size <= number < size:
            raise IndexError(f"layer {layer}: there are layers 0 to {size - 1}, and by name {', '.join(self.layers)}")
        return self.numbered[number]

    def _read(
        self, sequences: Sequences, given: Given, pool: Pool, batch_size: int, progress: bool, layers: list[str]
    ) -> dict[str, Tensor]:
        """The states of some layers. The others are dropped batch by batch."""
        if pool is not None and pool not in POOLS:
            raise UserError(f"pool is {pool!r}: give 'mean', 'last', or None for the state at each position")
        found: dict[str, Rows] = {}
        conditional = self.SEES_CONDITION or given is not None
        for tokens, condition, rows in self._encoded(sequences, given, batch_size, progress, conditional):
            mask, states = self._mask(tokens), self._states(tokens, condition)
            pooled = {name: _pooled(states[name], mask, pool) for name in layers}
            if not found and len(tokens) < rows:
                needed = sum(state.nbytes for state in pooled.values()) / len(tokens) * rows
                remedy = "pool them, take one layer with `features`, or give fewer sequences"
                check(needed, f"the states of {rows:,} sequences", remedy, self.device)
            for name, state in pooled.items():
                found.setdefault(name, Rows(rows)).add(state)
        return {name: parts.joined() for name, parts in found.items()}

    def _encoded(
        self,
        sequences: Sequences,
        given: Given,
        batch_size: int,
        progress: bool = False,
        conditional: bool = True,
    ) -> Iterator[tuple[Tensor, Tensor | None, int]]:
        """Ids or tokens of at most `batch_size` sequences, their conditions, and the number of all sequences.

        Sentences are encoded batch by batch. Warnings at the end count all that were cut, and all unknown tokens.

        Args:
            conditional: whether a conditional network needs `given`.
        """
        batch_size = whole("batch_size", batch_size, 1)
        sequences, device = inputs.in_a_list(sequences), self.device
        if not inputs.holds_text(sequences):
            tokens = self._checked(cast(Array, sequences))
            condition = encode(self.condition, given, len(tokens), device) if conditional else None
            for start in _starts(len(tokens), batch_size, progress):
                part = slice(start, start + batch_size)
                yield tokens[part], None if condition is None else condition[part], len(tokens)
            return
        sentences, truncated, unknowns = as_sentences(sequences), 0, Unknowns(self.tokenizer)
        condition = encode(self.condition, given, len(sentences), device) if conditional else None
        for start in _starts(len(sentences), batch_size, progress):
            part = slice(start, start + batch_size)
            encoded = self.tokenizer.encode(sentences[part], self.network.length)
            truncated += encoded.truncated
            unknowns.add(sentences[part], encoded.ids)
            ids = torch.from_numpy(encoded.ids).to(device)
            yield ids, None if condition is None else condition[part], len(sentences)
        if truncated:
            notify(f"{truncated} sentences are longer than {self.network.length} tokens and were cut")
        unknowns.tell()

    def _mask(self, tokens: Tensor) -> Tensor:
        ids = _ids(tokens)
        mask = within(ids, self.tokenizer.end) & ((ids == self.tokenizer.pad).cumsum(dim=1) == 0)
        mask[:, 0] = True
        return mask


def _ids(tokens: Tensor) -> Tensor:
    """Ids (N, L): the most probable ones of tokens (N, L, V)."""
    return tokens if tokens.dim() == 2 else tokens.argmax(dim=-1)


def _starts(rows: int, batch_size: int, shown: bool) -> Any:
    """The first row of each batch."""
    starts = range(0, max(rows, 1), batch_size)  # no rows make an empty batch
    return terminal.progress(starts, "batches", len(starts)) if shown else starts


def _pooled(states: Tensor, mask: Tensor, pool: Pool) -> Tensor:
    """States (B, positions, C) at all positions of a mask (B, L), zeros where they have none; or pooled to (B, C).

    A mask is True up to some position, so that the last one is found by counting.
    """
    length = mask.shape[1]
    mask = mask[:, : states.shape[1]]
    if pool is None:
        return torch.nn.functional.pad(states, (0, 0, 0, length - states.shape[1]))
    if pool == "mean":
        counts = mask[..., None].to(states.dtype)
        return (states * counts).sum(dim=1) / counts.sum(dim=1)
    return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
