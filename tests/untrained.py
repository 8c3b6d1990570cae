"""Checkpoints of random weights, so that every input of a network has an effect. They need no training."""

from pathlib import Path
from pkgutil import resolve_name

import torch

from seqgan_gp import artefacts, config
from seqgan_gp.modality import modality
from seqgan_gp.networks import condition_of
from seqgan_gp.text.conditions import Labels
from seqgan_gp.text.tokenizer import Tokenizer

WORDS = ["a", "bee", "can", "do", "even", "fine", "good", "honest", "inner", "jobs"]
COUNTS = {"report": 30, "order": 9, "question": 1}
SIZES = [
    *("--tokenizer.length=6", "--generator.noise=7", "--generator.width=12", "--generator.blocks=2"),
    *("--critic.width=8", "--critic.embedding=5", "--critic.blocks=3", "--condition.features=4"),
    *("--language_model.embedding=9", "--language_model.width=10", "--language_model.dropout=0.4"),
]
LABELS = ("--corpus.train=grammar:types", "--corpus.label=label")
GUMBEL = "--relaxation.kind=straight-through-gumbel"
CONTEXTS = ("--corpus.train=grammar:dialogue", "--corpus.context=context")


def checkpoint(folder: Path, *options: str, networks: tuple[str, ...] = ("generator", "critic")) -> Path:
    """A checkpoint with these networks of the config that the options describe."""
    c = config.parse([*SIZES, *options]).config
    tokenizer = Tokenizer.train("word", WORDS, 100)
    condition = condition_of(c, tokenizer, lambda: Labels(COUNTS))
    torch.manual_seed(4)
    builders = modality(c.modality).methods[c.method].networks
    built = {name: resolve_name(builders[name])(c, tokenizer, condition) for name in networks}
    with torch.no_grad():
        for network in built.values():
            for parameter in network.parameters():
                parameter.normal_(std=0.25)
    folder.mkdir(parents=True, exist_ok=True)
    artefacts.save(folder, c, built)
    tokenizer.save(folder / artefacts.TOKENIZER)
    if condition:
        condition.save(folder / artefacts.LABELS)
    return folder


def choosing(folder: Path) -> Path:
    """A checkpoint that samples at temperature 0, and at 0.7 where it chooses among three."""
    options = ("--reranking.candidates=3", "--reranking.temperature=0.7")
    return checkpoint(folder, *options, networks=("generator", "critic", "discriminator"))


def of_labels(folder: Path) -> Path:
    """A checkpoint that samples sentences of labels at temperature 1."""
    return checkpoint(folder, GUMBEL, *LABELS)


def of_contexts(folder: Path) -> Path:
    """A checkpoint whose contexts are longer than their answers: nine tokens with the end, not six."""
    return checkpoint(folder, *CONTEXTS, "--condition.length=9")
