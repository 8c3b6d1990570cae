"""Decide which answers fit which contexts, by the two sides of a grammar of pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import UserError
from .grammar import BETWEEN, Grammar
from .grammar.rules import RightSide, Symbol


class Pairs:
    """The contexts and the answers of a grammar whose start symbol has productions `left '|' right` only.

    An answer agrees with a context if one production derives both. The names of the symbols say in
    which features two symbols differ. Each slash in a name starts a feature: its name, a hyphen and
    its value, as in `Answer/person-third/verb-see`.

    Args:
        grammar: the grammar of pairs.

    Attributes:
        contexts, answers: the grammar of each side by itself. It gives a sentence the probability
            that the sentence has on this side of a random pair.

    Raises:
        UserError: a production of the start symbol has another form.
    """

    def __init__(self, grammar: Grammar):
        odd = [opening for opening in grammar.openings if len(opening) != 3 or opening[1] != BETWEEN]
        if odd:
            found = " ".join(map(str, odd[0]))
            raise UserError(
                f"the grammar has no contexts: the productions of {grammar.start} must be Left '{BETWEEN}' Right, "
                f"and one is {found}"
            )
        self._together = {(left, right) for left, _, right in grammar.openings}
        self.contexts, self.answers = (self._side(grammar, place) for place in (0, 2))
        self._known: dict[tuple[Grammar, str], frozenset[Symbol]] = {}

    @staticmethod
    def _side(grammar: Grammar, place: int) -> Grammar:
        """Build the grammar of the sentences that stand at one place of a pair: 0 before the bar, 2 after it."""
        chances: dict[RightSide, float] = defaultdict(float)
        for opening in grammar.openings:
            chances[opening[place],] += grammar.probability[grammar.start, opening]
        return grammar.beginning(chances)

    def disagreements(self, context: str, answer: str) -> tuple[str, ...]:
        """Find the features in which an answer does not fit its context; none if it fits.

        If a sentence has several readings, the two readings count that differ in the fewest features.
        The result is `("grammar",)` if a sentence is not in the language of its side, and
        `("combination",)` if two symbols share all features but no production.
        """
        asked, said = self._symbols(self.contexts, context), self._symbols(self.answers, answer)
        if not asked or not said:
            return ("grammar",)
        pairs = [(left, right) for left in asked for right in said]
        if not self._together.isdisjoint(pairs):
            return ()
        return min(
            (_differences(str(left), str(right)) for left, right in pairs), key=lambda names: (len(names), names)
        )

    def agree(self, contexts: Sequence[str], answers: Sequence[str]) -> list[bool]:
        """Check whether each answer fits its context."""
        return [not names for names in self.all_disagreements(contexts, answers)]

    def all_disagreements(self, contexts: Sequence[str], answers: Sequence[str]) -> list[tuple[str, ...]]:
        """Find the `disagreements` of each answer with its context. All are parsed together, which takes less time."""
        self._parse(self.contexts, contexts)
        self._parse(self.answers, answers)
        return [self.disagreements(*pair) for pair in zip(contexts, answers, strict=True)]

    def _symbols(self, side: Grammar, sentence: str) -> frozenset[Symbol]:
        """Find the symbols of one side of the pairs that derive a sentence."""
        self._parse(side, [sentence])
        return self._known[side, sentence]

    def _parse(self, side: Grammar, sentences: Sequence[str]) -> None:
        """Find the symbols of one side of the pairs that derive each sentence, and keep them."""
        unknown = list(dict.fromkeys(sentence for sentence in sentences if (side, sentence) not in self._known))
        if not unknown:
            return
        columns = [side.productions[side.start, opening] for opening in side.openings]
        for sentence, uses in zip(unknown, side.parse(unknown)[1][:, columns], strict=True):
            self._known[side, sentence] = frozenset(side.openings[i][0] for i in np.flatnonzero(uses))


def _differences(left: str, right: str) -> tuple[str, ...]:
    """Find the features that have another value in the name of one symbol than in that of the other."""
    one, other = _features(left.split("/")[1:]), _features(right.split("/")[1:])
    names = tuple(name for name, value in one.items() if other.get(name, value) != value)
    return names or ("combination",)


def _features(parts: Iterable[str]) -> dict[str, str]:
    """Read the features of a symbol, such as `person-third`, as names and values."""
    return {name: value for name, _, value in (part.partition("-") for part in parts)}
