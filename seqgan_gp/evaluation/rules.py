"""Rules of the user's own that say which sequences are valid: a regular expression, or a function."""

from __future__ import annotations

import contextlib
import re
import reprlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import extensions
from ..errors import UserError

FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
RULE = "a rule is a regular expression, or module:function, from a sequence to True or False"


@dataclass(frozen=True)
class Rule:
    """A rule.

    Args:
        name: as the user wrote it.
        function: from a sequence to whether it is valid. It may be the user's own and do anything.
    """

    name: str
    function: Callable[[str], Any]

    def __call__(self, sequences: Sequence[str]) -> np.ndarray:
        """Whether each sequence is valid: bool (N,).

        Raises:
            UserError: the function fails, or gives something else than True and False.
        """
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for the scores
            return np.fromiter(map(self._one, sequences), dtype=bool, count=len(sequences))

    def _one(self, sequence: str) -> bool:
        try:
            valid = self.function(sequence)
        except (Exception, SystemExit) as error:
            cause = " ".join(str(error).split())[:200]
            raise UserError(
                f"--valid {self.name} fails on {reprlib.repr(sequence)} ({type(error).__name__}: {cause}): mend it"
            ) from None
        if not isinstance(valid, bool | np.bool_):
            raise UserError(
                f"--valid {self.name} gives {reprlib.repr(valid)} for {reprlib.repr(sequence)}: return True or False"
            )
        return bool(valid)


def load_rule(text: str) -> Rule:
    """The rule that a user names: `module:function`, or else a regular expression, which must match from the first to
    the last character.

    Raises:
        UserError: the expression does not compile, there is no such function, or its module fails.
    """
    if FUNCTION.fullmatch(text):
        return Rule(text, extensions.function(text, "--valid", RULE))
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(f"--valid {text}: no regular expression ({error}); {RULE}") from None
    return Rule(text, lambda sequence: pattern.fullmatch(sequence) is not None)
