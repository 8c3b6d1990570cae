"""The fields of an experiment as the options of a parser, and what it parsed as an experiment again."""

import dataclasses
import difflib
import json
import re
import warnings
from pkgutil import resolve_name
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from ..errors import UserError
from .experiment import Experiment
from .numbers import NUMBERS

TEXT = "text"  # the modality where none is named
# By name, so that an experiment imports nothing of the other modalities.
MODALITIES = {TEXT: "seqgan_gp.config.text:Config", "images": "seqgan_gp.images.config:ImageConfig"}


class _Parser(ArgumentParser):
    """jsonargparse, with errors that are one line and name the nearest right key."""

    modality: str

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        message = " ".join(str(message).split())
        message = re.sub(r'^Parser key "([^"]*)":', r"\1:", message)
        if section := re.match(r"([\w.]+): Unable to load config", message):
            name = section.group(1)
            keys = ", ".join(f"--{a.dest}" for a in self._actions if a.dest.startswith(f"{name}."))
            raise UserError(f"--{name} is a section of keys and takes no value itself: give one of {keys}")
        if re.match(r"(generator|critic)\.norm: .*\bbatch", message):
            # For the generator too: what it draws must not depend on the rest of the batch.
            message += (
                "; batch norm is not offered: it couples the samples of a batch, which a penalty on the gradient of "
                "each sample forbids (Gulrajani et al. 2017, section 4)"
            )
        if refused := re.match(r"([\w.]+):.*Not of type (\w+)", message):
            value = re.search(r"Given value: (\S+)$|: (\S+) does not conform", message)
            given = f", not {value.group(1) or value.group(2)}" if value else ""
            raise UserError(f"{refused.group(1)}: {NUMBERS[refused.group(2)]} is needed{given}")
        raise UserError(message + self._suggestion(message))

    def _suggestion(self, message: str) -> str:
        names = [a.dest for a in self._actions if a.dest not in ("help", "print_config")]
        keys = [k for k in names if not any(other.startswith(f"{k}.") for other in names)]  # fields, not sections
        nested = re.search(r"Group '([\w.]+)' does not accept option '([\w.]+)'", message)
        flat = re.search(r"(?:unrecognized arguments: --|ption '|Key ')([\w.]+)", message)
        if not (nested or flat):
            return ""
        wrong = ".".join(nested.groups()) if nested else flat.group(1)  # type: ignore[union-attr]
        section = wrong.partition(".")[0]
        others = [name for name in MODALITIES if section in {f.name for f in dataclasses.fields(kind_of(name))}]
        if others and self.modality not in others:
            return f"; {section} is for modality={others[0]}, and this experiment has modality={self.modality}"
        close = difflib.get_close_matches(wrong, keys, n=1, cutoff=0.6)
        if not close:  # the right name in the wrong section
            close = [k for k in keys if k.rpartition(".")[2] == wrong.rpartition(".")[2]][:1]
        return f"; did you mean {close[0]}?" if close else "; --help lists every key"


def new_parser(prog: str = "run.py", modality: str = TEXT) -> ArgumentParser:
    """The options of the training command, for experiments of `modality`."""
    parser = _Parser(
        prog=prog,
        allow_abbrev=False,  # --over must not delete a run
        description="Train a Wasserstein GAN with gradient penalty, or a language model of text. The keys of a YAML "
        "file and the options of the command line are the same; they depend on --modality, and these are those of "
        f"modality={modality}. There are {', '.join(MODALITIES)}.",
    )
    parser.modality = modality
    parser.add_argument("--config", action="config", help="YAML file, by path or by its name in configs/.")
    # Run options are no part of the experiment that the YAML file describes.
    parser.add_argument(
        "--output", type=str | None, default=None, help="Run folder; default: runs/NAME for --config NAME.yaml."
    )
    parser.add_argument("--resume", action="store_true", help="Continue the run from its last checkpoint.")
    parser.add_argument("--overwrite", action="store_true", help="Delete the run in the run folder and start anew.")
    parser.add_class_arguments(kind_of(modality))
    return parser


def kind_of(modality: str) -> type[Experiment]:
    """The class of the experiments of a modality."""
    return resolve_name(MODALITIES[modality])


def known_modality(modality: Any) -> str:
    """`modality`, or a UserError that names those that there are."""
    if modality not in list(MODALITIES):  # a list, since YAML may have anything here
        raise UserError(f"modality is {modality!r}: there are {', '.join(MODALITIES)}")
    return modality


def parse_options(parser: ArgumentParser, arguments: list[str]) -> Namespace:
    """What the parser makes of `arguments`, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parser.parse_args(arguments)


def build(values: Namespace, modality: str) -> Experiment:
    """The checked experiment that parsed options describe."""
    values.pop("config", None)
    # Through JSON, since jsonargparse's numbers with a range are classes of their own.
    config = _instance(default(modality), json.loads(json.dumps(values.as_dict())), "")
    config.check()
    return config


def default(modality: str) -> Any:
    """An experiment of `modality` with nothing changed."""
    return kind_of(modality)()  # type: ignore[call-arg]  # each gives what Experiment leaves open


def _instance(default: Any, values: dict[str, Any], section: str) -> Any:
    """Nested dataclasses from nested dictionaries that jsonargparse has validated, but for empty values."""
    made = {}
    for f in dataclasses.fields(default):
        value, other = values[f.name], getattr(default, f.name)
        if value is None and other is not None:
            raise UserError(f"{section}{f.name} has no value: give one, or leave the key out")
        made[f.name] = _instance(other, value, f"{section}{f.name}.") if dataclasses.is_dataclass(other) else value
    return type(default)(**made)
