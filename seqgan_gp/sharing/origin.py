"""Where the training data of a run come from, without a word about files of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .. import hub, shipped, sources
from ..config import Experiment, flat
from ..config.schema import changed
from ..text.corpus import GRAMMAR
from ..text.tables import FORMS

UNNAMED = "a data set that is not named here"
FILE = "tokenizer.file"  # a key that names a file of the user's


@dataclass(frozen=True)
class Origin:
    """Where training data come from.

    Args:
        kind, name: as the hub's metadata name a data set; both are its id if the hub has it.
        words: the same in the middle of a sentence.
        missing: a sentence on what a repository lacks without it.
    """

    kind: str
    name: str
    words: str
    missing: str

    @classmethod
    def of(cls, source: str) -> Origin:
        """Find out what a source of data is. The hub is asked if it may have it."""
        if is_shipped(source):
            name = source.removeprefix(GRAMMAR)
            words = f"sentences of the grammar `{name}`, which seqgan_gp ships"
            return cls("grammar", f"seqgan_gp {source}", words, "Probes draw their sentences from that grammar.")
        missing = "The training data are not in this repository: probes need sentences of yours, `--reference FILE`."
        if sources.is_hub_id(source, FORMS) and hub.is_public_data(source):
            return cls(source, source, f"the data set [{source}](https://huggingface.co/datasets/{source})", missing)
        return cls("other", UNNAMED, UNNAMED, missing)


def is_shipped(source: str) -> bool:
    """Whether a source is a grammar of this package."""
    name = source.removeprefix(GRAMMAR)
    return source.startswith(GRAMMAR) and (shipped.folder("data") / f"{PurePath(name).name}.pcfg").is_file()


def without_paths(config: Experiment, origin: Origin) -> Experiment:
    """A config whose files have names without their folders, which are nobody else's business."""
    values, new = flat(config), config
    for key in (*config.SOURCES, FILE):
        value = values.get(key)
        if not isinstance(value, str) or is_shipped(value) or value == origin.name:
            continue
        start = GRAMMAR if value.startswith(GRAMMAR) else ""
        bare: Any = start + (PurePath(value.removeprefix(start)).name or value)
        for part in reversed(key.split(".")):
            bare = {part: bare}
        new = changed(new, bare)
    return new
