"""Checkpoints: inference files and the full training state. They are written atomically, and the last few are kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from .. import artefacts
from ..errors import UserError

STATE = "state"


class Progress:
    """The state of a run besides weights and optimisers: its step, its time and its noise stream."""

    def __init__(self, seed: int):
        self.step = 0
        self.seconds = 0.0  # of training
        self.rng = np.random.default_rng(seed)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "seconds": self.seconds, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = state["step"], state.get("seconds", 0.0)
        self.rng.bit_generator.state = state["rng"]


def save(accelerator: Accelerator, run: Path, step: int, keep: int, write: Callable[[Path], None]) -> Path:
    """Write the checkpoint of `step` and delete all but the last `keep`. Every process calls this.

    Args:
        write: function that writes the inference files into a folder.
    """
    folder = run / artefacts.CHECKPOINTS / f"step-{step:07d}"
    part = folder.with_name(f".{folder.name}.part")
    if accelerator.is_main_process:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    accelerator.wait_for_everyone()
    try:
        accelerator.save_state(str(part / STATE))
        if accelerator.is_main_process:
            write(part)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(part, folder)
            for old in artefacts.checkpoints(run)[:-keep]:
                shutil.rmtree(old)
    except BaseException:  # a full disk, a second Ctrl-C: earlier checkpoints stay whole
        shutil.rmtree(part, ignore_errors=True)
        raise
    accelerator.wait_for_everyone()
    return folder


def load(accelerator: Accelerator, run: Path) -> None:
    """Load the run's last checkpoint, if it has one, into everything that the accelerator has prepared and registered.

    Raises:
        UserError: the checkpoint is incomplete or does not fit.
    """
    found = artefacts.checkpoints(run)
    if not found:
        return
    try:
        if not list((found[-1] / STATE).glob(f"random_states_{accelerator.process_index}.*")):
            # accelerate would go on without it, and the resumed run would differ.
            raise FileNotFoundError(f"no random state of process {accelerator.process_index}")
        accelerator.load_state(str(found[-1] / STATE))
    except Exception as error:  # missing or damaged files, other shapes: exceptions of many kinds
        cause = " ".join(str(error).split())[:200]
        remedy = "resume with as many processes as before, or delete this checkpoint to resume from the one before it"
        if "size mismatch" in str(error) or "Missing key" in str(error) or "Unexpected key" in str(error):
            remedy = "the code of the networks is not what it was: restore the module that you import"
        raise UserError(f"{found[-1]}: cannot be resumed ({type(error).__name__}: {cause}); {remedy}") from None
