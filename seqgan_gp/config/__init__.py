"""One typed description of an experiment: the keys of a YAML file and of the command line, explained by --help."""

from typing import TYPE_CHECKING, Any

from .command_line import Invocation, parse
from .experiment import (
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    PenaltyConfig,
    RerankingConfig,
    TrainConfig,
    flat,
)
from .files import load, modality_of, save
from .parser import MODALITIES, kind_of
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

if TYPE_CHECKING:
    from ..images.config import ImageConfig, ImageCriticConfig, ImageGeneratorConfig, ImagesConfig

__all__ = [
    "MODALITIES",
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
    "kind_of",
    "load",
    "modality_of",
    "parse",
    "save",
]


def __getattr__(name: str) -> Any:
    # The config of images imports this package: it is imported when it is asked for, not before.
    if name in ("ImageConfig", "ImageCriticConfig", "ImageGeneratorConfig", "ImagesConfig"):
        from ..images import config

        return getattr(config, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
