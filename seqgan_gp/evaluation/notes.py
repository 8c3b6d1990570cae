"""Facts about the files of a comparison that change how its scores are read, each in one line for the user."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ..notices import percent
from ..text.words import CASES, UNITS, some, unit_of

Split: TypeAlias = Callable[[str], Sequence[str]]

SAMPLES, REFERENCE, TRAIN, REAL = "samples", "--reference", "--train", "--real"
REMEDIES = {
    (REFERENCE, TRAIN): "real text is scored against itself; give held-out sentences as --reference",
    (REFERENCE, REAL): "real text is scored against itself; give other sentences as --real",
    (TRAIN, REAL): "real text is nothing new to the training; leave out --real, or give other sentences",
    (SAMPLES, REFERENCE): "the samples are scored against themselves; give other sentences as --reference",
    (SAMPLES, TRAIN): "the samples repeat the training sentences; novel says how many",
    (SAMPLES, REAL): "the samples stand beside themselves as real text; give other sentences as --real",
    (SAMPLES, SAMPLES): "the two systems say the same",
}
SHARED = 0.5  # of the smaller of two files; a larger part is no accident
STRANGE = 0.05  # of the tokens of a file; fewer are no difference of cases
SHORT = 0.05  # of a file; from there on short lines move its mean


def same_sentences(files: Sequence[tuple[str, str, Sequence[str]]]) -> list[str]:
    """A line for each two files that hold the same sentences, or most of the smaller one's.

    Args:
        files: the role of each, its name, and its sentences. Roles are in the order of this module's constants.
    """
    notes = []
    known = [(role, name, _fingerprints(sentences)) for role, name, sentences in files]
    sets = [np.unique(sentences) for *_, sentences in known]
    for (one, of_one), (other, of_other) in itertools.combinations(zip(known, sets, strict=True), 2):
        if not (len(of_one) and len(of_other)):
            continue
        remedy = REMEDIES[one[0], other[0]]
        names = [name if role == SAMPLES else f"{role} {name}" for role, name, _ in (one, other)]
        if np.array_equal(of_one, of_other):
            notes.append(f"{names[0]} and {names[1]} hold the same sentences: {remedy}")
            continue
        if len(one[2]) <= len(other[2]):
            smaller, among, inside = one[2], of_other, names
        else:
            smaller, among, inside = other[2], of_one, names[::-1]
        part = np.isin(smaller, among).mean()
        if part > SHARED:
            notes.append(f"{part:.0%} of the sentences of {inside[0]} are in {inside[1]} too: {remedy}")
    return notes


def _fingerprints(sentences: Sequence[str]) -> np.ndarray:
    """A number for each sentence that is not blank, int64: eight bytes, where the words may take a hundred. White space
    does not count.
    """
    return np.fromiter((hash(" ".join(s.split())) for s in sentences if s.strip()), dtype=np.int64)


def empty(samples: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each file with samples that have no text: a generator may write them, and a file may end with them."""
    counts = {name: sum(not sentence.strip() for sentence in sentences) for name, sentences in samples.items()}
    return [
        f"{count:,} of the {len(samples[name]):,} lines of {name} are empty, and are scored as samples without words: "
        "leave them out if they are none"
        for name, count in counts.items()
        if count
    ]


def short_lines(files: Mapping[str, Sequence[str]], unit: str) -> list[str]:
    """A line that says why identical sentences do not score 1, where many are too short for an order of BLEU that
    others are long enough for. It looks at 50,000 lines of a large file.
    """
    split = UNITS[unit]
    short = []
    for name, sentences in files.items():
        lengths = np.array([len(split(sentence)) for sentence in some(sentences)])
        parts = {n: float((lengths < n).mean()) for n in range(2, 6)}
        if below := [n for n, part in parts.items() if SHORT < part < 1]:
            short.append(f"{parts[below[0]]:.0%} of {name} have fewer than {below[0]} {unit}s")
    if not short:
        return []
    return [
        f"{'; '.join(short)}: smoothing gives such lines 0.1 for each order of BLEU that they are too short for, so "
        "that even identical short lines score below 1"
    ]


def other_case(
    samples: Mapping[str, Sequence[str]], known: Collection[str], split: Split, unit: str, name: str
) -> list[str]:
    """A line for each file with many tokens that real text has in another case alone: scores that tell cases apart take
    them for unknown. It looks at 50,000 lines of a large file.

    Args:
        known: the tokens of real text.
        split: from a sentence to its tokens, whose case it keeps.
        unit: of the tokens.
        name: of the real text.
    """

    def strange(sentences: Iterable[str]) -> list[str]:
        return [token for sentence in sentences for token in split(sentence) if token not in known]

    lines = []
    for file, sentences in samples.items():
        seen = some(sentences)
        found, total = strange(seen), sum(len(split(sentence)) for sentence in seen)
        if len(found) <= STRANGE * total:
            continue
        for case, change in CASES.items():
            if 2 * len(strange(map(change, seen))) <= len(found):
                examples = ", ".join(repr(token) for token in list(dict.fromkeys(found))[:3])
                lines.append(
                    f"{percent(len(found) / total)} of the {unit}s of {file} (such as {examples}) are not in {name}, "
                    f"and most are in {case}: scores that tell cases apart count against them; put them into {case}"
                )
                break
    return lines


def choose_unit(asked: str | None, sentences: Sequence[str], name: str) -> tuple[str, str | None]:
    """The unit of n-grams that a user asks for, or that suits real text; and a line to say about it.

    Args:
        sentences: real ones.
        name: of their file or grammar.
    """
    suits = unit_of(sentences)
    bare = f"the sentences of {name} have no spaces between words"
    if asked is None:
        return suits, None if suits == "word" else f"n-grams of characters: {bare}; --unit word for words"
    if asked == "word" and suits != "word":
        return asked, f"warning: {bare}, so that --unit word takes a whole clause for one word; give --unit character"
    return asked, None
