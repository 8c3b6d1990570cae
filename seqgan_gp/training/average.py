"""The moving average of a network's weights, which sampling uses."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class MovingAverage(AveragedModel):
    """The exponential moving average of a network's weights (for GANs, Yazici et al. 2019).

    torch's update copies its count of updates to the device each time, and the host waits for that. This one leaves the
    count on the host. The averages are the same.

    Args:
        network: the network, on its device. The first update copies its weights.
        decay: the decay for each update, from 0 to 1.
    """

    def __init__(self, network: nn.Module, decay: float):
        super().__init__(network)
        self.follow = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take in the weights of the network after an update, and copy its buffers."""
        own, new = list(self.module.parameters()), list(model.parameters())
        if self.n_averaged:
            self.follow(own, new, self.n_averaged)
        else:
            for average, weight in zip(own, new, strict=True):
                average.copy_(weight)
        for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            kept.copy_(buffer)
        self.n_averaged += 1
