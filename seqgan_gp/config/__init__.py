"""One typed description of an experiment: the keys of a YAML file and of the command line, explained by --help."""

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
from .images import ImageConfig, ImageCriticConfig, ImageGeneratorConfig, ImagesConfig
from .schema import flat
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
