"""The resources of the machine: threads, memory, a device."""

import collections
import contextlib
import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

One = TypeVar("One")
Other = TypeVar("Other")


def best_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return device or torch.device("cpu")


def prepare(threads: int | None) -> None:
    """Prepare this process for computing, before it starts threads: see `set_threads` and `keep_memory`.

    Denormal numbers (below 1e-38) become zero. The softmax of a generator that is sure of its tokens has many of them,
    and CPUs process them slowly: they took a fifth of a training step.
    """
    torch.set_flush_denormal(True)
    set_threads(threads)
    keep_memory()


def set_threads(threads: int | None) -> None:
    """Set the CPU threads of this process.

    `accelerate launch` and torchrun set OMP_NUM_THREADS=1 by default, and torch then uses one core. So 1 counts as not
    set, and the processes of this machine share its cores.
    """
    if threads is None:
        first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list has a number for each level
        asked = int(first) if first.isdecimal() else 1
        threads = asked if asked > 1 else max(1, _cores() // _processes())
    torch.set_num_threads(threads)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes() -> int:
    """The number of processes of this run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def crowded() -> str | None:
    """A warning if this run has more threads than other programs leave cores, else None.

    The threads of an operation spin until the last is done, and a thread without a core takes milliseconds. A step on
    two threads beside two busy programs took over 20 times as long as alone. Waiting without spinning would take twice
    as long on an idle machine.
    """
    threads, cores = torch.get_num_threads(), _cores()
    all_threads = threads * _processes()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if threads == 1 or load + all_threads < cores + 0.75:  # the start of this run is part of the load
        return None
    return (
        f"this run has {all_threads} threads on {cores} cores, and their load in the last minute was {load:.1f}: "
        "threads without a core delay the others, and --train.threads 1 can be many times faster"
    )


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


def side_by_side(function: Callable[[One], Other], items: Iterable[One]) -> Iterator[Other]:
    """Apply a function to items in parallel, each on one of torch's threads. Results come in order.

    This beats threads that share an operation: they wait for one another at its end, and while Python or a library
    works on one thread. This thread takes the items, a few ahead of the results.
    """
    threads = torch.get_num_threads()
    waiting: collections.deque[Future[Other]] = collections.deque()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)  # the initializer changes it for the whole process, too
