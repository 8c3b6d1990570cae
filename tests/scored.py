"""Files of sentences for the tests of the commands that score."""

import json
from pathlib import Path
from typing import Any

QUICK = ["--metrics", "ngrams"]


def different(name: str, number: int, first: int = 0) -> list[str]:
    """Sentences of six words, no word of which stands in two of them."""
    return [" ".join(f"{name}{letter}{i}" for letter in "abcdef") for i in range(first, first + number)]


def put(path: Path, sentences: list[str]) -> None:
    path.write_text("".join(f"{s}\n" for s in sentences))


def read(path: Path) -> Any:
    return json.loads(path.read_text())
