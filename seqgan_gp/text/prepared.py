"""A corpus prepared for training: its sentences, cut and as token ids, in files that are mapped into memory.

FOLDER/
  corpus/train.txt, test.txt              the sentences, one a line
  corpus/train.given.txt, test.given.txt  the label or the context of each, if they have one
  corpus/train.ids.npy                    token ids of the training sentences, (N, L)
  corpus/train.given.npy                  their labels, (N,), or the token ids of their contexts, (N, L)
  corpus/facts.json                       counts that are told to the user
"""

from __future__ import annotations

import contextlib
import itertools
import json
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import atomic_write
from ..terminal import progress
from .conditions import Condition
from .cutting import Pair
from .lines import Sentences, batches
from .tokenizer import Tokenizer

CORPUS = "corpus"
IDS, GIVEN, FACTS = "train.ids.npy", "train.given.npy", "facts.json"


class Rows:
    """Whole numbers (N, ...) in a file, of as few bytes as they need; the rows that are taken are int64."""

    def __init__(self, array: np.ndarray):
        self.array = array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all rows."""
        return self.array.shape

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.array)

    def __getitem__(self, rows: Any) -> np.ndarray:
        taken = np.asarray(self.array[rows]).astype(np.int64)
        if isinstance(self.array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self.array.base.madvise(mmap.MADV_DONTNEED)  # else all of the file would count as our memory in the end
        return taken


@dataclass(frozen=True)
class Facts:
    """Facts about a prepared corpus.

    Attributes:
        kind, length: the kind of the tokens and the positions of a sequence.
        truncated: the number of training sentences that were cut.
        unknown: the fraction of their tokens that are unknown.
        copies: whether every held-out sentence is a training sentence too.
    """

    kind: str | None
    length: int
    truncated: int
    unknown: float
    copies: bool


@dataclass(frozen=True)
class Prepared:
    """The training sentences as numbers.

    Attributes:
        ids: their token ids (N, L).
        given: the rows of their labels or contexts; None if they have none.
        facts: counts.
    """

    ids: Rows
    given: Rows | None
    facts: Facts

    @classmethod
    def read(cls, folder: Path, in_memory: bool = False) -> Prepared:
        """Open the files that `write` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        corpus = folder / CORPUS
        mode: Any = None if in_memory else "r"
        try:
            given = corpus / GIVEN
            return cls(
                Rows(np.load(corpus / IDS, mode)),
                Rows(np.load(given, mode)) if given.exists() else None,
                Facts(**json.loads((corpus / FACTS).read_text(encoding="utf-8"))),
            )
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{corpus}: the prepared corpus is damaged ({error}): train anew") from None


def write(
    folder: Path,
    train: Sentences,
    test: Sentences,
    tokenizer: Tokenizer,
    kind: str | None,
    length: int,
    condition: Condition | None = None,
) -> None:
    """Cut sentences to `length` tokens, and write them and their token ids, one batch after another."""
    corpus = folder / CORPUS
    corpus.mkdir(parents=True, exist_ok=True)
    new, counts = set[str](), np.zeros(3, dtype=np.int64)  # truncated sentences, tokens, unknown tokens

    def cut_test() -> Iterator[str]:
        for texts, _ in tokenizer.cut(test.text, length):
            new.update(texts)
            yield from texts

    def cut_train(ids: Numbers) -> Iterator[str]:
        for texts, encoded in tokenizer.cut(train.text, length):
            ids.append(encoded.ids)
            counts[:] += encoded.truncated, encoded.tokens, encoded.unknowns
            new.difference_update(texts)
            yield from texts

    Sentences.write(_paired(cut_test(), test.given), corpus / "test", test.given is not None)
    with Numbers(corpus / IDS, len(tokenizer), (len(train), length)) as ids:
        texts = progress(cut_train(ids), "sentences to token ids", len(train))
        Sentences.write(_paired(texts, train.given), corpus / "train", train.given is not None)
    if condition and train.given is not None:
        _write_given(corpus / GIVEN, train.given, condition)
    truncated, tokens, unknowns = counts.tolist()
    facts = Facts(kind, length, truncated, unknowns / max(tokens, 1), copies=not new)
    with atomic_write(corpus / FACTS) as file:
        json.dump(asdict(facts), file)


def _paired(texts: Iterable[str], given: Sequence[str] | None) -> Iterator[Pair]:
    return zip(texts, itertools.repeat(None) if given is None else given)  # noqa: B905


def _write_given(path: Path, given: Sequence[str], condition: Condition) -> None:
    shape = condition.encode(given[:1]).shape[1:]
    with Numbers(path, condition.values, (len(given), *shape)) as numbers:
        for batch in batches(given):
            numbers.append(condition.encode(batch))


class Numbers(contextlib.AbstractContextManager["Numbers"]):
    """Writes whole numbers to a .npy file, some rows at a time.

    Args:
        values: the numbers are below this.
        shape: of all rows together.
    """

    def __init__(self, path: Path, values: int, shape: tuple[int, ...]):
        self.dtype = np.min_scalar_type(max(values - 1, 0))
        self.file = path.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(self.file, header)

    def append(self, rows: np.ndarray) -> None:
        """Write the next rows."""
        self.file.write(np.ascontiguousarray(rows, dtype=self.dtype).tobytes())

    def __exit__(self, *_: object) -> None:
        self.file.close()
