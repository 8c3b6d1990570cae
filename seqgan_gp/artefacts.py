"""Checkpoints: where they are, and how their config and weights are saved and loaded.

A checkpoint holds `config.yaml` and `model.safetensors`. The weights of the network that samples are under
`generator.`. Adversarial training adds the critic under `critic.` and, with reranking, the discriminator under
`discriminator.`. The modality adds files of its own, such as `tokenizer.json`. None of them is a pickle. The
manifest of a checkpoint is checked when it is loaded; one from the hub may have none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, Unpack

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from . import config as configs
from . import hub, manifest
from .config import Experiment
from .errors import UserError
from .files import PART_ENDING, failing

CONFIG, TOKENIZER, WEIGHTS = FILES = (configs.CONFIG, "tokenizer.json", "model.safetensors")
LABELS = "labels.json"  # only in runs with labels
CHECKPOINTS = "checkpoints"
UNFINISHED = re.compile(rf"\.step-\d+{PART_ENDING}")  # the folder of a checkpoint that is being written or deleted
REPLACED = ".seqgan-gp/old"  # in a run folder: the run that a new one replaces, until the new one has a checkpoint


def save(folder: Path, config: Experiment, networks: Mapping[str, nn.Module]) -> None:
    """Write the config, and the weights of networks by name."""
    configs.save(config, folder / CONFIG)
    weights = {f"{part}.{k}": v for part, network in networks.items() for k, v in network.state_dict().items()}
    write_tensors(weights, folder / WEIGHTS)


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name as safetensors, also those that share memory.

    Raises:
        OSError: the disk fails; it names the path.
    """
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        whole = tensor.detach().cpu().contiguous()
        memory = whole.untyped_storage().data_ptr()
        apart[name] = whole.clone() if memory in seen else whole
        seen.add(memory)
    with failing(path):
        save_file(apart, path)


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run folder, oldest first."""
    numbers = {path: path.name.removeprefix("step-") for path in (run / CHECKPOINTS).glob("step-*")}
    # Only names that we give: a copy as step-1 would be a second checkpoint of its step.
    found = [path for path, number in numbers.items() if number.isdecimal() and number == f"{int(number):07d}"]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix("step-"))


def foreign(checkpoint: Path) -> Path | None:
    """A file in a checkpoint that is not of its manifest, such as a user's notes; None if there is none.

    Raises:
        UserError: the manifest is damaged.
    """
    others = set(manifest.files_of(checkpoint)) - manifest.read(checkpoint).keys()
    return checkpoint / min(others) if others else None


def locate(source: str | Path, **options: Unpack[hub.Options]) -> Path:
    """Find the checkpoint of a source: a checkpoint, a run folder (its last checkpoint), or a hub id to download.

    Args:
        options: of the download, `hub.Options`.

    Raises:
        UserError: there is no checkpoint, it lacks a file that every checkpoint has, or a file is damaged.
    """
    path = Path(source)
    if path.is_dir():
        if options.get("revision"):
            raise UserError(f"{path} is a folder here, which has no revision '{options['revision']}': leave that out")
        if found := checkpoints(path):
            path = found[-1]
    elif path.exists():
        raise UserError(f"{path} is a file: give a run folder, a checkpoint in it, or a hub id")
    elif hub.ID.fullmatch(str(source)):
        path = hub.download(str(source), [*FILES, LABELS, manifest.MANIFEST], **options)
    else:
        raise UserError(
            f"{path}: no such run folder; train one with: accelerate launch run.py --config text.yaml --output {path}"
        )
    if (path / CHECKPOINTS).is_dir():
        waiting = f"; the run that it replaces is in {path / REPLACED}" if (path / REPLACED).is_dir() else ""
        raise UserError(
            f"{path} has no checkpoint yet: train on with --resume, or give another run folder or checkpoint{waiting}"
        )
    check_complete(path, (CONFIG, WEIGHTS))
    own = "use another checkpoint, or delete its manifest.json if you have changed the file yourself"
    manifest.check(path, own, (*FILES, LABELS))
    return path


def run_of(checkpoint: Path) -> Path | None:
    """The run folder that a checkpoint stands in; None for one that stands alone, such as one from the hub."""
    run = checkpoint.absolute().parent.parent
    return run if checkpoint.absolute().parent == run / CHECKPOINTS and (run / CONFIG).is_file() else None


def check_data(run: Path) -> None:
    """Raise a UserError if the data of a run folder, its corpus among them, are not those that the run wrote."""
    manifest.check(run, "restore the file, or train anew in another folder")


def check_complete(folder: Path, names: tuple[str, ...]) -> None:
    """Raise a UserError unless the checkpoint has all these files."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder}: not a complete checkpoint, {', '.join(missing)} missing; "
            "give a run folder or another checkpoint"
        )


Kind = TypeVar("Kind", bound=Experiment)


def read_config(folder: Path, kind: type[Kind]) -> Kind:
    """Read the config of a checkpoint, which must be of that kind.

    Raises:
        UserError: the config has another modality, or is damaged.
    """
    config = configs.load(folder / CONFIG)
    if not isinstance(config, kind):
        asked: Any = kind  # a field with a default
        raise UserError(
            f"{folder} was trained with modality={config.modality}: give a run with modality={asked.modality}"
        )
    return config


def saved_networks(folder: Path) -> set[str]:
    """The names of the networks whose weights a checkpoint has.

    Raises:
        UserError: the weights are damaged.
    """
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            return {key.partition(".")[0] for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(f"{folder / WEIGHTS} is damaged ({error}); use another checkpoint") from None


def load_weights(folder: Path, part: str, network: nn.Module) -> None:
    """Load the weights `part` of a checkpoint into the network, in place.

    Raises:
        UserError: the weights are damaged, not finite, or have another shape.
    """
    try:
        weights = {k: v for k, v in load_file(folder / WEIGHTS).items() if k.startswith(f"{part}.")}
        if spoilt := not_finite(weights):
            raise UserError(f"{folder / WEIGHTS}: the weight {spoilt} is not finite; use another checkpoint")
        network.load_state_dict({k.removeprefix(f"{part}."): v for k, v in weights.items()})
    except SafetensorError as error:
        raise UserError(f"{folder / WEIGHTS} is damaged ({error}); use another checkpoint") from None
    except RuntimeError as error:
        detail = " ".join(str(error).partition("\n")[2].split())[:200]
        raise UserError(
            f"{folder / WEIGHTS} does not fit {CONFIG} and the other files of the checkpoint: {detail}"
        ) from None


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with a number that is not finite, if there is one."""
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)


@contextlib.contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Switch off gradients and put networks into evaluation mode, for the duration of a `with` block.

    Each module then goes back to the mode that it had. A generator function must not yield within: its caller would
    go on in these modes.
    """
    # Modules in evaluation mode are left alone: to set the mode of all of them took a third of drawing one sentence.
    training = [module for network in networks for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
