"""What the machine offers: threads, memory, a device."""

import contextlib
import ctypes
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

One = TypeVar("One")
Other = TypeVar("Other")


def best_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return device or torch.device("cpu")


def onto(array: np.ndarray, device: torch.device | str) -> torch.Tensor:
    """An array as a tensor on a device. Floats are no wider than torch's default: Apple's have no float64."""
    wide = array.dtype == np.float64 and torch.get_default_dtype() != torch.float64
    return torch.from_numpy(array.astype(np.float32) if wide else array).to(device)


def prepare(threads: int | None) -> None:
    """Make this process ready to compute, before it starts a thread that does: see `set_threads` and `keep_memory`.

    Numbers too small for a float's full precision (below 1e-38) become zero. The softmax of a generator that is sure of
    its tokens is full of them, and a CPU takes them one by one: they were a fifth of a training step.
    """
    torch.set_flush_denormal(True)
    set_threads(threads)
    keep_memory()


def set_threads(threads: int | None) -> None:
    """CPU threads of this process.

    `accelerate launch` and torchrun set OMP_NUM_THREADS=1 where the user set nothing, and torch then works on one
    core. So 1 counts as not asked for, and the cores are shared out over the processes of this machine.
    """
    if threads is None:
        first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list is one number for each level
        asked = int(first) if first.isdecimal() else 1
        threads = asked if asked > 1 else max(1, _cores() // _processes())
    torch.set_num_threads(threads)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes() -> int:
    """Processes of this run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def crowded() -> str | None:
    """A line for the user where this run seems to have more threads than other programs leave cores.

    The threads of an operation spin until the last is done, and one without a core is not done for milliseconds: a step
    on two threads beside two busy programs took over 20 times as long as alone. To wait without spinning would take
    twice as long on an idle machine.
    """
    threads, cores = torch.get_num_threads(), _cores()
    all_threads = threads * _processes()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if threads == 1 or load + all_threads < cores + 0.75:  # the start of this run is part of the load
        return None
    return (
        f"this run has {all_threads} threads on {cores} cores, whose load in the last minute was {load:.1f}: threads "
        "without a core hold up the others, and --train.threads 1 can be many times faster"
    )


def keep_memory() -> None:
    """Make glibc keep the memory of large tensors for the next step.

    By default it returns blocks over 32 MB to the system at once, and the kernel clears their pages anew at every step:
    with a vocabulary of 5,000 that was a quarter of the time of a step. Threads get one heap in common, since those of
    their own hold 64 MB at most, and what is larger comes from the system each time: half of the time of sampling
    captions.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not Linux, or another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-4, 0)  # M_MMAP_MAX: no blocks of their own
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: no shrinking of the heap
        mallopt(-8, 1)  # M_ARENA_MAX: no further heaps


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
