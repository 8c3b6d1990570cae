"""Kinds of tokens, each with a tokenizer of the library `tokenizers`: words, characters and pieces of words."""

from __future__ import annotations

from collections.abc import Callable

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from .words import UNKNOWN, Spelling

PAD, END = "<pad>", "<end>"
SPECIAL = (PAD, UNKNOWN, END)

# A clitic, a word, a number, other marks, or white space.
_PIECE = r"'(?:[sdmt]|ll|ve|re)| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"
_SPELLING = Spelling(letters=r"\p{L}\p{N}_", marks=r"\p{M}", outside="▁", point=r"\x{{{:X}}}")


def _word(vocabulary: int) -> tuple[Backend, trainers.Trainer]:
    """Split into words and punctuation marks; each takes the space before it along, so that decoding restores it.

    They are those of `words.words`, but that a word is cut at its hyphens and its apostrophe.
    """
    backend = Backend(models.WordLevel(unk_token=UNKNOWN))
    # Four control characters are white space to Python alone.
    spaces = normalizers.Replace(Regex(r"[\s\x1C-\x1F]+"), " ")
    backend.normalizer = normalizers.Sequence([spaces, normalizers.Strip()])
    space = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [space, pre_tokenizers.Split(Regex(f"▁?(?:{_SPELLING.word}|{_SPELLING.symbol})"), "isolated")]
    )
    # An unknown word has lost the space before it.
    backend.decoder = decoders.Sequence([decoders.Replace(UNKNOWN, "▁" + UNKNOWN), decoders.Metaspace()])
    return backend, trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)


def _character(vocabulary: int) -> tuple[Backend, trainers.Trainer]:
    """Split into single characters; a space is one of them."""
    backend = Backend(models.WordLevel(unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    return backend, trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)


def _bpe(vocabulary: int) -> tuple[Backend, trainers.Trainer]:
    """Split into pieces of words by byte-pair encoding of characters (Sennrich et al. 2016); an unseen character is
    unknown. A word, a number or a run of marks takes the space before it along (Radford et al. 2019).

    Pieces of bytes would let a generator write half of a letter that is not ASCII.
    """
    backend = Backend(models.BPE(unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECE), "isolated")
    backend.decoder = decoders.Fuse()
    return backend, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False)


KINDS: dict[str, Callable[[int], tuple[Backend, trainers.Trainer]]] = {
    "word": _word,
    "character": _character,
    "bpe": _bpe,
}
