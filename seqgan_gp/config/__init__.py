"""The typed config of an experiment: the keys of YAML files and of the command line, which --help explains.

The keys of text are in `config.text`, those of images in `images.config`.
"""

from .command_line import Invocation, parse
from .experiment import (
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    PenaltyConfig,
    RerankingConfig,
    RevisionConfig,
    TrainConfig,
)
from .files import CONFIG, load, modality_of, save
from .schema import flat

__all__ = [
    "CONFIG",
    "EvaluationConfig",
    "Experiment",
    "Invocation",
    "OptimizerConfig",
    "PenaltyConfig",
    "RerankingConfig",
    "RevisionConfig",
    "TrainConfig",
    "flat",
    "load",
    "modality_of",
    "parse",
    "save",
]
