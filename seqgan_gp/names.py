"""Texts that name a thing: a file, a column, a label, a module.

The messages of the errors lack their subject: the caller puts the key or the option before them.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

from .errors import UserError


def named(text: str) -> str:
    """A text that may name a thing.

    Raises:
        UserError: it is blank, or holds a zero byte or one that is not UTF-8.
    """
    if not text.strip():
        raise UserError("is empty: fill it in, or leave it out")
    if "\0" in text:
        raise UserError(f"holds a zero byte ({text}): leave that out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"is not UTF-8 text ({text}): rename it") from None
    return text


def path(text: str) -> str:
    """A text that may be a path, with ~ expanded as a shell does it.

    Raises:
        UserError: see `named`; or it is too long for a file system.
    """
    text = named(text)
    start = len("grammar:") if text.startswith("grammar:") else 0  # a corpus may be a grammar in a file
    text = text[:start] + os.path.expanduser(text[start:])
    if max(len(os.fsencode(part)) for part in text.split("/")) > 255 or len(os.fsencode(text)) > 4000:
        raise UserError(f"is too long for the name of a file ({text}): give a shorter one")
    return text


def usable_path(text: str) -> str:
    """The same, of a path that can be looked up here: no link to itself.

    Raises:
        UserError: it is not.
    """
    text = path(text)
    try:
        os.stat(text)
    except OSError as error:  # what is missing may be made, or has an error of its own
        if error.errno == errno.ELOOP:
            raise UserError(f"is a link to itself ({text}): delete the link, or give another path") from None
    return text


def nearest(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` if a known name is close to a wrong one, else an empty text."""
    close = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
