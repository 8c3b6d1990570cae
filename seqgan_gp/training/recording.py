"""Records a step's forward and backward passes on a GPU, and replays them: CUDA graphs.

A step of networks as small as ours is a thousand operations of a few microseconds each. The host needs several times as
long to call them as the GPU needs to compute them. A replay is one call for all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from accelerate import Accelerator
from torch import Tensor

from ..adversarial.gradients import Gradients, Losses
from ..errors import UserError

Result = TypeVar("Result")
WARM = 3  # calls before the recording, in which libraries choose kernels and reserve memory


class Recording(NamedTuple):
    """A recorded call, in whose memory each replay reads its batch and leaves its results.

    Args:
        batch: a named tuple of tensors or None.
        parts: losses by name.
        gradients: one for each weight of the optimiser, or None.
        replay: function that computes losses and gradients once more.
    """

    batch: Any
    parts: dict[str, Tensor]
    gradients: list[Tensor | None]
    replay: Callable[[], object]


class RecordedGradients(Gradients):
    """Gradients that are recorded once for each function of losses, its flags, and the shapes of a batch.

    The function has to call the same operations each time, and must not wait for the device. The optimiser's update is
    not recorded, so its learning rate stays a number of the host.
    """

    def __init__(self, backward: Callable[[Tensor], object] = Tensor.backward):
        super().__init__(backward)
        self._calls: dict[Any, int] = {}
        self._recordings: dict[Any, Recording] = {}

    def __call__(self, losses: Losses, optimizer: torch.optim.Optimizer, batch: Any, *flags: bool) -> dict[str, Tensor]:
        shapes = tuple(None if tensor is None else (tensor.shape, tensor.dtype) for tensor in batch)
        key = losses, flags, shapes
        number = self._calls[key] = self._calls.get(key, 0) + 1
        if number <= WARM:
            return aside(functools.partial(super().__call__, losses, optimizer, batch, *flags))
        if key not in self._recordings:
            self._recordings[key] = self._record(losses, optimizer, batch, *flags)
        recording = self._recordings[key]
        for kept, new in zip(recording.batch, batch, strict=True):
            if kept is not None:
                kept.copy_(new)
        recording.replay()
        for weight, gradient in zip(weights(optimizer), recording.gradients, strict=True):
            weight.grad = gradient
        return {name: value.clone() for name, value in recording.parts.items()}

    def _record(self, losses: Losses, optimizer: torch.optim.Optimizer, batch: Any, *flags: bool) -> Recording:
        """Record a call on a batch of the same shapes. Only a replay computes it.

        Raises:
            UserError: the device cannot record it, or has no memory for it.
        """
        batch = type(batch)(*(None if tensor is None else tensor.clone() for tensor in batch))

        def call() -> tuple[dict[str, Tensor], list[Tensor | None]]:
            return Gradients.__call__(self, losses, optimizer, batch, *flags), [w.grad for w in weights(optimizer)]

        try:
            (parts, gradients), replay = capture(call)
        except torch.cuda.OutOfMemoryError:
            raise UserError(
                "train.cuda_graphs: the GPU has no memory left for a recording of a step: false needs less, or lower "
                "train.batch_size"
            ) from None
        except RuntimeError as error:
            cause = str(error).strip().partition("\n")[0]
            raise UserError(
                f"train.cuda_graphs: the GPU cannot record the operations of a step ({cause}): a network that reads "
                "numbers of the device needs train.cuda_graphs false"
            ) from None
        return Recording(batch, parts, gradients, replay)


def capture(call: Callable[[], Result]) -> tuple[Result, Callable[[], object]]:
    """Record a call on the GPU. Its result is the memory that a replay fills, and the replay a function."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    return result, graph.replay


def aside(call: Callable[[], Result]) -> Result:
    """Compute a call on a stream of its own, as a recording does."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        result = call()
    torch.cuda.current_stream().wait_stream(stream)
    return result


def weights(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The weights that an optimiser updates."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def make_gradients(accelerator: Accelerator, record: bool) -> Gradients:
    """Gradients for the device and the precision of a run, recorded if it asks for that and has one GPU.

    Several processes exchange gradients in the backward pass, and float16 scales losses by numbers of the host.
    """
    alone = accelerator.num_processes == 1 and accelerator.scaler is None
    recorded = record and alone and accelerator.device.type == "cuda"
    return (RecordedGradients if recorded else Gradients)(accelerator.backward)
