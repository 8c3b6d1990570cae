"""A convolution over positions that needs fewer products than the direct sum."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)  # and infinity
OUTPUTS = 4  # positions of a tile's output; more would need more points and lose precision
WIDE = 128  # channels; below this width, tiling costs more than it saves
FEW = 20_480  # numbers; for no more, torch leaves a CPU's fast library out, and is slow where neighbours are apart


class LinearMap(torch.autograd.Function):
    """A linear map with derivatives of any order: each is the map or its transpose."""

    @staticmethod
    def forward(x: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]) -> Tensor:
        return there(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, there, back = inputs
        ctx.set_materialize_grads(False)  # no gradient in, no gradient out
        ctx.maps = back, there

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        return None if gradients[0] is None else LinearMap.apply(gradients[0], *ctx.maps), None, None


def toom_cook(outputs: int, kernel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices A (outputs, n), G (n, kernel) and B (n, n) with y = A ((G w) * (B x)) for n = outputs + kernel - 1.

    x has n positions, w is the kernel, and `y_i = sum_k w_k x_{i + k}`. This takes n products in place of
    outputs * kernel. The method multiplies two polynomials by their values at n points (Toom 1963; Cook 1966). Its
    transpose is a convolution (Winograd 1980; Lavin and Gray 2016, section 4).
    """
    n = outputs + kernel - 1
    infinity = np.eye(n)[-1:]  # the highest coefficient
    points = np.array(POINTS[: n - 1])[:, None]
    a = np.vstack([points ** np.arange(outputs), infinity[:, n - outputs :]])
    g = np.vstack([points ** np.arange(kernel), infinity[:, n - kernel :]])
    # B solves, for each output i, weight k and input j: sum_p a_pi g_pk b_pj = [i + k = j].
    products = (a[:, :, None] * g[:, None, :]).reshape(n, -1)
    wanted = np.eye(n)[np.add.outer(np.arange(outputs), np.arange(kernel)).ravel()]
    return a.T, g, np.linalg.lstsq(products.T, wanted, rcond=None)[0]


