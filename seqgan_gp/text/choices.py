"""Choices that depend on a corpus: its kind of tokens and the length of its sequences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from .tokenizer import Tokenizer
from .words import some, unit_of

USUAL, LONGEST = 32, 128  # positions; the work of a step grows with them


def kind_of(sentences: Sequence[str]) -> str:
    """`character` where words have no spaces between them, as in passwords, genes and Chinese; else `word`."""
    return unit_of(sentences)


def length_of(sentences: Sequence[str], tokenizer: Tokenizer) -> int:
    """Positions that hold the longest sentence and its end token, but no more than 32 unless over 1 sentence in 100
    is longer, and then as many as hold the other 99; never over 128.
    """
    seen = some(sentences)
    batches = (seen[start : start + 10_000] for start in range(0, len(seen), 10_000))
    encoded = itertools.chain.from_iterable(
        tokenizer.backend.encode_batch_fast(batch, add_special_tokens=False) for batch in batches
    )
    lengths = np.sort([len(encoding) + 1 for encoding in encoded])
    most = int(lengths[max(0, int(np.ceil(0.99 * len(lengths))) - 1)])
    return min(int(lengths[-1]), max(most, USUAL), LONGEST)
