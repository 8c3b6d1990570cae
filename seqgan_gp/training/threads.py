"""Chooses the CPU threads of a run: it times a few of the run's own steps with one thread and with more.

Whatever it measures leaves no trace: weights, optimisers, records and random states are then as before. So a run is the
same as one with the chosen number in `train.threads`, bit for bit.
"""

from __future__ import annotations

import contextlib
import copy
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch

from ..machine import all_threads, busy_cores, crowded, given_threads, room, set_threads
from . import random_states
from .base import BaseTrainer

FEW = 50  # steps: fewer are not worth the measuring
CLEARLY = 1.1  # twice as many threads have to be so many times as fast
ROUNDS, BLOCK, MOST, ENOUGH = 3, 0.1, 5, 0.8  # seconds and steps of a block; seconds after which no round begins
HOW = "--train.threads N fixes a number"


def settle(trainer: BaseTrainer, asked: int | None) -> list[str]:
    """Set the threads of this process and write them into the trainer's config; the lines to show.

    The number is the user's, else that of the run before it was stopped, else chosen: it starts from one thread, and
    doubles as long as the steps become clearly faster. So threads that only wait for one another, or for other
    programs, are never taken. Every process calls this.

    Args:
        trainer: the trainer. Its config may have the number of the run before.
        asked: the number that the user gives as an option, if any.
    """
    steps, train = _Steps(trainer), trainer.config.train
    given, most = given_threads(asked), steps.least(all_threads())
    if steps.largest(given or 0):  # perhaps OMP_NUM_THREADS of one host alone
        number, lines = given or all_threads(), []
    elif train.threads and train.threads <= most:
        number, lines = train.threads, [f"threads: {train.threads} of {most}, as before; {HOW}"]
    elif most == 1:
        number, lines = 1, []
    else:
        number, reason = _choose(trainer, steps, most)
        set_threads(number)
        train.threads = number
        return [f"threads: {number} of {most} ({reason}); {HOW}"]
    set_threads(number)
    train.threads = number
    crowd = crowded() if trainer.accelerator.is_main_process else None
    return [*lines, *([crowd] if crowd else [])]


def _choose(trainer: BaseTrainer, steps: _Steps, most: int) -> tuple[int, str]:
    """A number of threads up to `most`, and the reason for it."""
    if trainer.config.train.steps - trainer.progress.step < FEW:
        return 1, "so few steps are not worth measuring"
    with untouched(trainer):
        # A step on a thread without a core can take a hundred times as long, so look for cores before trying one.
        busy = steps.largest(busy_cores(lambda: [steps.seconds(1) for _ in range(3)]))
        number, free = 1, min(most, steps.least(room(busy)))
        reason = f"other programs keep {busy:.1f} cores busy"
        while number < free:
            more = min(2 * number, free)
            rate, faster = steps.race(number, more)
            if faster < CLEARLY * rate:
                return number, f"{rate:.1f} steps/s, and {faster:.1f} with {more}"
            reason = f"{faster:.1f} steps/s, and {rate:.1f} with {number}"
            number = more
        return number, reason


class _Steps:
    """Steps of a trainer, for their time alone."""

    def __init__(self, trainer: BaseTrainer):
        self.trainer, self.first = trainer, trainer.progress.step

    def largest(self, value: float) -> float:
        """The largest value of all processes, which take the same choice after as many steps."""
        accelerator = self.trainer.accelerator
        return accelerator.gather(torch.tensor([value], device=accelerator.device)).max().item()

    def least(self, value: int) -> int:
        return int(-self.largest(-value))

    def seconds(self, threads: int, count: int = 1) -> float:
        torch.set_num_threads(threads)
        start = time.perf_counter()
        for _ in range(count):
            self.trainer.progress.step = self.first  # steps of one kind
            self.trainer.step()
        return self.largest(time.perf_counter() - start) / count

    def race(self, one: int, other: int) -> tuple[float, float]:
        """Steps per second with one number of threads and with the other, in turn: medians of a few rounds."""
        found: dict[int, list[float]] = {one: [], other: []}
        count = max(1, min(MOST, int(BLOCK / min(self.seconds(one), self.seconds(other)))))
        for _ in range(ROUNDS):
            for threads, times in found.items():
                times.append(self.seconds(threads, count))
            if count * sum(map(sum, found.values())) > ENOUGH:
                break
        rate, faster = (1 / statistics.median(times) for times in found.values())
        return rate, faster


@contextlib.contextmanager
def untouched(trainer: BaseTrainer) -> Iterator[None]:
    """Afterwards the trainer is as before, and so is all chance, whatever steps it has taken."""
    state, device = trainer.state(), trainer.accelerator.device
    parts: list[Any] = [*state.networks.values(), *state.optimizers.values(), *state.records.values()]
    saved = [copy.deepcopy(part.state_dict()) for part in parts]
    chance = random_states.state(device)
    try:
        yield
    finally:
        for part, before in zip(parts, saved, strict=True):
            part.load_state_dict(before)
        for network in state.networks.values():
            for weight in network.parameters():
                weight.grad = None
        random_states.restore(device, [chance], (0, 0, 0))
