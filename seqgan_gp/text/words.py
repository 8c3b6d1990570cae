"""Sentences as lines of text files, and as lists of words."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import UserError

# A word keeps its hyphens, a clitic ('s, 're) its apostrophe: on captions this comes within .001 of nltk's word
# tokenizer, in whose terms published BLEU figures are, without its second of import.
_WORD = re.compile(r"\w+(?:-\w+)*|'\w+|[^\w\s]")
_NO_SPACE_BEFORE = frozenset(".,;:!?")


def words(sentence: str, lowercase: bool = True) -> tuple[str, ...]:
    """Words, with punctuation marks as words of their own; published BLEU figures are of lower-cased ones."""
    return tuple(_WORD.findall(sentence.lower() if lowercase else sentence))


def characters(sentence: str) -> tuple[str, ...]:
    """The characters of a sentence, as they are."""
    return tuple(sentence)


UNITS: dict[str, Callable[[str], tuple[str, ...]]] = {"word": words, "character": characters}


def join(tokens: Sequence[str]) -> str:
    """Words to a sentence, with no space before a punctuation mark; `words` takes it apart again."""
    pieces: list[str] = []
    for token in tokens:
        if pieces and token not in _NO_SPACE_BEFORE:
            pieces.append(" ")
        pieces.append(token)
    return "".join(pieces)


def one_line(sentences: Iterable[str]) -> Iterator[str]:
    """Each non-blank sentence on one line: line breaks inside become spaces, the ends are stripped."""
    for sentence in sentences:
        line = " ".join(sentence.removeprefix("\ufeff").splitlines()).strip()
        if line:
            yield line


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file, empty ones too (an empty sentence is a sentence).

    Raises:
        UserError: the file is missing, not a file, empty, or not UTF-8 (with the number of the bad line).
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = f"convert it, for example with: iconv -f LATIN1 -t UTF-8 '{path}'"
        if b"\0" in data[:4096]:
            remedy = "it holds zero bytes, as packed and binary files do: unpack it first, or give a text file"
        raise UserError(f"{path}, line {line}: not UTF-8 text; {remedy}") from None
    if not text.strip():
        raise UserError(f"{path}: the file is empty; one sentence a line is expected")
    # Only \n ends a line (and a \r before it goes too): str.splitlines would also split at form feeds and U+2028.
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
