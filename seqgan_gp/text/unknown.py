"""Tokens that a tokenizer does not know: how many sentences have, examples, and whether another case would help."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..notices import notify, percent
from .kinds import SPECIAL
from .tokenizer import Tokenizer
from .words import CASES

LOOKED_AT = 1_000  # sentences with unknown tokens, which tell whether another case would help
EXAMPLES, LONGEST = 3, 30  # examples, and characters of one


class Unknowns:
    """Counts the unknown tokens of sentences that pass by, and tells of them in one line.

    Args:
        tokenizer: the tokenizer of the sentences.
        subject: the sentences, as the line names them.
    """

    def __init__(self, tokenizer: Tokenizer, subject: str = "your sentences"):
        self.tokenizer, self.subject = tokenizer, subject
        self.tokens = self.count = 0
        self.seen: list[str] = []

    def add(self, sentences: Sequence[str], ids: np.ndarray) -> None:
        """Count the tokens of N sentences, their ids (N, L). End tokens and padding do not count."""
        strange = self.tokenizer.unknown_at(ids)
        self.tokens += int(((ids != self.tokenizer.pad) & (ids != self.tokenizer.end)).sum())
        self.count += int(strange.sum())
        if len(self.seen) < LOOKED_AT:
            rows = np.flatnonzero(strange.any(axis=1))[: LOOKED_AT - len(self.seen)]
            self.seen += [sentences[row] for row in rows]

    def tell(self) -> None:
        """Warn, if there are unknown tokens."""
        if line := self.line():
            notify(line)

    def line(self) -> str | None:
        """A line with the fraction of unknown tokens and examples; None where all are known."""
        if not self.count:
            return None
        pieces = self.tokenizer.unknown_pieces(self.seen)
        examples = ", ".join(repr(piece[:LONGEST]) for piece in list(dict.fromkeys(pieces))[:EXAMPLES])
        such = f" (such as {examples})" if examples else ""
        if self.count == self.tokens:
            line = f"all tokens of {self.subject} are unknown to this run{such}, so that it cannot tell them apart"
        else:
            line = f"{percent(self.count / self.tokens)} of the tokens of {self.subject} are unknown to this run{such}"
        return f"{line}; {remedy}" if (remedy := self._remedy(len(pieces))) else line

    def _remedy(self, unknown: int) -> str | None:
        """The case that makes most of the unknown tokens known, if there is one."""
        known = [token for token in self.tokenizer.tokens if token not in SPECIAL]
        for name, change in CASES.items():
            left = len(self.tokenizer.unknown_pieces([change(sentence) for sentence in self.seen]))
            if 2 * left <= unknown > 0:
                all_so = all(change(token) == token for token in known)
                cause = f"its training text is all {name}" if all_so else f"most of them are known in {name}"
                return f"{cause}: put {self.subject} into {name}"
        return None
