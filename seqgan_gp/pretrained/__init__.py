"""The networks of a text run with their tokenizer, from a checkpoint, for sampling and probing."""

from .critic import Critic
from .generator import Generator, LanguageModel
from .reranking import Reranking

__all__ = ["Critic", "Generator", "LanguageModel", "Reranking"]