class Tiling:
    """Cuts (B, L, C) into overlapping tiles of n positions, and joins the outputs of tiles.

    A tile holds a block, the OUTPUTS positions of its output, and kernel // 2 positions of each neighbour.

    Args:
        kernel: odd, at most OUTPUTS + 1.
        length: L.
    """

    def __init__(self, kernel: int, length: int, dtype: torch.dtype):
        self.a, self.g, self.b = (torch.from_numpy(m).to(dtype) for m in toom_cook(OUTPUTS, kernel))
        self.side, self.length = kernel // 2, length
        self.blocks = -(-length // OUTPUTS)  # rounded up

    def cut(self, x: Tensor) -> Tensor:
        """Tiles times the matrix B: (B, L, C) -> (n, B * blocks, C)."""
        x, side = self._in_blocks(x), self.side
        tiles = x.new_empty(OUTPUTS + 2 * side, x.shape[0], self.blocks, x.shape[3])
        first, own, last = tiles.permute(1, 2, 0, 3).split([side, OUTPUTS, side], dim=2)
        own.copy_(x)
        first[:, :1], last[:, -1:] = 0, 0
        first[:, 1:], last[:, :-1] = x[:, :-1, -side:], x[:, 1:, :side]
        return self._times(self.b, tiles)

    def cut_transposed(self, tiles: Tensor) -> Tensor:
        parts = self._times(self.b.t(), tiles).unflatten(1, (-1, self.blocks)).permute(1, 2, 0, 3)
        first, own, last = parts.split([self.side, OUTPUTS, self.side], dim=2)
        x = own.contiguous()
        x[:, :-1, -self.side :] += first[:, 1:]
        x[:, 1:, : self.side] += last[:, :-1]
        return x.flatten(1, 2)[:, : self.length]

    def collect(self, products: Tensor) -> Tensor:
        """Outputs by the matrix A, joined: (n, B * blocks, D) -> (B, L, D)."""
        outputs = self._times(self.a, products).unflatten(1, (-1, self.blocks))
        return outputs.permute(1, 2, 0, 3).flatten(1, 2)[:, : self.length]

    def collect_transposed(self, y: Tensor) -> Tensor:
        return self._times(self.a.t(), self._in_blocks(y).permute(2, 0, 1, 3))

    def _in_blocks(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, blocks, OUTPUTS, C), with zeros at the end of the last block."""
        missing = self.blocks * OUTPUTS - self.length
        return (F.pad(x, (0, 0, 0, missing)) if missing else x).unflatten(1, (self.blocks, OUTPUTS))

    @staticmethod
    def _times(matrix: Tensor, planes: Tensor) -> Tensor:
        """(n, m) times (m, ..., C) -> (n, rows, C)."""
        return (matrix @ planes.flatten(1)).unflatten(1, (-1, planes.shape[-1]))

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve (B, L, C) with a weight (D, kernel, C) -> (B, L, D)."""
        weights = self._times(self.g, weight.transpose(0, 1))  # (n, D, C)
        products = LinearMap.apply(x, self.cut, self.cut_transposed) @ weights.transpose(1, 2)
        return LinearMap.apply(products, self.collect, self.collect_transposed)


tiling = lru_cache(Tiling)


class Conv1d(nn.Linear):
    """A convolution over positions with zero padding, (B, L, C) -> (B, L, D).

    The weight is a matrix (D, kernel * C) from a window to an output. Spectral norm and weight norm apply to it.

    On a CPU, with at least WIDE channels, tiling takes half of the products for a kernel of 3, and two fifths for a
    kernel of 5. The result is exact except for rounding errors, which about double. A dilated kernel, other devices and
    half precision use torch's own convolution: in half precision rounding matters more and products cost less. On a CPU
    a dilated kernel over few sequences multiplies their windows by the matrix, which takes a third of torch's time.

    Args:
        channels_in, channels_out: C and D.
        kernel: odd number of positions that one output sees.
        dilation: distance between two of them.

    Raises:
        ValueError: the kernel is even.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, dilation: int = 1):
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even: an odd one is needed, to have as many positions out as in")
        super().__init__(kernel * channels_in, channels_out)
        self.kernel, self.dilation = kernel, dilation

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel == 1:
            return super().forward(x)
        weight = self.weight.unflatten(1, (self.kernel, -1))  # (D, kernel, C)
        if self._tiled(x):
            return tiling(self.kernel, x.shape[1], x.dtype).convolve(x, weight) + self.bias
        if self.dilation > 1 and x.device.type == "cpu" and x.numel() <= FEW:
            return super().forward(self._windows(x))
        if not len(x):  # torch takes no image without lines
            return F.linear(x, weight[:, 0], self.bias)
        # In torch only images have the memory layout "channels last". All sequences are the lines of one image: a batch
        # of images of one line each takes a CPU twice as long for 4 sequences, and a little longer for more.
        image, filters = x.permute(2, 0, 1).unsqueeze(0), weight.transpose(1, 2).unsqueeze(2)
        padding, dilation = (0, self.dilation * (self.kernel // 2)), (1, self.dilation)
        output = F.conv2d(image, filters, self.bias, padding=padding, dilation=dilation)
        return output.squeeze(0).permute(1, 2, 0)

    def _windows(self, x: Tensor) -> Tensor:
        """The window that each output sees, (B, L, C) -> (B, L, kernel * C)."""
        side, length = self.dilation * (self.kernel // 2), x.shape[1]
        padded = F.pad(x, (0, 0, side, side))
        return torch.cat([padded[:, first : first + length] for first in range(0, 2 * side + 1, self.dilation)], dim=2)

    def _tiled(self, x: Tensor) -> bool:
        if self.dilation > 1 or x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return False
        wide = min(x.shape[2], self.out_features) >= WIDE and self.kernel <= OUTPUTS + 1
        return wide and x.dtype in (torch.float32, torch.float64)
