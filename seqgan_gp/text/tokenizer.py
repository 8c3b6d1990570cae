"""Turn sentences into token ids and back, with the library `tokenizers`.

Every tokenizer that is trained here has the same three special ids: 0 for padding, 1 for unknown
tokens and 2 for the end of a sentence.
"""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers

from ..errors import UserError
from ..fields import whole
from .kinds import KINDS, SPECIAL, UNKNOWN
from .lines import BATCH, batches

MOST_IDS = 1 << 22  # in memory at a time
NOBODY_KNOWS = "\ufdd0"  # Unicode has set it aside for programs, so no text has it


def as_sentences(sentences: object) -> list[str]:
    """A list of sentences; one alone becomes a list of one.

    Raises:
        UserError: there is something else among them.
    """
    if isinstance(sentences, str):
        sentences = [sentences]
    if not isinstance(sentences, Iterable) or isinstance(sentences, bytes | Mapping):
        raise UserError(f"a list of sentences is needed, not {reprlib.repr(sentences)} ({type(sentences).__name__})")
    checked = list(sentences)
    for number, sentence in enumerate(checked):
        if not isinstance(sentence, str):
            words = isinstance(sentence, list | tuple) and all(isinstance(word, str) for word in sentence)
            remedy = "join its words to one text" if words else "give one text"
            found = f"{reprlib.repr(sentence)} ({type(sentence).__name__})"
            raise UserError(f"item {number} is {found}, not a sentence: {remedy}")
        if not sentence.isascii() and any(0xD800 <= ord(character) < 0xE000 for character in sentence):
            raise UserError(
                f"item {number}, {reprlib.repr(sentence)}, has half of a surrogate pair: decode it as UTF-8"
            )
    return checked


class Encoded(NamedTuple):
    """N sentences as token ids.

    Args:
        ids: int64 (N, L).
        truncated: the number of sentences that were cut to L tokens.
        tokens: the number of tokens before that, with the end tokens.
        unknowns: the number of those that are unknown.
    """

    ids: np.ndarray
    truncated: int
    tokens: int
    unknowns: int

    @property
    def unknown(self) -> float:
        """The fraction of tokens that are unknown."""
        return self.unknowns / max(self.tokens, 1)

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """Join several parts."""
        ids, *counts = zip(*parts, strict=True)
        return cls(np.concatenate(ids), *map(sum, counts))


