"""Load a corpus as an experiment does, with only the options that a test is about."""

from pathlib import Path
from typing import Any

from seqgan_gp.config.corpus import CorpusConfig
from seqgan_gp.text.corpus import Corpus, load_corpus


def load(train: str | Path, given: str | None = None, **options: Any) -> Corpus:
    """Load a corpus; `given` is the column of labels or contexts."""
    return load_corpus(CorpusConfig(**{"train": str(train), "label": given, "size": 50, "holdout": 2} | options))
