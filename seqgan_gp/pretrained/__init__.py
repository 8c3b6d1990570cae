"""The networks of a text run with their tokenizer, from a checkpoint, for sampling and probing."""

from .critic import Critic, Discriminator
from .generator import Generator
from .infilling import Price, draw_until, infill
from .language_model import LanguageModel
from .reranking import Reranking

__all__ = ["Critic", "Discriminator", "Generator", "LanguageModel", "Price", "Reranking", "draw_until", "infill"]
