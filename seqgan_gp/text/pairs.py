"""What answers what, exactly: a grammar of pairs, taken apart into questions and answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import UserError
from .grammar import BETWEEN, Grammar

if TYPE_CHECKING:
    from .grammar import Symbol


class Pairs:
    """The two sides of a grammar whose start symbol has productions `left '|' right` only.

    An answer agrees with a question if one production makes both. The names of the symbols say in what two of them
    differ: behind each slash stands a feature, a name and a value with a hyphen between, as in
    `Answer/person-third/verb-see`.

    Args:
        grammar: of the pairs.

    Attributes:
        contexts, answers: the grammar of either side by itself, with the probability that it has in the pairs.

    Raises:
        UserError: a production of the start symbol is of another form.
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
        chances: dict[tuple[Symbol, ...], float] = defaultdict(float)
        for opening in grammar.openings:
            chances[opening[place],] += grammar.probability[grammar.start, opening]
        return grammar.beginning(chances)

    def disagreements(self, context: str, answer: str) -> tuple[str, ...]:
        """The features in which an answer does not fit its context, none if it does; the fewest where it has several
        readings. `("grammar",)` where one of them is no sentence.
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
        """Whether each answer is one to its context."""
        return [not self.disagreements(*pair) for pair in zip(contexts, answers, strict=True)]

    def _symbols(self, side: Grammar, sentence: str) -> frozenset[Symbol]:
        """The symbols that a sentence may come from."""
        if (side, sentence) not in self._known:
            usage = side.parse([sentence])[1][0]
            self._known[side, sentence] = frozenset(
                opening[0] for opening in side.openings if usage[side.productions[side.start, opening]] > 0
            )
        return self._known[side, sentence]


def _differences(left: str, right: str) -> tuple[str, ...]:
    one, other = _features(left.split("/")[1:]), _features(right.split("/")[1:])
    names = tuple(name for name, value in one.items() if other.get(name, value) != value)
    return names or ("combination",)  # no feature of both differs, and the grammar still does not put them together


def _features(parts: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("-") for part in parts)}
