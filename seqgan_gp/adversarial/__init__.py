"""The method: objectives, the gradient penalty, constraints, the game of generator and critic, and the reranker.

Everything here works on tensors and on modules of any kind. Nothing here knows a config, a file or a string of text.
Read `penalty` for the formula and `game` for the algorithm; docs/own_loop.md uses the parts in a loop of your own.
"""

from .constraints import PARAMETRIZATIONS, clip_weights, spectral, weight_norm
from .game import Batch, CriticLoss, Game
from .objectives import OBJECTIVES, Objective
from .penalty import MIXINGS, SIDES, Penalty, gradient_norm, gradient_penalty, interpolate
from .reranker import Forgetful, Reranker, resample

__all__ = [
    "MIXINGS",
    "OBJECTIVES",
    "PARAMETRIZATIONS",
    "SIDES",
    "Batch",
    "CriticLoss",
    "Forgetful",
    "Game",
    "Objective",
    "Penalty",
    "Reranker",
    "clip_weights",
    "gradient_norm",
    "gradient_penalty",
    "interpolate",
    "resample",
    "spectral",
    "weight_norm",
]
