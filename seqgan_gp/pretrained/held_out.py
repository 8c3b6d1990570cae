"""The held-out text of a run, beside its checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..artefacts import check_data
from ..text.lines import Sentences
from ..text.prepared import CORPUS

MOST = 10_000  # sentences, evenly spaced


def held_out(checkpoint: Path) -> Sentences | None:
    """At most 10,000 held-out sentences of the run that a checkpoint belongs to, in memory, with what they are given.

    Returns:
        None for a checkpoint without its run, such as one from the hub.

    Raises:
        UserError: the corpus of the run is damaged.
    """
    path = checkpoint.parent.parent / CORPUS / "test"
    if not path.with_suffix(".txt").is_file():
        return None
    check_data(checkpoint.parent.parent)
    sentences = Sentences.read(path, path.with_suffix(".given.txt").is_file())
    rows = np.arange(0, len(sentences), max(1, -(-len(sentences) // MOST)))
    chosen = sentences.take(rows)
    return Sentences(list(chosen.text), None if chosen.given is None else list(chosen.given))
