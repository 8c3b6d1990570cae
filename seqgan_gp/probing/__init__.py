"""Probes of a trained critic: what it accepts, what its layers know, where it looks, and the shape of its scores.

Every probe is a function of a critic and of sentences. It returns a `Result`, which you can print, draw and write. The
command `seqgan-gp probe` makes all of them; docs/probing.md shows what they say.
"""

from .acceptability import Acceptability, acceptability
from .against import Against, against
from .calibration import Calibration, calibration
from .corruptions import FAMILIES, Corruption, Pair, corrupt, corrupt_all
from .geometry import Scores, Slopes, scores, slopes
from .joining import across, along, beside, pivot
from .labels import Property
from .linear import LinearProbes, description_length, probe_layers
from .minimal_pairs import minimal_pairs
from .neighbours import Neighbours, neighbours
from .pointing import PointingGame, pointing_game
from .properties import of_any, of_grammar, select, sift
from .results import Result
from .saliency import METHODS, Saliency, saliency
from .subjects import Subjects, Text, load
from .suite import PARTS, Part, results
from .units import DeadUnits, dead_units

__all__ = [
    "FAMILIES",
    "METHODS",
    "PARTS",
    "Acceptability",
    "Against",
    "Calibration",
    "Corruption",
    "DeadUnits",
    "LinearProbes",
    "Neighbours",
    "Pair",
    "Part",
    "PointingGame",
    "Property",
    "Result",
    "Saliency",
    "Scores",
    "Slopes",
    "Subjects",
    "Text",
    "acceptability",
    "across",
    "against",
    "along",
    "beside",
    "calibration",
    "corrupt",
    "corrupt_all",
    "dead_units",
    "description_length",
    "load",
    "minimal_pairs",
    "neighbours",
    "of_any",
    "of_grammar",
    "pivot",
    "pointing_game",
    "probe_layers",
    "results",
    "saliency",
    "scores",
    "select",
    "sift",
    "slopes",
]
