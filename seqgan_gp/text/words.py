"""Read sentences from lines of text files, and split sentences into words or characters."""

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .. import decoding

UNKNOWN = "<unk>"  # stands for an unknown token in samples, and in texts such as WikiText; it counts as one

# A word keeps its hyphens, and a clitic ('s, 're) its apostrophe. BLEU of captions then comes within .001 of BLEU
# with nltk's word tokenizer, which published figures use and which takes a second to import.
_WORD = UNKNOWN + r"|{word}(?:-{word})*|'{word}|{symbol}"
_ASCII = re.compile(_WORD.format(word=r"\w+", symbol=r"[^\w\s]"))
_CHARACTER = re.compile(f"{UNKNOWN}|.", re.DOTALL)
_NO_SPACE_BEFORE = frozenset(".,;:!?")

_INVISIBLE = [
    (0xAD, 0xAD),  # the soft hyphen
    (0x61C, 0x61C),  # marks of direction
    (0x200C, 0x200F),  # joiners and marks of direction
    (0x202A, 0x202E),
    (0x2060, 0x2069),
    (0xE0020, 0xE007F),  # tags, which tell flags of regions apart
]
_JOINER, _SKINS, _FLAG_LETTERS = 0x200D, (0x1F3FB, 0x1F3FF), (0x1F1E6, 0x1F1FF)


class Spelling(NamedTuple):
    """Words and symbols in the language of an engine of regular expressions.

    Combining marks and invisible characters belong to the character before them: vowel signs, accents, points, the
    joiners of Indic and Persian words and of emoji. Two flag letters are one symbol, and so are the emoji of a family.

    Args:
        letters: letters, digits and the underscore, as the inside of a class.
        marks: combining marks, likewise.
        outside: characters that are in no word and no symbol, likewise.
        point: a format for the number of a character.
    """

    letters: str
    marks: str
    outside: str
    point: str

    @property
    def follows(self) -> str:
        """All characters that belong to the one before, as the inside of a class."""
        return self.marks + "".join(self._range(*bounds) for bounds in _INVISIBLE)

    @property
    def word(self) -> str:
        """A word without hyphens."""
        return f"[{self.letters}][{self.letters}{self.follows}]*"

    @property
    def symbol(self) -> str:
        """A punctuation mark, an emoji, or another character that is in no word."""
        other, flag = f"[^{self.letters}{self.outside}]", f"[{self._range(*_FLAG_LETTERS)}]"
        tail = f"[{self.follows}{self._range(*_SKINS)}]*"
        return f"(?:{flag}{flag}|{other}{tail}(?:(?<={self.point.format(_JOINER)}){other}{tail})*)"

    def _range(self, first: int, last: int) -> str:
        return f"{self.point.format(first)}-{self.point.format(last)}"


@functools.cache
def _everywhere() -> re.Pattern[str]:
    """The pattern of words of all scripts. Python's regular expressions know no class of marks."""
    possible = itertools.chain(range(0x300, 0x20000), range(0xE0100, 0xE01F0))
    marks = [i for i in possible if unicodedata.category(chr(i))[0] == "M"]
    runs = [list(run) for _, run in itertools.groupby(enumerate(marks), key=lambda pair: pair[1] - pair[0])]
    inside = "".join(f"\\U{run[0][1]:08X}-\\U{run[-1][1]:08X}" for run in runs)
    spelling = Spelling(letters=r"\w", marks=inside, outside=r"\s", point="\\U{:08X}")
    return re.compile(_WORD.format(word=spelling.word, symbol=spelling.symbol))


def words(sentence: str, lowercase: bool = True) -> tuple[str, ...]:
    """Split a sentence into words; a punctuation mark is a word of its own, and so is an emoji.

    Args:
        lowercase: fold case first, as published BLEU figures do.
    """
    pattern = _ASCII if sentence.isascii() else _everywhere()
    return tuple(pattern.findall(sentence.lower() if lowercase else sentence))


def characters(sentence: str) -> tuple[str, ...]:
    """Split a sentence into characters; <unk> stands for one of them."""
    return tuple(sentence) if UNKNOWN not in sentence else tuple(_CHARACTER.findall(sentence))


UNITS: dict[str, Callable[[str], tuple[str, ...]]] = {"word": words, "character": characters}
CASES: dict[str, Callable[[str], str]] = {"lower case": str.lower, "upper case": str.upper}


# Scripts that are written without spaces between words, by how many characters a word has in print: Chinese characters,
# kana, bopomofo and Yi; Thai, Lao, Burmese, Khmer, Tai, Balinese and Javanese.
_TWO = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30fa\u30fc-\u30ff\u3100-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\uff66-\uff9f"
    "\U00016fe0-\U0001b2ff\U00020000-\U0003ffff"
)
_FOUR = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
_OF_TWO, _OF_FOUR = re.compile(f"[{_TWO}]"), re.compile(f"[{_FOUR}]")
_BREAK = re.compile(f"[{_TWO}{_FOUR}]\\s+(?=[{_TWO}{_FOUR}])")
_OTHER_WORD = re.compile(f"[^\\W{_TWO}{_FOUR}]+")
LOOKED_AT = 50_000  # sentences, evenly spaced


def some(sentences: Sequence[str]) -> list[str]:
    """So many of the sentences as tell what all are like."""
    return list(sentences[:: max(1, -(-len(sentences) // LOOKED_AT))])


def unit_of(sentences: Sequence[str]) -> str:
    """`character` where words have no spaces between them, else `word`: at most 1 sentence in 20 has a space, as of
    passwords and genes, or most words are of a script that is written without, as Chinese and Thai are, whatever
    spaces, punctuation and Latin words stand among them. Text whose words somebody has cut apart is of words.
    """
    seen = some(sentences)
    spaced = sum(len(sentence.split(maxsplit=1)) > 1 for sentence in seen)
    return "character" if 20 * spaced <= len(seen) or _without_spaces(seen) else "word"


def _without_spaces(sentences: Iterable[str]) -> bool:
    own = others = breaks = 0.0
    for sentence in sentences:
        if sentence.isascii():
            others += len(sentence.split())
            continue
        own += len(_OF_TWO.findall(sentence)) / 2 + len(_OF_FOUR.findall(sentence)) / 4
        others += len(_OTHER_WORD.findall(sentence))
        breaks += len(_BREAK.findall(sentence))
    return own > others and breaks <= own / 2


def join(tokens: Sequence[str]) -> str:
    """Make a sentence of words, with no space before a punctuation mark; `words` splits it again."""
    pieces: list[str] = []
    for token in tokens:
        if pieces and token not in _NO_SPACE_BEFORE:
            pieces.append(" ")
        pieces.append(token)
    return "".join(pieces)


def one_line(text: str) -> str:
    """Put a text on one line: line breaks become spaces, and the ends are stripped."""
    return " ".join(text.removeprefix("\ufeff").splitlines()).strip()


def read_lines(path: str | Path) -> list[str]:
    """Read the lines of a text file, plain or packed; an empty line counts, since an empty sentence is a sentence.

    Only \\n ends a line, and a \\r before it is dropped. - is standard input.

    Raises:
        UserError: the path is missing or no file, or the file is empty or no text; with the bad line's number.
    """
    return list(without_ends(decoding.read_lines(path, newline="\n")))


def without_ends(lines: Iterable[str]) -> Iterator[str]:
    """Take the ends off lines."""
    return (line.removesuffix("\n").removesuffix("\r") for line in lines)
