"""Draw random derivations of a grammar."""

from __future__ import annotations

import bisect
import itertools
import random

from ...errors import UserError
from .rules import RightSide, Rules, Symbol

MAX_WORDS = 10_000  # of a sampled sentence; a grammar that reaches this number may never end


class Sampler:
    """Draws sentences with the probabilities that the grammar gives them."""

    def __init__(self, rules: Rules):
        # Cumulative probabilities and, from right to left, right sides. The last one stands twice: rounding may leave
        # the last cumulative probability a little below 1.
        self._choices: dict[Symbol, tuple[list[float], list[RightSide]]] = {}
        for left, alternatives in rules.alternatives.items():
            cumulative = list(itertools.accumulate(probability for _, probability in alternatives))
            rights = [right[::-1] for right, _ in alternatives]
            self._choices[left] = cumulative, [*rights, rights[-1]]

    def choose(self, symbol: Symbol, rng: random.Random) -> RightSide:
        """Draw a production of the symbol, and return its right side."""
        cumulative, rights = self._choices[symbol]
        return rights[bisect.bisect(cumulative, rng.random())][::-1]

    def expand(self, symbols: RightSide, rng: random.Random) -> list[str]:
        """Replace symbols by the right sides of random productions until only words are left.

        Raises:
            UserError: more than `MAX_WORDS` words and symbols come out.
        """
        choices, find, draw = self._choices, bisect.bisect, rng.random  # local names: a run draws 52,000 sentences
        sentence: list[str] = []
        stack = list(reversed(symbols))
        while stack:
            if len(stack) + len(sentence) > MAX_WORDS:
                raise UserError(f"the grammar samples over {MAX_WORDS:,} words; make its recursion less probable")
            symbol = stack.pop()
            if isinstance(symbol, str):
                sentence.append(symbol)
            else:
                cumulative, rights = choices[symbol]
                stack.extend(rights[find(cumulative, draw())])
        return sentence
