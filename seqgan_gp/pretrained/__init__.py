"""The networks of a run on text with their tokenizer, from a checkpoint: to sample sentences, and to probe."""

from .critic import Critic
from .generator import Generator, LanguageModel
from .reranking import Reranking

__all__ = ["Critic", "Generator", "LanguageModel", "Reranking"]
