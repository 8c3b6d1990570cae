"""Checkpoints: inference files and the training state. They are written whole or not at all, and the last few are kept.

The training state stands in `state/`: weights and the tensors of optimisers as safetensors, all else as JSON. None of
its files can run code. The main process writes it all, and the random states of the others with its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from safetensors.torch import load_file
from torch import Tensor, nn

from .. import artefacts, manifest
from ..errors import UserError
from ..files import atomic_write, failing, part_of, sync, sync_tree
from . import random_states

STATE = "state"
NETWORKS, OPTIMIZERS, RECORDS = "networks.safetensors", "optimizers.safetensors", "records.json"
REMEDY = "delete this checkpoint to resume from the one before it"


class Record(Protocol):
    """Something whose state is plain: numbers, texts, and lists and mappings of them."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class State(NamedTuple):
    """All that training changes, by name.

    Args:
        networks: the networks, without the wrappers of accelerate.
        optimizers: their optimisers. The options in their groups come from the config, and only their state is saved.
        records: all else.
    """

    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]
    records: Mapping[str, Record]

    def weights(self) -> dict[str, Tensor]:
        """The weights and buffers of all networks."""
        named = self.networks.items()
        return {f"{name}.{key}": value for name, network in named for key, value in network.state_dict().items()}


class Progress:
    """The state of a run besides weights and optimisers: its step, its time and its noise stream."""

    def __init__(self, seed: int):
        self.seed = seed
        self.step = 0
        self.seconds = 0.0  # of training
        self.rng = np.random.default_rng(seed)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "seconds": self.seconds, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.rng.bit_generator.state = state["rng"]


def save(
    accelerator: Accelerator, run: Path, step: int, keep: int, state: State, write: Callable[[Path], None]
) -> Path:
    """Write the checkpoint of `step` and delete all but the last `keep`. Every process calls this.

    Args:
        write: function that writes the inference files into a folder.

    Raises:
        UserError: the disk fails; earlier checkpoints are whole. Every process raises it.
    """
    folder = run / artefacts.CHECKPOINTS / f"step-{step:07d}"
    states = gather_object([random_states.state(accelerator.device)])
    failure: list[str | None] = [None]
    if accelerator.is_main_process:
        try:
            with failing(folder):
                _write(folder, accelerator, state, states, write)
        except OSError as error:
            place = f" at {error.filename}" if str(error.filename) != str(folder) else ""
            failure = [f"{folder}: the checkpoint cannot be saved ({error.strerror or error}{place})"]
        else:
            _keep_last(run, keep)
    broadcast_object_list(failure)
    if failure[0]:
        raise UserError(failure[0])
    return folder


def _write(
    folder: Path, accelerator: Accelerator, state: State, states: list[Any], write: Callable[[Path], None]
) -> None:
    part = folder.with_name(part_of(folder.name))
    try:
        _clear(folder.parent)
        (part / STATE).mkdir(parents=True)
        _write_state(part / STATE, accelerator, state, states)
        write(part)
        manifest.write(part, manifest.files_of(part), "checkpoint")
        sync_tree(part)
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        os.replace(part, folder)
        sync(folder.parent)
    except BaseException:  # a full disk, a second Ctrl-C: earlier checkpoints stay whole
        shutil.rmtree(part, ignore_errors=True)
        raise


def _clear(checkpoints: Path) -> None:
    """Delete what is left of a save, or of the deletion of an old checkpoint, that was killed."""
    for left in checkpoints.glob(".step-*"):
        if artefacts.UNFINISHED.fullmatch(left.name):
            shutil.rmtree(left)


def _keep_last(run: Path, keep: int) -> None:
    """Delete all checkpoints but the last few. One that is a link, or holds files of the user's, stays."""
    for old in [path for path in artefacts.checkpoints(run)[:-keep] if not path.is_symlink()]:
        with contextlib.suppress(OSError, UserError):  # what cannot be deleted is no reason to stop
            if not artefacts.foreign(old):
                part = old.with_name(part_of(old.name))  # so that no half of it bears its name
                os.replace(old, part)
                shutil.rmtree(part)


