"""What bounds a critic's weights, where no gradient penalty bounds its slope."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import parametrizations


@torch.no_grad()
def clip_weights(critic: nn.Module, bound: float) -> None:
    """Every weight and bias into [-bound, bound], in place (Arjovsky et al. 2017, algorithm 1).

    The embeddings of tokens and of conditions stay as they are: they are used at unit length, so that a bound on them
    bounds no slope.
    """
    for name, parameter in critic.named_parameters():
        if name.rpartition(".")[2] != "embedding":
            parameter.clamp_(-bound, bound)


def _weights(network: nn.Module, register: Callable[[nn.Module], nn.Module]) -> None:
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            register(module)


def spectral(network: nn.Module) -> None:
    """Divide every weight matrix by its largest singular value (Miyato et al. 2018). One power iteration a step follows
    that value.

    The matrix of a convolution maps a window to an output, as there. Over all positions such a layer stretches by up to
    sqrt(kernel), so a residual block x + s * branch(x) of two of them stretches by up to 1 + s * kernel.
    """
    _weights(network, parametrizations.spectral_norm)


def weight_norm(network: nn.Module) -> None:
    """Every row of a weight matrix as a direction and a free length (Salimans and Kingma 2016, equation 2).

    It conditions the optimisation and bounds no slope.
    """
    _weights(network, parametrizations.weight_norm)


PARAMETRIZATIONS: dict[str, Callable[[nn.Module], None]] = {
    "none": lambda network: None,
    "spectral": spectral,
    "weight": weight_norm,
}
