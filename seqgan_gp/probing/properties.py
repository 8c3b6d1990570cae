"""Properties of sentences and of tokens that any text has, as labels for a probe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from ..errors import UserError
from ..text.tokenizer import Tokenizer
from ..text.words import characters, join, unit_of, words
from .labels import Property, binned, first_difference, frequent
from .parses import of_grammar

__all__ = ["Property", "of_any", "of_grammar", "select", "sift"]

MOST = 4  # classes of words or of tokens
CONTENT, USUAL = 4, 0.1  # words that are looked for, and the fraction of sentences that has such a word
TRIES = 20  # to shuffle a sentence

Words: TypeAlias = "tuple[str, ...]"


def sift(properties: Iterable[Property]) -> tuple[list[Property], list[str]]:
    """Keep the properties that a probe can learn, and say in one line each why it cannot learn the others."""
    properties = list(properties)
    return [p for p in properties if p.fault is None], [p.fault for p in properties if p.fault is not None]


def select(properties: Iterable[Property], names: Iterable[str]) -> list[Property]:
    """Choose properties by their names.

    Raises:
        UserError: there is no such property, or no probe can learn it from its sentences.
    """
    known = {p.name: p for p in properties}
    chosen = list(names)
    if unknown := [name for name in chosen if name not in known]:
        raise UserError(f"there is no property '{unknown[0]}', there are: {', '.join(known)}")
    if faults := [fault for name in chosen if (fault := known[name].fault) is not None]:
        raise UserError(faults[0])
    return [known[name] for name in chosen]


def of_any(
    sentences: Iterable[str],
    tokenizer: Tokenizer,
    length: int,
    seed: int = 0,
    given: Sequence[str] | None = None,
) -> list[Property]:
    """Properties that the sentences of any text have. Most are as in Conneau et al. 2018, "What you can cram into a
    single vector" (length, word content, shuffled words, order of halves).

    Sentences have these: the length in tokens, in bins of equal counts; which one of a few usual words they have; the
    first word; whether their words are shuffled, and whether their halves are swapped (on sentences of their own, half
    of which are changed; a last punctuation mark stays). Tokens have these: the previous and the next token, where
    these are among the most frequent. Where words have no spaces between them, characters take the place of words.

    Args:
        tokenizer, length: the tokens of the networks that will be probed, and L.
        seed: decides which sentences are shuffled, which are swapped, and how.
        given: the label or the context of each sentence, for a conditional network.

    Returns:
        All of them; `sift` leaves out those that no probe can learn, such as the first letter of genes.
    """
    sentences = list(sentences)
    unit = unit_of(sentences)
    texts = [characters(s) if unit == "character" else words(s, lowercase=False) for s in sentences]
    ids = tokenizer.encode(sentences, length).ids
    types = first_difference(sentences)

    def whole(name: str, values: tuple[np.ndarray, tuple[str, ...]]) -> Property:
        return Property(name, sentences, *values, types, given)

    def token(name: str, neighbours: np.ndarray) -> Property:
        values = [tokenizer.tokens[i] if i >= 0 else None for i in neighbours.flat]
        labels, classes = frequent(values, MOST)
        return Property(name, sentences, labels.reshape(ids.shape), classes, ids, given)

    inside = ids != tokenizer.pad
    tokens = np.where(inside & (ids != tokenizer.end), ids, -1)
    padded = np.pad(tokens, ((0, 0), (1, 1)), constant_values=-1)
    rng = np.random.default_rng(seed)
    glue = join if unit == "word" else "".join
    return [
        whole("length", binned(inside.sum(axis=1))),
        whole("word content", frequent(_content(texts), CONTENT)),
        whole("first word", frequent([text[0] if text else None for text in texts], MOST)),
        _changed("shuffled", ("as it was", "shuffled"), texts, glue, _shuffled, rng, given),
        _changed("halves", ("as they were", "swapped"), texts, glue, _swapped, rng, given),
        token("previous token", np.where(tokens >= 0, padded[:, :-2], -1)),
        token("next token", np.where(tokens >= 0, padded[:, 2:], -1)),
    ]


def _content(texts: Sequence[Words]) -> list[str | None]:
    """The one of a few words that a sentence has, for each sentence; None if it has none or several of them.

    The words are those that a tenth of the sentences have, or nearly so.
    """
    counts = Counter(word for text in texts for word in set(text) if any(map(str.isalpha, word)))
    distance = {word: abs(np.log(count / len(texts) / USUAL)) for word, count in counts.items()}
    chosen = set(sorted(counts, key=lambda word: (distance[word], word))[:CONTENT])
    found = [chosen.intersection(text) for text in texts]
    return [next(iter(here)) if len(here) == 1 else None for here in found]


def _changed(
    name: str,
    classes: tuple[str, str],
    texts: Sequence[Words],
    glue: Callable[[Sequence[str]], str],
    change: Callable[[Words, np.random.Generator], Words],
    rng: np.random.Generator,
    given: Sequence[str] | None,
) -> Property:
    """Whether a sentence was changed. Each sentence stands there once, either changed or as it was.

    Sentences that would then begin with a punctuation mark are left out: no tokenizer has seen such a beginning.
    """
    bodies = [text[:-1] if text and not _is_word(text[-1]) else text for text in texts]
    changed = [change(body, rng) for body in bodies]
    rows = [i for i in rng.permutation(len(texts)) if changed[i] != bodies[i] and _is_word(changed[i][0])]
    labels = np.arange(len(rows)) % 2
    made = [
        glue([*(changed[i] if label else bodies[i]), *texts[i][len(bodies[i]) :]])
        for i, label in zip(rows, labels, strict=True)
    ]
    return Property(name, made, labels, classes, given=given and [given[i] for i in rows])


def _is_word(word: str) -> bool:
    return any(map(str.isalnum, word))


def _shuffled(text: Words, rng: np.random.Generator) -> Words:
    """Words in another order that begins with a word, if one is soon found."""
    for _ in range(TRIES):
        shuffled = tuple(text[i] for i in rng.permutation(len(text)))
        if shuffled != text and _is_word(shuffled[0]):
            return shuffled
    return text


def _swapped(text: Words, rng: np.random.Generator) -> Words:
    """The second half of the words before the first one."""
    middle = len(text) // 2
    return (*text[middle:], *text[:middle])
