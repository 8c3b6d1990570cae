"""All parses of a sentence by nltk's chart parser, one by one: what our parser is held to."""

from __future__ import annotations

import inspect
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import nltk
import numpy as np

from seqgan_gp.errors import UserError
from seqgan_gp.text.grammar import Grammar

# Newer versions give up after five seconds, which a sentence may take on a busy machine.
ENDLESS = {"max_time": None} if "max_time" in inspect.signature(nltk.ChartParser).parameters else {}

PARTS = ["S", "A", "B", "C", "'a'", "'b'", "'c'"]


class Charts:
    """Lists the parses that nltk's chart parser finds, with its own reading of a grammar."""

    def __init__(self, source: str):
        lines = (line for line in source.splitlines() if not line.startswith("%"))
        grammar = nltk.PCFG.fromstring("\n".join(lines))
        self.parser = nltk.BottomUpLeftCornerChartParser(grammar, **ENDLESS)
        self.words = {s for p in grammar.productions() for s in p.rhs() if isinstance(s, str)}
        totals: Counter = Counter()
        shares: defaultdict = defaultdict(float)
        for production in grammar.productions():
            totals[production.lhs()] += production.prob()
            shares[str(production.lhs()), _names(production.rhs())] += production.prob()
        sums = {str(left): total for left, total in totals.items()}
        self.probability = {(left, right): share / sums[left] for (left, right), share in shares.items()}

    def parses(self, words: Sequence[str]) -> list[tuple[float, Counter]]:
        """The probability of each parse of a sentence, and how often it uses each production."""
        if not words or not self.words.issuperset(words):
            return []
        found = []
        for tree in self.parser.parse(words):
            used = Counter((str(p.lhs()), _names(p.rhs())) for p in tree.productions())
            found.append((math.prod(self.probability[p] ** n for p, n in used.items()), used))
        return found


def _names(right: Sequence[object]) -> tuple[str, ...]:
    return tuple(repr(symbol) if isinstance(symbol, str) else str(symbol) for symbol in right)


def differences(grammar: Grammar, charts: Charts, sentences: Sequence[str]) -> dict[str, float]:
    """Hold our parses of sentences to those of nltk.

    Returns:
        The number of sentences, of those in the language and of their parses; of sentences that only one of the two
        takes for one of the language (`membership`); and the largest differences of a log-probability, of an expected
        use of a production and of the log-probability of the best parse.
    """
    log_probability, usage = grammar.parse(sentences)
    columns = [(str(left), _names(right)) for left, right in grammar.productions]
    known = membership = several = 0
    largest = [0.0, 0.0, 0.0]
    for sentence, ours, uses, tree in zip(sentences, log_probability, usage, grammar.trees(sentences), strict=True):
        parses = [(p, used) for p, used in charts.parses(grammar.split(sentence)) if p > 0]
        if bool(parses) != np.isfinite(ours) or bool(parses) != (tree is not None):
            membership += 1
        elif parses:
            total = sum(p for p, _ in parses)
            expected = [sum(p * used[column] for p, used in parses) / total for column in columns]
            best = Counter((str(p.lhs()), _names(p.rhs())) for p in tree.productions())
            of_best = sum(n * math.log(charts.probability[p]) for p, n in best.items())
            gaps = ours - math.log(total), np.abs(uses - expected).max(), of_best - math.log(max(p for p, _ in parses))
            largest = [max(one, abs(other)) for one, other in zip(largest, gaps, strict=True)]
            known += 1
            several += len(parses)
    names = ("log_probability", "usage", "best")
    return {
        "sentences": len(sentences),
        "known": known,
        "parses": several,
        "membership": membership,
        **dict(zip(names, largest, strict=True)),
    }


def changed(grammar: Grammar, sentences: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Each sentence with one to three words replaced, left out, doubled or swapped."""
    vocabulary = sorted(grammar.vocabulary)
    for sentence in sentences:
        words = list(grammar.split(sentence))
        for _ in range(rng.randint(1, 3)):
            place, other = rng.randrange(len(words)), rng.randrange(len(words))
            match rng.randrange(4):
                case 0:
                    words[place] = rng.choice(vocabulary)
                case 1 if len(words) > 1:
                    del words[place]
                case 2:
                    words.insert(other, words[place])
                case _:
                    words[place], words[other] = words[other], words[place]
        yield grammar.join(words)


def random_grammar(rng: random.Random) -> str:
    """The source of a small grammar, mostly an ambiguous one: recursion on either side, chains of single symbols, right
    sides that begin alike or stand twice, symbols that are not reached.
    """
    while True:
        lines = []
        for left in "SABC":
            sizes = [rng.choice([1, 1, 2, 2, 3]) for _ in range(rng.randint(0, 4))]
            rights = [" ".join(rng.choice(PARTS) for _ in range(size)) for size in sizes]
            rights.append(rng.choice(PARTS[4:]))
            shares = [1 / len(rights)] * len(rights)
            if len(rights) > 1:
                move = rng.uniform(0, shares[0])
                shares[0], shares[1] = shares[0] - move, shares[1] + move
            lines.append(f"{left} -> " + " | ".join(f"{r} [{p:.12f}]" for r, p in zip(rights, shares, strict=True)))
        source = "\n".join(lines)
        try:
            Grammar(source)
        except UserError:  # a symbol that derives itself alone
            continue
        return source
