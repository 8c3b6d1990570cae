"""The resources of the machine: threads, memory, a device."""

import contextlib
import ctypes
import itertools
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from .errors import UserError
from .memory import limit

One = TypeVar("One")
Other = TypeVar("Other")


def best_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return device or torch.device("cpu")


def device_of(name: str | torch.device) -> torch.device:
    """The device that a user names.

    Raises:
        UserError: this machine has no such device, or it is no name of one.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError, ValueError, ImportError):  # each kind of device has its own way
        here = " or ".join(dict.fromkeys(["cpu", best_device().type]))
        raise UserError(f"device: this machine has no {name!r}, give {here}") from None
    return device


def onto(array: np.ndarray, device: torch.device | str) -> torch.Tensor:
    """An array as a tensor on a device. Floats are no wider than torch's default: Apple's have no float64."""
    wide = array.dtype == np.float64 and torch.get_default_dtype() != torch.float64
    return moved(torch.from_numpy(array.astype(np.float32) if wide else array), device)


def moved(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """A tensor of the CPU on a device. The host does not wait until a GPU has it: a copy from pinned memory goes on by
    itself.
    """
    if torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def prepare(threads: int | None) -> None:
    """Prepare this process for computing, before it starts threads: see `set_threads` and `keep_memory`.

    Denormal numbers (below 1e-38) become zero. The softmax of a generator that is sure of its tokens has many of them,
    and CPUs process them slowly: they took a fifth of a training step.
    """
    torch.set_flush_denormal(True)
    set_threads(threads)
    keep_memory()
    if best_device().type == "cpu":  # drivers of others reserve far more than they use
        limit()


def prepare_command() -> None:
    """Prepare a command whose operations share threads: one for each core that other programs leave free.

    Two threads beside a busy program can take many times as long as one; see `crowded`. OMP_NUM_THREADS over 1 sets
    another number.
    """
    prepare(given_threads(None) or max(1, min(all_threads(), room(busy_cores(lambda: time.sleep(0.1))))))


def set_threads(threads: int | None) -> None:
    """Set the CPU threads of this process, to all of its cores unless a number is given; see `given_threads`."""
    torch.set_num_threads(given_threads(threads) or all_threads())


def given_threads(threads: int | None) -> int | None:
    """The number of threads that the user gives, as an option or as OMP_NUM_THREADS; None if there is none.

    `accelerate launch` and torchrun set OMP_NUM_THREADS=1 by default, and torch then uses one core. So 1 counts as not
    set.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list has a number for each level
    asked = int(first) if first.isdecimal() else 1
    return threads or (asked if asked > 1 else None)


def all_threads() -> int:
    """A thread for each core that this process has. The processes of this run on this machine share the cores."""
    return max(1, len(_usable()) // _processes())


def _usable() -> set[int]:
    """The cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _processes() -> int:
    """The number of processes of this run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def room(busy: float) -> int:
    """The threads that find a core in each process of this run, while other programs keep so many cores busy."""
    return math.ceil((len(_usable()) + 0.5 - busy) / _processes()) - 1


def crowded() -> str | None:
    """A warning if this run has more threads than other programs leave cores, else None.

    The threads of an operation spin until the last is done, and a thread without a core takes milliseconds. A step on
    two threads beside two busy programs took over 20 times as long as alone. Waiting without spinning would take twice
    as long on an idle machine.
    """
    threads, cores = torch.get_num_threads(), len(_usable())
    if threads == 1:
        return None
    busy = busy_cores()
    if threads <= room(busy):
        return None
    return (
        f"this run has {threads * _processes()} threads on {cores} cores, and other programs keep {busy:.1f} of these "
        "busy: threads without a core delay the others, and --train.threads 1 can be many times faster"
    )


def busy_cores(meanwhile: Callable[[], object] = lambda: time.sleep(0.3)) -> float:
    """The cores that other programs keep busy while a function runs, among those that this process may use; 0 where
    the system does not say.

    The load average would be that of the last minute: an install that has just ended would still count.

    Args:
        meanwhile: the function. The other processes of this run are as busy with it as this one.
    """
    own, start, before = time.process_time(), time.perf_counter(), _busy_ticks()
    meanwhile()
    own, seconds, after = time.process_time() - own, time.perf_counter() - start, _busy_ticks()
    cores = before.keys() & after
    total = sum(after[core][1] - before[core][1] for core in cores)
    if not total or seconds <= 0:
        return 0.0
    busy = len(cores) * sum(after[core][0] - before[core][0] for core in cores) / total
    return max(0.0, busy - _processes() * own / seconds)


def _busy_ticks() -> dict[int, tuple[int, int]]:
    """Ticks of the clock since the start of the machine, for each usable core: those at work, and all."""
    found = {}
    with contextlib.suppress(OSError, ValueError, IndexError):  # no /proc/stat, or another one
        for line in Path("/proc/stat").read_text().splitlines():
            name, *numbers = line.split()
            core = name.removeprefix("cpu")
            if name.startswith("cpu") and core.isdecimal() and int(core) in _usable():
                ticks = [int(number) for number in numbers[:8]]  # user nice system idle iowait irq softirq steal
                found[int(core)] = sum(ticks) - ticks[3] - ticks[4], sum(ticks)
    return found


def keep_memory() -> None:
    """Make glibc keep the memory of large tensors for the next step.

    By default it returns blocks over 32 MB to the system at once, and the kernel clears their pages anew at every step.
    With a vocabulary of 5,000 that took a quarter of a step. Threads share one heap: a heap of their own holds at most
    64 MB, and larger blocks come from the system each time, which took half of the time of sampling captions.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not Linux, or another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-4, 0)  # M_MMAP_MAX: no separate mappings
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: never shrink the heap
        mallopt(-8, 1)  # M_ARENA_MAX: one heap


def side_by_side(
    function: Callable[[One], Other],
    items: Iterable[One],
    around: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
    threads: int | None = None,
) -> Iterator[Other]:
    """The function of each item, in order, as many at a time as there are threads, and each on one.

    Threads that share out an operation wait for one another at its end, and all of them wait while Python, or a
    library, works on one. As many items as there are threads make a piece, which is taken and computed as a whole
    before its first result is given. So whoever reads the results finds torch's threads as they were, at each of them.

    Args:
        around: gives the context of each piece, in this thread. It ends before a result is given.
        threads: by default, those that torch has. With one, the function runs in this thread.
    """
    items = iter(items)
    while True:
        with around():
            size = threads or torch.get_num_threads()
            piece = list(itertools.islice(items, size))
            results = list(map(function, piece)) if size == 1 else _compute(function, piece, size)
        if not results:
            return
        yield from results


def _compute(function: Callable[[One], Other], piece: list[One], threads: int) -> list[Other]:
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, piece))
    finally:
        torch.set_num_threads(before)  # it is in part of the whole process
