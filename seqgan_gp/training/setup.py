"""What the loop needs from the machine and from torch: threads, optimisers, trackers, and a way to stop."""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import os
import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import torch
from accelerate.tracking import get_available_trackers

from ..config import OptimizerConfig
from ..errors import UserError


def set_threads(threads: int | None) -> None:
    """CPU threads of this process.

    `accelerate launch` and torchrun set OMP_NUM_THREADS=1 where the user set nothing, and torch then works on one
    core. So 1 counts as not asked for, and the cores are shared out over the processes of this machine.
    """
    if threads is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        asked = int(os.environ.get("OMP_NUM_THREADS") or 1)
        threads = asked if asked > 1 else max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    torch.set_num_threads(threads)


def keep_memory() -> None:
    """Make glibc keep the memory of large tensors for the next step.

    By default it returns blocks over 32 MB to the system at once, and the kernel clears their pages anew at every step:
    with a vocabulary of 5,000 that was a quarter of the time of a step.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not Linux, or another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-4, 0)  # M_MMAP_MAX: no blocks of their own
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: no shrinking of the heap


def make_optimizer(
    key: str, config: OptimizerConfig, parameters: Iterable[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    """An optimiser of torch.optim by name.

    Adam and its kin get betas (0, 0.9): momentum harms a critic whose target moves (Gulrajani et al. 2017, algorithm
    1).

    Raises:
        UserError: no such optimiser, or it refuses an option; the message names the key `key`.
    """
    cls: Any = getattr(torch.optim, config.name, None)
    known = inspect.isclass(cls) and torch.optim.Optimizer in cls.__mro__[1:]
    if not known:
        raise UserError(
            f"{key}.name: no optimiser '{config.name}' in torch.optim; Adam, AdamW, RMSprop and SGD are there"
        )
    takes = inspect.signature(cls).parameters
    options = ({"betas": (0.0, 0.9)} if "betas" in takes else {}) | config.options
    if unknown := options.keys() - takes.keys():
        names = ", ".join(k for k in takes if k not in ("params", "lr"))
        raise UserError(f"{key}.options: {config.name} has no option {', '.join(sorted(unknown))}; it has: {names}")
    try:
        return cls(parameters, lr=config.lr, **options)
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}.options: {config.name} refuses them ({error})") from None


def check_trackers(names: list[str]) -> None:
    """Raise a UserError for a tracker that accelerate does not know or whose package is not installed."""
    available = [str(getattr(t, "value", t)) for t in get_available_trackers()]
    for name in names:
        if name not in available:
            there = ", ".join(available) or "none"
            raise UserError(
                f"trackers: {name} is not installed: pip install {name}, or leave it out; installed here: {there}"
            )


class StopRequest:
    """Set by the first Ctrl-C or termination signal, and read by the loop between steps; a second one kills."""

    def __init__(self) -> None:
        self.requested = False

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        before = {number: signal.signal(number, self._set) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
