"""The modalities: kinds of samples, and the places of their parts.

A modality is a folder with its parts, a `Modality` that names them, and one line in MODALITIES. Names are
`module:object`, so that a run imports nothing of the other modalities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name


@dataclass(frozen=True)
class Method:
    """A method of training.

    Args:
        trainer: the name of a `training.base.BaseTrainer`.
        networks: the function that builds each network of a checkpoint from the config, by the name of the network;
            `generator` is the one that samples.
    """

    trainer: str
    networks: Mapping[str, str]


@dataclass(frozen=True)
class Modality:
    """The places of the parts of a modality.

    Args:
        config: a `config.Experiment`, with its keys and their defaults.
        task: a `training.task.Task`, with its data, networks and scores.
        sample: the function of the command `sample`. It takes a checkpoint and the options.
        card: the function that describes a checkpoint for its model card: a `description.Description`. It takes
            the checkpoint, and its run folder or None.
        public: the classes that load a checkpoint. They are also in the package's namespace.
        methods: the methods of training, by name.
    """

    config: str
    task: str
    sample: str
    card: str
    public: tuple[str, ...]
    methods: Mapping[str, Method]


TEXT = "text"  # the default modality
MODALITIES = {
    TEXT: "seqgan_gp.text:MODALITY",
    "images": "seqgan_gp.images:MODALITY",
}


def modality(name: str) -> Modality:
    """The modality of that name, one of MODALITIES."""
    return resolve_name(MODALITIES[name])
