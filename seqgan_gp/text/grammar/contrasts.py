"""Read the lines of a grammar that say which words must not stand for one another: `%contrast NAME: ONE OTHER`."""

from __future__ import annotations

from typing import NamedTuple

from ...errors import UserError
from .notation import Nonterminal, Symbol

CONTRAST = "%contrast"
FORM = f"{CONTRAST} NAME: ONE OTHER, where ONE and OTHER are symbols or quoted words"


class Contrast(NamedTuple):
    """Two classes of words. A word of one class in place of a word of the other one may make a sentence wrong.

    Args:
        name: the phenomenon, such as agreement; several contrasts may share it.
        sides: the two classes: a symbol that derives single words, or one word.
    """

    name: str
    sides: tuple[Symbol, Symbol]

    @classmethod
    def read(cls, line: str) -> Contrast:
        """Read a line of a grammar.

        Raises:
            UserError: it has another form.
        """
        name, colon, rest = line.strip().removeprefix(CONTRAST).partition(":")
        parts = rest.split()
        if not colon or not name.strip() or len(parts) != 2 or parts[0] == parts[1]:
            raise UserError(f"'{line.strip()}' is no contrast: write {FORM}")
        one, other = (part[1:-1] if part[0] == part[-1] and part[0] in "'\"" else Nonterminal(part) for part in parts)
        return cls(name.strip(), (one, other))

    def __str__(self) -> str:
        return f"{CONTRAST} {self.name}: " + " ".join(repr(s) if isinstance(s, str) else str(s) for s in self.sides)
