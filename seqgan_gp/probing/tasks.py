"""What a probe is fitted to: the examples of a property, their splits and control labels, and a subject's states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import UserError
from .labels import Property

TEST = 0.25  # of the sentences
POSITIONS = 1 << 16  # whose states are in memory at a time


def control_labels(types: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Random labels (n,) that are a function of the word types (n,) alone, each class about as frequent as in `labels`.

    Hewitt and Liang 2019 draw the label of each type from the frequencies of the labels. Then one frequent type can
    make the control task easier or harder than the property by its frequencies alone. So types are drawn here one after
    another, the most frequent ones first, from the examples that each class still lacks.
    """
    rng = np.random.default_rng((seed, 1))
    _, numbers, counts = np.unique(types, return_inverse=True, return_counts=True)
    lacking = np.bincount(labels).astype(float)
    chosen = np.zeros(len(counts), dtype=np.int64)
    for i in np.argsort(-counts, kind="stable"):
        open_ = lacking.clip(0)
        chosen[i] = rng.choice(len(lacking), p=open_ / open_.sum())
        lacking[chosen[i]] -= counts[i]
    return chosen[numbers]


class Split(NamedTuple):
    """The numbers of the examples to train and to test with, and the control label of each example."""

    train: np.ndarray
    test: np.ndarray
    control: np.ndarray


def split(groups: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of training and of test examples. Those of one group (n,), a sentence, stay together.

    Training examples are in a random order, sentence by sentence.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    place = np.random.default_rng((seed, 0)).permutation(numbers.max() + 1)[numbers]
    order = np.argsort(place, kind="stable")
    held_out = int((place < TEST * (numbers.max() + 1)).sum())
    return order[held_out:], order[:held_out]


class Task(NamedTuple):
    """The examples of a property: their places among all positions (row * L + position), labels and splits."""

    of_property: Property
    keys: np.ndarray
    labels: np.ndarray
    classes: int
    splits: list[Split]

    @classmethod
    def of(cls, p: Property, most: int, seeds: Sequence[int]) -> Task:
        """Draw the examples, and split them once for each seed.

        Raises:
            UserError: those that are drawn are all of one class.
        """
        keys = np.flatnonzero(p.labels >= 0)
        keys = np.sort(np.random.default_rng((seeds[0], 2)).permutation(keys)[:most])
        _, labels = np.unique(p.labels.flat[keys], return_inverse=True)
        if labels.max() == 0:
            raise UserError(f"{p.name}: {most} examples are all of one class: take more, or leave the property out")
        texts = np.array(p.sentences, dtype=str)[keys // p.labels[0].size]
        types = np.asarray(p.types).flat[keys]
        splits = [Split(*split(texts, seed), control_labels(types, labels, seed)) for seed in seeds]
        return cls(p, keys, labels, int(labels.max()) + 1, splits)


def by_sentences(tasks: Iterable[Task]) -> list[list[Task]]:
    """The tasks in groups of the same sentences, conditions and kind, so that their states are computed once."""
    groups = defaultdict(list)
    for task in tasks:
        p = task.of_property
        groups[tuple(p.sentences), None if p.given is None else tuple(p.given), p.labels[0].size].append(task)
    return list(groups.values())


def keys_of(tasks: Sequence[Task]) -> np.ndarray:
    """The different keys of some tasks, in ascending order."""
    return np.unique(np.concatenate([task.keys for task in tasks]))


def states_of(network: Any, tasks: Sequence[Task], pool: str) -> dict[str, np.ndarray]:
    """The states of a subject at all examples of some tasks (keys, C), by layer."""
    p = tasks[0].of_property
    length = p.labels[0].size
    rows, places = np.divmod(keys_of(tasks), length)
    needed, size = np.unique(rows), max(1, POSITIONS // length)
    parts = defaultdict(list)
    for start in range(0, len(needed), size):
        batch = needed[start : start + size]
        here = np.isin(rows, batch)
        texts, given = [p.sentences[i] for i in batch], None if p.given is None else [p.given[i] for i in batch]
        with torch.no_grad():
            found = network.states(texts, given=given, pool=None if p.of_tokens else pool)
        for layer, states in found.items():
            states = torch.as_tensor(states).detach().float().cpu().numpy()
            states = states if p.of_tokens else states[:, None]
            if states.shape[1] != length:
                raise UserError(
                    f"{p.name}: labels of {length} positions for states of {states.shape[1]}, of layer '{layer}': "
                    f"give the labels of the subject's own tokens"
                )
            if not np.isfinite(states).all():
                raise UserError(f"layer '{layer}' has states that are no finite numbers: it cannot be probed")
            parts[layer].append(states[np.searchsorted(batch, rows[here]), places[here]])
    return {layer: np.concatenate(arrays) for layer, arrays in parts.items()}
