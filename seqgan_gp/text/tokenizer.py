"""Sentences to token ids and back, on the `tokenizers` library.

Three ids are the same for every tokenizer trained here: 0 padding, 1 unknown, 2 end of sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from ..errors import UserError

PAD, UNKNOWN, END = SPECIAL = ("<pad>", "<unk>", "<end>")


class Encoded(NamedTuple):
    """ids (N, L) int64; how many sentences were cut to L; the fraction of tokens that are unknown."""

    ids: np.ndarray
    truncated: int
    unknown: float


def _word(vocabulary: int) -> tuple[Backend, trainers.Trainer]:
    """Words, and punctuation marks apart. A token carries the space before it: decoding gives the sentence back."""
    backend = Backend(models.WordLevel(unk_token=UNKNOWN))
    backend.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    space = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [space, pre_tokenizers.Split(Regex(r"▁?(?:\w+|[^\w▁])"), "isolated")]
    )
    # An unknown word has lost the space before it.
    backend.decoder = decoders.Sequence([decoders.Replace(UNKNOWN, "▁" + UNKNOWN), decoders.Metaspace()])
    return backend, trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)


def _character(vocabulary: int) -> tuple[Backend, trainers.Trainer]:
    backend = Backend(models.WordLevel(unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    return backend, trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)


def _bpe(vocabulary: int) -> tuple[Backend, trainers.Trainer]:
    """Byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019); an unseen byte is unknown."""
    backend = Backend(models.BPE(unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)


KINDS: dict[str, Callable[[int], tuple[Backend, trainers.Trainer]]] = {
    "word": _word,
    "character": _character,
    "bpe": _bpe,
}


class Tokenizer:
    """Wraps a `tokenizers.Tokenizer`, which stays within reach as `backend`.

    A backend that lacks the padding, unknown or end token gets it added to its vocabulary.
    """

    def __init__(self, backend: Backend):
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True  # a literal "<pad>" in a sentence is text
        backend.add_special_tokens(list(SPECIAL))
        self.backend = backend
        vocabulary = backend.get_vocab()
        if max(vocabulary.values()) >= len(vocabulary):
            raise UserError("the tokenizer's ids have gaps: a tokenizer with ids 0, 1, 2, ... is needed")
        self.pad, self.unknown, self.end = (vocabulary[token] for token in SPECIAL)
        # A tokenizer from elsewhere may have an unknown token of another name.
        self._model_unknown = vocabulary.get(getattr(backend.model, "unk_token", None) or UNKNOWN, self.unknown)

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    @classmethod
    def train(cls, kind: str, sentences: Iterable[str], vocabulary: int, lowercase: bool = False) -> Tokenizer:
        """Learn a vocabulary.

        Args:
            kind: "word", "character" or "bpe".
            vocabulary: at most so many tokens, with padding, unknown and end; the most frequent are kept.
            lowercase: fold case before anything else.

        Raises:
            UserError: bpe cannot represent the corpus in so few tokens (every byte that occurs is a token).
        """
        if vocabulary <= len(SPECIAL):
            raise UserError(
                f"tokenizer.vocabulary is {vocabulary}: it must be over {len(SPECIAL)}, for padding, unknown and end"
            )
        backend, trainer = KINDS[kind](vocabulary)
        if lowercase:
            steps = [normalizers.Lowercase(), *([backend.normalizer] if backend.normalizer else [])]
            backend.normalizer = normalizers.Sequence(steps)
        backend.train_from_iterator(sentences, trainer)
        tokenizer = cls(backend)
        tokenizer.check_size(vocabulary)
        return tokenizer

    def check_size(self, vocabulary: int) -> None:
        """Raise a UserError where there are more tokens than `vocabulary`."""
        if len(self) > vocabulary:
            raise UserError(
                f"the tokenizer needs {len(self)} tokens, more than tokenizer.vocabulary={vocabulary} allows: "
                f"pass --tokenizer.vocabulary {len(self)} or more"
            )

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """From a `tokenizer.json`, of this project or of any other.

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
        self.backend.save(str(path))

    def encode(self, sentences: Sequence[str], length: int) -> Encoded:
        """Ids of each sentence, an end token, padding up to `length`; what is longer loses its tail and the end."""
        ids = np.full((len(sentences), length), self.pad, dtype=np.int64)
        truncated = tokens = unknown = 0
        for start in range(0, len(sentences), 10_000):  # the library's own objects are large
            chunk = list(sentences[start : start + 10_000])
            for row, encoding in enumerate(self.backend.encode_batch_fast(chunk, add_special_tokens=False), start):
                sentence = [*encoding.ids, self.end]
                tokens += len(sentence)
                unknown += sentence.count(self._model_unknown)
                truncated += len(sentence) > length
                ids[row, : len(sentence)] = sentence[:length]
        return Encoded(ids, truncated, unknown / max(tokens, 1))

    def cut(self, sentences: Sequence[str], length: int) -> list[str]:
        """The sentences as far as `length` tokens reach: what is longer loses its tail, as its ids do in `encode`."""
        kept = []
        for start in range(0, len(sentences), 10_000):
            chunk = list(sentences[start : start + 10_000])
            for sentence, encoding in zip(
                chunk, self.backend.encode_batch(chunk, add_special_tokens=False), strict=True
            ):
                kept.append(sentence if len(encoding) <= length else sentence[: encoding.offsets[length - 1][1]])
        return kept

    def decode(self, ids: np.ndarray) -> list[str]:
        """The sentence in each row of ids (N, L), up to its first end or padding token."""
        rows = [row[:stop].tolist() for row, stop in zip(ids, self._lengths(ids), strict=True)]
        sentences = self.backend.decode_batch(rows, skip_special_tokens=False)
        return [" ".join(s.splitlines()) for s in sentences]  # a sentence is one line, whatever bytes BPE makes of it

    def well_formed(self, ids: np.ndarray) -> np.ndarray:
        """Whether nothing but padding follows the first end or padding token of each row of ids (N, L): bool (N,)."""
        after = np.arange(ids.shape[1]) > self._lengths(ids)[:, None]
        return ~((ids != self.pad) & after).any(axis=1)

    def _lengths(self, ids: np.ndarray) -> np.ndarray:
        stop = (ids == self.pad) | (ids == self.end)
        return np.where(stop.any(axis=1), stop.argmax(axis=1), ids.shape[1])

    @property
    def unit(self) -> str:
        """What sentences are best scored in: "character" where every token is one, else "word"."""
        return "character" if all(len(t) == 1 for t in self.tokens if t not in SPECIAL) else "word"

    @functools.cached_property
    def tokens(self) -> list[str]:
        """The token of each id."""
        return [self.backend.id_to_token(i) or "" for i in range(len(self))]
