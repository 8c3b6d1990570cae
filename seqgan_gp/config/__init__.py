"""The typed config of an experiment: the keys of YAML files and of the command line, which --help explains."""

import importlib
from typing import TYPE_CHECKING, Any

from .command_line import Invocation, parse
from .experiment import (
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    PenaltyConfig,
    RerankingConfig,
    TrainConfig,
)
from .files import load, modality_of, save
from .schema import flat

if TYPE_CHECKING:
    from ..images.config import ImageConfig, ImageCriticConfig, ImageGeneratorConfig, ImagesConfig
    from .text import (
        ConditionConfig,
        Config,
        CorpusConfig,
        CriticConfig,
        GeneratorConfig,
        LanguageModelConfig,
        LikelihoodConfig,
        RelaxationConfig,
        TokenizerConfig,
    )

__all__ = [
    "ConditionConfig",
    "Config",
    "CorpusConfig",
    "CriticConfig",
    "EvaluationConfig",
    "Experiment",
    "GeneratorConfig",
    "ImageConfig",
    "ImageCriticConfig",
    "ImageGeneratorConfig",
    "ImagesConfig",
    "Invocation",
    "LanguageModelConfig",
    "LikelihoodConfig",
    "OptimizerConfig",
    "PenaltyConfig",
    "RelaxationConfig",
    "RerankingConfig",
    "TokenizerConfig",
    "TrainConfig",
    "flat",
    "load",
    "modality_of",
    "parse",
    "save",
]


def __getattr__(name: str) -> Any:
    # Import late, so that a run imports no other modality.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "seqgan_gp.images.config" if name.startswith("Image") else "seqgan_gp.config.text"
    return getattr(importlib.import_module(room), name)
