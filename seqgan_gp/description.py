"""A checkpoint in words, as each modality describes its own, and Markdown that shows any text as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Description:
    """The description of a checkpoint on its model card.

    Args:
        task: the task in the words of the hub, such as text-generation.
        tags: words to find it by on the hub.
        what: its kind, in words for the middle of a sentence.
        source: the name of its training data as the config has it.
        samples: Markdown with samples as they are, and a line that says how they were drawn.
        command: options of the command `sample` that make an example.
        python: lines of Python that use it; {load} stands for the arguments of from_pretrained.
        limits: sentences about its limits.
        language: the code of the language, where it is known.
        files: pictures on the card, by the names of their files.
    """

    task: str
    tags: list[str]
    what: str
    source: str
    samples: str
    command: str
    python: str
    limits: list[str]
    language: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


def fenced(text: str, kind: str = "") -> str:
    """A block of Markdown that shows a text as it is, whatever marks or HTML it has."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{text.removesuffix(chr(10))}\n{fence}"


def escaped(text: str) -> str:
    """A text as it is within a line or a table of Markdown."""
    return re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", " ".join(text.split()))
