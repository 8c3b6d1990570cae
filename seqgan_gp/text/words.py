"""Read sentences from lines of text files, and split sentences into words or characters."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .. import decoding

# A word keeps its hyphens, and a clitic ('s, 're) its apostrophe. BLEU of captions then comes within .001 of BLEU
# with nltk's word tokenizer, which published figures use and which takes a second to import.
_WORD = re.compile(r"\w+(?:-\w+)*|'\w+|[^\w\s]")
_NO_SPACE_BEFORE = frozenset(".,;:!?")


def words(sentence: str, lowercase: bool = True) -> tuple[str, ...]:
    """Split a sentence into words; a punctuation mark is a word of its own.

    Args:
        lowercase: fold case first, as published BLEU figures do.
    """
    return tuple(_WORD.findall(sentence.lower() if lowercase else sentence))


def characters(sentence: str) -> tuple[str, ...]:
    """Split a sentence into characters."""
    return tuple(sentence)


UNITS: dict[str, Callable[[str], tuple[str, ...]]] = {"word": words, "character": characters}


def join(tokens: Sequence[str]) -> str:
    """Make a sentence of words, with no space before a punctuation mark; `words` splits it again."""
    pieces: list[str] = []
    for token in tokens:
        if pieces and token not in _NO_SPACE_BEFORE:
            pieces.append(" ")
        pieces.append(token)
    return "".join(pieces)


def one_line(sentences: Iterable[str]) -> Iterator[str]:
    """Put each sentence on one line: line breaks become spaces, ends are stripped, blank sentences left out."""
    for sentence in sentences:
        line = " ".join(sentence.removeprefix("\ufeff").splitlines()).strip()
        if line:
            yield line


def read_lines(path: str | Path) -> list[str]:
    """Read the lines of a text file, plain or packed; an empty line counts, since an empty sentence is a sentence.

    Raises:
        UserError: the path is missing or no file, or the file is empty or no text; with the bad line's number.
    """
    return split_lines(decoding.read_text(path))


def split_lines(text: str) -> list[str]:
    """Split a text into its lines.

    Only \\n ends a line, and a \\r before it is dropped: str.splitlines would also split at form feeds and U+2028.
    """
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
