"""Results of batches, joined to one tensor."""

from __future__ import annotations

import torch
from torch import Tensor


class Rows:
    """Joins batches of rows to one tensor.

    Rows without a gradient are copied into memory that is taken once. Many small tensors that stay, among large ones
    that come and go, would tear the heap: the scores of a million sentences took 3 GB of it.

    Args:
        total: the number of all rows.
    """

    def __init__(self, total: int):
        self.total, self.filled = total, 0
        self.parts: list[Tensor] = []

    def add(self, part: Tensor) -> None:
        """Add the next rows."""
        if part.requires_grad:
            self.parts.append(part)
            return
        if not self.parts:
            self.parts.append(part.new_empty(self.total, *part.shape[1:]))
        self.parts[0][self.filled : self.filled + len(part)] = part
        self.filled += len(part)

    def joined(self) -> Tensor:
        """All rows."""
        return self.parts[0] if len(self.parts) == 1 else torch.cat(self.parts)
