"""The --help of the training command: every key with its meaning, its values and its default."""

from __future__ import annotations

import argparse
from typing import Any

from docstring_parser import parse

from ..fields import describe
from ..modality import MODALITIES
from .schema import Key, keys, sections


def explain(parser: argparse.ArgumentParser, config: Any) -> None:
    """Print the options of `parser` and all keys of a config."""
    full = argparse.ArgumentParser(
        prog=parser.prog,
        usage=f"{parser.prog} [--config FILE] [--KEY VALUE ...]",
        description="Train a Wasserstein GAN with gradient penalty, or a language model of text. YAML files and the "
        f"command line take the same keys. This is the list for modality={config.modality}; the modalities are "
        f"{', '.join(MODALITIES)}. The default experiment is that of text.yaml.",
        parents=[parser],
        add_help=False,
        conflict_handler="resolve",
    )
    groups = {"": full.add_argument_group(_meaning(type(config)))}
    for name, section in sections(config).items():
        groups[name] = full.add_argument_group(f"{name}: {_meaning(type(section))}")
    for key in keys(config):
        if key.name not in ("modality", "imports"):  # options of `parser`
            section, _, field = key.name.rpartition(".")
            help_ = f"{_text(key)} ({describe(key.kind)}; default: {_shown(key.default)})".replace("%", "%%")
            groups[section].add_argument(f"--{key.name}", metavar=field.upper(), help=help_)
    full.print_help()


def _meaning(section: type) -> str:
    return (parse(section.__doc__ or "").short_description or section.__name__).rstrip(".")


def _text(key: Key) -> str:
    """The meaning of a key, from the docstring of its section."""
    kinds = [*key.section.__mro__[:-1], *filter(None, [getattr(key.section, "OPTIONS", None)])]
    field = key.name.rpartition(".")[2]
    for kind in kinds:
        for entry in parse(kind.__doc__ or "").params:
            if entry.arg_name == field:
                only = f"Only for {key.asked_by}. " if key.asked_by else ""
                return only + " ".join((entry.description or "").split())
    return field


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
