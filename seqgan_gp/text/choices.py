"""Choices that depend on a corpus: its tokens and their number, the length of its sequences, the parts of training."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from .kinds import SPECIAL
from .tokenizer import Tokenizer
from .words import some, unit_of, words

USUAL, LONGEST = 32, 128  # positions; the work of a step grows with them
PASSES = 3  # of a reviser
PIECES, TOKENS = 1_000, 5_000  # the largest number of tokens that are pieces of words, and of others


def kind_of(sentences: Sequence[str], vocabulary: int | None = None, lowercase: bool = False) -> str:
    """`character` where words have no spaces between them, as in passwords, genes and Chinese; else `word` if all words
    fit into a vocabulary of so many tokens, PIECES by default; else `bpe`, unless characters alone take half of that.

    Samples of pieces come nearer to real text than those of thousands of words, mostly rare ones (docs/experiments.md).
    """
    if unit_of(sentences) == "character":
        return "character"
    room = vocabulary or PIECES
    if not _more((words(sentence, lowercase) for sentence in some(sentences)), room - len(SPECIAL)):
        return "word"
    return "word" if _more(sentences, room // 2) else "bpe"


def _more(parts: Iterable[Iterable[str]], number: int) -> bool:
    """Whether there are more different items in all parts than a number."""
    seen: set[str] = set()
    for part in parts:
        seen.update(part)
        if len(seen) > number:
            return True
    return False


def vocabulary_of(kind: str) -> int:
    """The largest number of tokens of a kind, unless somebody gives another one."""
    return PIECES if kind == "bpe" else TOKENS


def passes_of(kind: str | None) -> int:
    """The revisions of each sample: none of pieces of words, where they cost time and bring nothing
    (docs/experiments.md).
    """
    return 0 if kind == "bpe" else PASSES


def dilation_of(kind: str | None, usual: int) -> int:
    """The dilation of the critic: 1 for pieces of words, where more makes samples worse (docs/experiments.md), or else
    the usual one.
    """
    return 1 if kind == "bpe" else usual


def share_of(passes: int) -> float:
    """The fraction of the training for the reranker, where each sample has so many revisions.

    A generator without a reviser needs more of the training than it would have with one (docs/experiments.md).
    """
    return 0.4 if passes else 0.25


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
