"""The method: objectives, the gradient penalty, constraints, the game of generator and critic, and the reranker.

These parts take tensors and modules of any kind. They know no config, no file and no text. `penalty` has the formula
and `game` the algorithm. docs/own_loop.md shows how to use them in your own loop.
"""

from .constraints import PARAMETRIZATIONS, clip_weights, spectral, weight_norm
from .game import Batch, CriticLoss, Game
from .objectives import OBJECTIVES, Objective
from .penalty import MIXINGS, SIDES, Penalty, gradient_norm, gradient_penalty, interpolate
from .reranker import Reranker, WordDropout, accepted, resample

__all__ = [
    "MIXINGS",
    "OBJECTIVES",
    "PARAMETRIZATIONS",
    "SIDES",
    "Batch",
    "CriticLoss",
    "Game",
    "Objective",
    "Penalty",
    "Reranker",
    "WordDropout",
    "accepted",
    "clip_weights",
    "gradient_norm",
    "gradient_penalty",
    "interpolate",
    "resample",
    "spectral",
    "weight_norm",
]
