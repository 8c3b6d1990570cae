"""Draw the sentences of a grammar as records, with the label of each and the context that it answers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

from ...errors import UserError
from .rules import RightSide, Rules
from .sampler import Sampler

BETWEEN = "|"  # the word between the context and the answer, in a grammar of pairs


def openings_by_label(rules: Rules) -> dict[str, list[RightSide]]:
    """Find the labels of a grammar, each with the right sides of the start symbol that begin with it.

    A label is the first symbol on a right side of the start symbol, in lower case.

    Raises:
        UserError: the start symbol also stands inside sentences.
    """
    if any(rules.start in right for _, right in rules.probability):
        raise UserError(f"the grammar has {rules.start} inside its sentences: give it a start symbol of its own")
    labels: dict[str, list[RightSide]] = defaultdict(list)
    for opening in rules.openings:
        labels[str(opening[0]).lower()].append(opening)
    return dict(labels)


def draw_records(rules: Rules, sampler: Sampler, rng: random.Random) -> Iterator[dict[str, str]]:
    """Draw records with the columns `label` and `text`, and in a grammar of pairs also `context`.

    In a grammar of pairs every opening has the word `|`. The context stands before it, and the text
    after it.

    Raises:
        UserError: the start symbol also stands inside sentences.
    """
    pairs = all(BETWEEN in opening for opening in rules.openings)
    label = {opening: name for name, openings in openings_by_label(rules).items() for opening in openings}
    while True:
        opening = sampler.choose(rules.start, rng)
        sentence = sampler.expand(opening, rng)
        record = {"label": label[opening]}
        if pairs:
            middle = sentence.index(BETWEEN)
            record["context"], sentence = rules.join(sentence[:middle]), sentence[middle + 1 :]
        yield {**record, "text": rules.join(sentence)}
