"""Load a corpus as an experiment does, with only the options that a test is about."""

import tempfile
from pathlib import Path
from typing import Any

from seqgan_gp.config.corpus import CorpusConfig
from seqgan_gp.text.corpus import Corpus, load_corpus
from seqgan_gp.text.lines import Sentences


def load(train: str | Path, given: str | None = None, **options: Any) -> Corpus:
    """Load a corpus into memory; `given` is the column of labels or contexts."""
    config = CorpusConfig(**{"train": str(train), "label": given, "size": 50, "holdout": 2} | options)
    with tempfile.TemporaryDirectory() as folder:
        corpus = load_corpus(config, Path(folder))
        train_, test = (
            Sentences(list(part.text), None if part.given is None else list(part.given))
            for part in (corpus.train, corpus.test)
        )
    return Corpus(train_, test, corpus.grammar)