class Tokenizer:
    """Turns sentences into token ids and back.

    Args:
        backend: a tokenizer of the library `tokenizers`. If its vocabulary lacks the padding, unknown
            or end token, that token is added.

    Attributes:
        pad, unknown, end: the ids of the special tokens.
        uppercase: whether sentences are read in capitals, as a run with corpus.uppercase has read its own.

    Raises:
        UserError: the ids of the backend have gaps.
    """

    def __init__(self, backend: Backend):
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True  # a literal "<pad>" in a sentence is text
        backend.add_special_tokens(list(SPECIAL))
        self.backend, self.uppercase = backend, False
        vocabulary = backend.get_vocab()
        if max(vocabulary.values()) >= len(vocabulary):
            raise UserError("the tokenizer's ids have gaps: a tokenizer with ids 0, 1, 2, ... is needed")
        self.pad, self.unknown, self.end = (vocabulary[token] for token in SPECIAL)
        # A tokenizer from elsewhere may have an unknown token of another name.
        self._model_unknown = vocabulary.get(getattr(backend.model, "unk_token", None) or UNKNOWN, self.unknown)

    def __len__(self) -> int:
        """Count the tokens, special tokens included."""
        return self.backend.get_vocab_size()

    @classmethod
    def train(cls, kind: str, sentences: Iterable[str], vocabulary: int, lowercase: bool = False) -> Tokenizer:
        """Learn a vocabulary from sentences.

        Args:
            kind: "word", "character" or "bpe", an entry of `KINDS`.
            vocabulary: the largest number of tokens, special tokens included. The most frequent tokens
                are kept.
            lowercase: fold case before anything else.

        Raises:
            UserError: there is no room for the special tokens, or, for bpe, for every character that occurs.
        """
        if vocabulary <= len(SPECIAL):
            raise UserError(
                f"tokenizer.vocabulary is {vocabulary}: it must be over {len(SPECIAL)}, for padding, unknown and end"
            )
        backend, trainer = KINDS[kind](vocabulary)
        if lowercase:
            steps = [normalizers.Lowercase(), *([backend.normalizer] if backend.normalizer else [])]
            backend.normalizer = normalizers.Sequence(steps)
        seen = (sentence.replace(UNKNOWN, " ") for sentence in sentences)  # of WikiText, for example
        backend.train_from_iterator(seen, trainer)
        tokenizer = cls(backend)
        tokenizer.check_size(vocabulary)
        return tokenizer

    def check_size(self, vocabulary: int) -> None:
        """Raise a UserError if there are more tokens than `vocabulary`."""
        if len(self) > vocabulary:
            raise UserError(
                f"the tokenizer needs {len(self)} tokens, more than tokenizer.vocabulary={vocabulary} allows: "
                f"pass --tokenizer.vocabulary {len(self)} or more"
            )

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read a `tokenizer.json` of this project or of any other.

        Raises:
            UserError: the file is missing or is not a tokenizer.
        """
        if not Path(path).is_file():
            raise UserError(f"{path}: no such tokenizer file; a tokenizer.json is expected")
        try:
            return cls(Backend.from_file(str(path)))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except Exception as error:  # the library raises plain Exception
            raise UserError(f"{path}: not a tokenizer.json ({' '.join(str(error).split())})") from None

    def save(self, path: str | Path) -> None:
        """Write a `tokenizer.json`."""
        self.backend.save(str(path))

    def encode(self, sentences: str | Sequence[str], length: int) -> Encoded:
        """Turn N sentences into ids (N, length): the tokens of a sentence, an end token, then padding.

        A sentence that does not fit with its end token is cut to `length` tokens and has no end token.

        Raises:
            UserError: one of the sentences is no text, or the length is no number of at least 1.
        """
        sentences, length = as_sentences(sentences), whole("length", length, 1)
        parts = [self._table(self._token_ids(chunk), length) for chunk in batches(sentences)]
        return Encoded.joined(parts) if parts else self._table([], length)

    def cut(self, sentences: Iterable[str], length: int) -> Iterator[tuple[list[str], Encoded]]:
        """Cut each sentence to the text of its first `length` tokens, and encode it; so many sentences at a time."""
        for chunk in batches(sentences, max(1, min(BATCH, MOST_IDS // length))):
            rows = self._token_ids(chunk)
            if long := [i for i, ids in enumerate(rows) if len(ids) > length]:
                hidden = self._hidden([chunk[i] for i in long])
                whole = self.backend.encode_batch(hidden, add_special_tokens=False)
                for i, sentence, encoding in zip(long, hidden, whole, strict=True):
                    part = sentence[: encoding.offsets[length - 1][1]]
                    chunk[i] = part.replace(NOBODY_KNOWS, self._unknown_text)
                for i, ids in zip(long, self._token_ids([chunk[i] for i in long]), strict=True):
                    rows[i] = ids
            yield chunk, self._table(rows, length)

    def fits(self, sentences: Iterable[str], length: int) -> np.ndarray:
        """Whether each sentence has at most `length` tokens, the end token not counted: bool (N,)."""
        return np.array(
            [len(ids) <= length for chunk in batches(sentences) for ids in self._token_ids(chunk)], dtype=bool
        )

    def _token_ids(self, sentences: list[str]) -> list[list[int]]:
        hidden = self._hidden(sentences)
        return [encoding.ids for encoding in self.backend.encode_batch_fast(hidden, add_special_tokens=False)]

    def _hidden(self, sentences: Sequence[str]) -> list[str]:
        """N sentences as the backend reads them: with a character that nobody knows in place of the text of an unknown
        token, which `decode` writes, and perhaps in capitals. So that text is an unknown token again, and one token.
        """
        if getattr(self.backend.model, "unk_token", None):
            sentences = [sentence.replace(self._unknown_text, NOBODY_KNOWS) for sentence in sentences]
        return [sentence.upper() for sentence in sentences] if self.uppercase else list(sentences)

    @property
    def _unknown_text(self) -> str:
        return self.tokens[self._model_unknown]

    def _table(self, rows: list[list[int]], length: int) -> Encoded:
        ids = np.full((len(rows), length), self.pad, dtype=np.int64)
        truncated = tokens = unknown = 0
        for row, sentence in zip(ids, rows, strict=True):
            sentence.append(self.end)
            tokens += len(sentence)
            unknown += sentence.count(self._model_unknown)
            truncated += len(sentence) > length
            row[: len(sentence)] = sentence[:length]
        return Encoded(ids, truncated, tokens, unknown)

    def decode(self, ids: np.ndarray) -> list[str]:
        """Turn ids (N, L) into N sentences; each ends before its first end or padding token."""
        rows = [row[:stop].tolist() for row, stop in zip(ids, self._lengths(ids), strict=True)]
        sentences = self.backend.decode_batch(rows, skip_special_tokens=False)
        return [" ".join(s.splitlines()) for s in sentences]  # a sentence is one line, even if BPE decodes line breaks

    def unknown_at(self, ids: np.ndarray) -> np.ndarray:
        """True where a token of ids (N, L) is unknown: bool (N, L)."""
        return (ids == self.unknown) | (ids == self._model_unknown)

    def unknown_pieces(self, sentences: Sequence[str]) -> list[str]:
        """The pieces of N sentences that are unknown tokens, in their order. Each is without the space before it,
        unless it is unknown for that space alone, as the one of "dogs ." may be.
        """
        found, known = [], set(self.texts) - {self._unknown_text}
        hidden = self._hidden(sentences)
        encoded = self.backend.encode_batch(hidden, add_special_tokens=False)
        for sentence, encoding in zip(hidden, encoded, strict=True):
            strange, offsets = np.flatnonzero(self.unknown_at(np.array(encoding.ids))), encoding.offsets
            for piece in (sentence[slice(*offsets[place])] for place in strange):
                piece = piece.replace(NOBODY_KNOWS, self._unknown_text)
                bare = piece.strip()
                found.append(piece if not bare or bare in known else bare)
        return found

    def well_formed(self, ids: np.ndarray) -> np.ndarray:
        """Check that only padding follows the first end or padding token, for each row of ids (N, L): bool (N,)."""
        after = np.arange(ids.shape[1]) > self._lengths(ids)[:, None]
        return ~((ids != self.pad) & after).any(axis=1)

    def _lengths(self, ids: np.ndarray) -> np.ndarray:
        """Count the tokens before the first end or padding token, for each row of ids (N, L): (N,)."""
        stop = (ids == self.pad) | (ids == self.end)
        return np.where(stop.any(axis=1), stop.argmax(axis=1), ids.shape[1])

    @property
    def unit(self) -> str:
        """The unit of n-grams that suits the tokens: "character" if every token is one character, else "word"."""
        return "character" if all(len(t) == 1 for t in self.tokens if t not in SPECIAL) else "word"

    @property
    def kind(self) -> str:
        """The kind of the tokens, one of KINDS: pieces of words of any model that cuts words are "bpe"."""
        return self.unit if self.unit == "character" or isinstance(self.backend.model, models.WordLevel) else "bpe"

    @functools.cached_property
    def tokens(self) -> list[str]:
        """The token of each id, in the order of the ids."""
        return [self.backend.id_to_token(i) or "" for i in range(len(self))]

    @functools.cached_property
    def texts(self) -> list[str]:
        """The text of each id alone, in the order of the ids: its token, without the mark of a space where the token
        is a word. Special tokens, and parts of a character, are as in `tokens`.
        """
        alone = self.backend.decode_batch([[i] for i in range(len(self))], skip_special_tokens=False)
        texts = zip(alone, self.tokens, strict=True)
        return [token if not text or "\ufffd" in text or token in SPECIAL else text for text, token in texts]
