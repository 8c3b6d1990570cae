"""Tools of all benchmarks: timing in turn, medians with quartiles, matrix products, slopes, peak memory."""

from __future__ import annotations

import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Product(NamedTuple):
    """A matrix product (rows, inner) @ (inner, columns), repeated `times` times."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def multiply_adds(self) -> int:
        return self.rows * self.inner * self.columns * self.times


def multiply(products: Sequence[Product]) -> Callable[[], None]:
    """Return a function that computes these products and nothing else, to time their bare arithmetic."""
    import torch

    work = [(torch.randn(m, k), torch.randn(k, n), torch.empty(m, n), times) for m, k, n, times in products]

    def compute() -> None:
        for one, other, out, times in work:
            for _ in range(times):
                torch.mm(one, other, out=out)

    return compute


def take_turns(
    functions: Mapping[str, Callable[[], object]], seconds: float, rounds: int = 5, warm: bool = False
) -> dict[str, list[float]]:
    """Time functions in turn, and return the seconds of each call.

    A drift of the machine affects all functions alike, so ratios stay valid.

    Args:
        functions: functions by name.
        seconds: approximate time for all rounds.
        rounds: smallest number of rounds.
        warm: call each function once before the timed call, so that it finds its own data in the caches, as steps of
            training do.
    """
    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < rounds:
        for name, function in functions.items():
            if warm:
                function()
            times[name].append(clock(function))
    return times


def clock(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def spread(name: str, values: Sequence[float]) -> dict[str, Any]:
    """The median under `name`, and both quartiles, which never lie outside the values."""
    quartiles = statistics.quantiles(values, method="inclusive")[::2] if len(values) > 1 else [values[0]] * 2
    return {name: statistics.median(values), f"{name}_quartiles": quartiles}


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of a line through the logarithms of (x, y): y grows as x to that power. None for a single point."""
    if len(points) < 2:
        return None
    x, y = zip(*((math.log(a), math.log(b)) for a, b in points), strict=True)
    return float(np.polyfit(x, y, 1)[0])


def peak_megabytes(process: int | str = "self") -> float:
    """Peak memory in MB of this process or, on Linux, of another process by its id.

    On Linux it reads /proc, since getrusage includes the peak of the parent there.
    """
    status = Path(f"/proc/{process}/status")
    if status.is_file():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    kind = resource.RUSAGE_SELF if process == "self" else resource.RUSAGE_CHILDREN
    return resource.getrusage(kind).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
