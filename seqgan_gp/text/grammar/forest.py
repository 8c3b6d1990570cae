"""Collect all parses of a sentence in a packed forest, where parses share the nodes that they have in common."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import UserError
from .rules import RightSide, Rules

if TYPE_CHECKING:
    from nltk.grammar import Nonterminal


class Node(NamedTuple):
    """A production that may derive some neighbouring words of a sentence.

    Args:
        left, right: the production.
        start: the position of the first of these words in the sentence.
        ways: the ways to share the words out among the symbols on the right. Each way lists the
            numbers of these symbols' nodes; words have none.
    """

    left: Nonterminal
    right: RightSide
    start: int
    ways: list[tuple[int, ...]]


class Forest(NamedTuple):
    """All parses of a sentence.

    Args:
        nodes: children stand before their parents.
        roots: the numbers of the nodes whose production derives the whole sentence from the start symbol.
    """

    nodes: list[Node]
    roots: list[int]


class ChartParser:
    """Finds the forests of sentences with nltk's left-corner chart parser, the fastest of its parsers."""

    def __init__(self, rules: Rules):
        import nltk

        self._start = rules.start
        # Newer versions give up after five seconds of wall-clock time, which a sentence may take on a busy machine.
        endless = {"max_time": None} if "max_time" in inspect.signature(nltk.ChartParser).parameters else {}
        self._parser: Any = nltk.BottomUpLeftCornerChartParser(rules.nltk, **endless)

    def forest(self, sentence: Sequence[str]) -> Forest:
        """Parse a sentence whose words are all in the grammar.

        Raises:
            UserError: its parse is too deep for Python's stack.
        """
        chart = self._parser.chart_parse(sentence)
        numbers: dict[Any, int] = {}
        nodes: list[Node] = []

        def number(edge: Any) -> int:
            """Number the node of an edge, after its children; a chart has one edge for a production and a span."""
            if edge not in numbers:
                ways = [
                    tuple(number(child) for child in way if not isinstance(child.lhs(), str))
                    for way in chart.child_pointer_lists(edge)
                ]
                numbers[edge] = len(nodes)
                nodes.append(Node(edge.lhs(), edge.rhs(), edge.start(), ways))
            return numbers[edge]

        try:
            roots = [number(e) for e in chart.select(span=(0, len(sentence)), lhs=self._start, is_complete=True)]
        except RecursionError:
            raise UserError(f"a sentence of {len(sentence)} words is too deep to be parsed; leave it out") from None
        return Forest(nodes, roots)
