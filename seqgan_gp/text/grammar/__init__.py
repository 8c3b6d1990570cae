"""Probabilistic context-free grammars (PCFGs): sample sentences, and compute their exact probabilities."""

from .grammar import Grammar
from .records import BETWEEN

__all__ = ["BETWEEN", "Grammar"]