def _write_state(folder: Path, accelerator: Accelerator, state: State, states: list[Any]) -> None:
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {name: {} for name in state.optimizers}
    for name, optimizer in state.optimizers.items():
        for number, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                place = f"{number}.{key}"
                if isinstance(value, Tensor):
                    tensors[f"{name}.{place}"] = value
                else:
                    plain[name][place] = value
    records = {
        "records": {name: record.state_dict() for name, record in state.records.items()},
        "optimizers": plain,
        "scaler": accelerator.scaler.state_dict() if accelerator.scaler else None,
        "random": states,
    }
    artefacts.write_tensors(state.weights(), folder / NETWORKS)
    artefacts.write_tensors(tensors, folder / OPTIMIZERS)
    with atomic_write(folder / RECORDS) as file:
        json.dump(records, file)


def load(accelerator: Accelerator, run: Path, state: State, progress: Progress) -> list[str]:
    """Load the run's last checkpoint, if it has one; the lines to show. Every process calls this.

    Raises:
        UserError: the checkpoint is incomplete, damaged, or does not fit.
    """
    found = artefacts.checkpoints(run)
    if not found:
        return ["it has no checkpoint yet, and begins anew"]
    checkpoint, folder = found[-1], found[-1] / STATE
    if accelerator.is_main_process:  # a run that has no step left saves nothing more
        with contextlib.suppress(OSError):
            _clear(checkpoint.parent)
    if not (folder / RECORDS).is_file():
        old = any(folder.glob("*.bin"))
        cause = "it is of an older version, whose training state could run code" if old else f"{RECORDS} is missing"
        remedy = "start anew in another --output" if old else REMEDY
        raise UserError(f"{checkpoint}: cannot be resumed ({cause}); {remedy}")
    manifest.check(checkpoint, REMEDY)
    try:
        records = json.loads((folder / RECORDS).read_text(encoding="utf-8"))
        _load_networks(state, load_file(folder / NETWORKS))
        _load_optimizers(state, load_file(folder / OPTIMIZERS), records["optimizers"])
        for name, record in state.records.items():
            record.load_state_dict(records["records"][name])
        if accelerator.scaler and records["scaler"]:
            accelerator.scaler.load_state_dict(records["scaler"])
        seed = (progress.seed, progress.step, accelerator.process_index)
        random_states.restore(accelerator.device, records["random"], seed)
    except Exception as error:  # damaged files without a manifest, other shapes: exceptions of many kinds
        cause = " ".join(str(error).split())[:200]
        remedy = REMEDY
        if "size mismatch" in str(error) or "Missing key" in str(error) or "Unexpected key" in str(error):
            remedy = "the code of the networks is not what it was: restore the module that you import"
        raise UserError(f"{checkpoint}: cannot be resumed ({type(error).__name__}: {cause}); {remedy}") from None
    before, now = len(records["random"]), accelerator.num_processes
    return [f"saved by {before} {_processes(before)}, goes on with {now}"] if before != now else []


def _processes(number: int) -> str:
    return "process" if number == 1 else "processes"


def _load_networks(state: State, weights: Mapping[str, Tensor]) -> None:
    if spoilt := artefacts.not_finite(weights):
        raise ValueError(f"the weight {spoilt} is not finite")
    for name, network in state.networks.items():
        prefix = f"{name}."
        network.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})


def _load_optimizers(state: State, tensors: Mapping[str, Tensor], plain: Mapping[str, Mapping[str, Any]]) -> None:
    for name, optimizer in state.optimizers.items():
        prefix = f"{name}."
        mine = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        values: dict[int, dict[str, Any]] = {}
        for place, value in {**mine, **plain[name]}.items():
            number, _, key = place.partition(".")
            values.setdefault(int(number), {})[key] = value
        optimizer.load_state_dict(optimizer.state_dict() | {"state": values})
