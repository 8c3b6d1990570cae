"""Memory: how much there is, and how much networks surely need, before anything is allocated.

An estimate here is a lower bound, so that only what cannot fit is refused. What is refused is therefore less than what
fails: `errors.told` tells of an allocation that fails all the same, and `limit` makes it fail instead of the kernel
ending some process of the machine without a word.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .errors import UserError

FLOAT, WHOLE = 4, 8  # bytes of a float32 and of an int64
LARGER = "a smaller run, or a machine with more memory, is needed"


def there_is(device: torch.device | str = "cpu") -> int:
    """The most bytes that this process can ever have on a device. Other programs are taken to end."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    return min(_machine(), *_groups(), *_limits())


def _machine() -> int:
    """The memory of the machine with its swap space."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
        return 1024 * (sizes["MemTotal"] + sizes["SwapTotal"])
    except (OSError, ValueError, KeyError, IndexError):  # not Linux
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return 2**63


def _groups() -> Iterator[int]:
    """The limits of the control groups that this process is in, of a container or of a job of SLURM; versions 1 and 2.

    A container may see its group under another path than its own, so each path that ends above is tried.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            root, name = {
                "": ("/sys/fs/cgroup", "memory.max"),
                "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            }.get(kinds, ("", ""))
            inner = Path(root) / path.lstrip("/")
            for folder in (inner, *inner.parents) if root else ():
                with contextlib.suppress(OSError, ValueError):  # no such file, or the word max
                    yield int((folder / name).read_text())


def _limits() -> Iterator[int]:
    """The limits of this process, as `ulimit -v` and `ulimit -d` set them."""
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            soft = resource.getrlimit(kind)[0]
            if soft != resource.RLIM_INFINITY:
                yield soft


def limit() -> None:
    """Let an allocation of this process fail where it passes the memory of the machine.

    By default Linux promises more than there is, and when it has to keep its word, its OOM killer ends a process: this
    one, or another one of the user's, without a message. What fails can say so, and a run keeps its checkpoints.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (there_is(), hard))


class _Sizes(TorchFunctionMode):
    """Fills no tensors: on the meta device torch would first load a library of symbols, which takes seconds."""

    UNCHANGED = (
        *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_, Tensor.mul_),
        *(Tensor.index_fill, Tensor.mul),
    )
    DRAWS = (torch.randn, torch.rand, torch.zeros, torch.ones)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self.UNCHANGED:
            return args[0]
        return torch.empty(*args, **kwargs) if func in self.DRAWS else func(*args, **kwargs)


def state_size() -> int:
    """The bytes of a number between two layers: those of mixed precision, if the launcher asks for it."""
    return FLOAT if os.environ.get("ACCELERATE_MIXED_PRECISION", "no") == "no" else FLOAT // 2


def weights(build: Callable[[], nn.Module]) -> float:
    """The bytes of the weights of a network, which is built without any: infinity where torch cannot count so far.

    Where it cannot be built like that, such as one with a module of the user's that reads its weights, nothing is
    certain, and it is 0.
    """
    try:
        with torch.device("meta"), _Sizes():
            network = build()
    except (RuntimeError, OverflowError, TypeError, NotImplementedError) as error:
        return math.inf if "overflow" in str(error).lower() or "too large" in str(error).lower() else 0.0
    return float(sum(p.nbytes for p in (*network.parameters(), *network.buffers())))


def size(number: float) -> str:
    """Bytes in words, such as 3.2 GiB."""
    power = max(0, min(6, int(math.log2(max(number, 1)) // 10)))
    return f"{number / 1024**power:,.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')[power]}"


def check(needed: float, what: str, remedy: str, device: torch.device | str = "cpu", sharers: int = 1) -> None:
    """Raise a UserError unless a device may have these bytes for each of `sharers` processes.

    Args:
        what: what needs them, the subject of the message.
        remedy: the rest of the message, after a colon.
    """
    total = there_is(device) / sharers
    if needed > total:
        each = " for each process" if sharers > 1 else ""
        least = f"at least {size(needed)}" if needed < 2**63 else "more than 8 EiB"  # or more than torch can count
        raise UserError(f"{what} needs {least} of memory, and there are {size(total)}{each}: {remedy}")
