"""The modalities: the kinds of samples, and where the parts of each are.

A modality is a folder with its parts, a `Modality` that names them, and one line in MODALITIES. Names are
`module:object`, so that a run imports nothing of the other modalities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name


@dataclass(frozen=True)
class Method:
    """A way to train.

    Args:
        trainer: a `training.base.BaseTrainer`.
        networks: the function that builds each network of a checkpoint from the config, by the name of the network;
            `generator` is the one that samples.
    """

    trainer: str
    networks: Mapping[str, str]


@dataclass(frozen=True)
class Modality:
    """Where the parts of a modality are.

    Args:
        config: a `config.Experiment`, with its keys and their defaults.
        task: a `training.task.Task`, with its data, networks and scores.
        sample: the function behind the command `sample`, of a checkpoint and its options.
        public: the classes that load a checkpoint, which stand in the package's own namespace.
        methods: the ways to train by name.
    """

    config: str
    task: str
    sample: str
    public: tuple[str, ...]
    methods: Mapping[str, Method]


TEXT = "text"  # the modality where none is named
MODALITIES = {
    TEXT: "seqgan_gp.text:MODALITY",
    "images": "seqgan_gp.images:MODALITY",
}


def modality(name: str) -> Modality:
    """The modality of that name, one of MODALITIES."""
    return resolve_name(MODALITIES[name])
