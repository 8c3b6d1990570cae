"""Constraints on a critic's weights, which bound its slope without a gradient penalty."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import parametrizations


@torch.no_grad()
def clip_weights(critic: nn.Module, bound: float) -> None:
    """Clip every weight and bias to [-bound, bound], in place (Arjovsky et al. 2017, algorithm 1).

    It leaves out the embeddings of tokens and of conditions: they are normalised to unit length, so clipping them would
    bound no slope.
    """
    for name, parameter in critic.named_parameters():
        if name.rpartition(".")[2] != "embedding":
            parameter.clamp_(-bound, bound)


def _weights(network: nn.Module, register: Callable[[nn.Module], nn.Module]) -> None:
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            register(module)


def spectral(network: nn.Module) -> None:
    """Divide every weight matrix by its largest singular value, estimated by one power iteration per step (Miyato et
    al. 2018).

    As in the paper, the matrix of a convolution maps a window to an output. Over all positions the Lipschitz constant
    of such a layer is at most sqrt(kernel). So that of a residual block x + s * branch(x) with two such layers is at
    most 1 + s * kernel.
    """
    _weights(network, parametrizations.spectral_norm)


def weight_norm(network: nn.Module) -> None:
    """Parametrize every row of a weight matrix by a direction and a free length (Salimans and Kingma 2016, equation 2).

    It improves the conditioning of the optimisation but bounds no slope.
    """
    _weights(network, parametrizations.weight_norm)


PARAMETRIZATIONS: dict[str, Callable[[nn.Module], None]] = {
    "none": lambda network: None,
    "spectral": spectral,
    "weight": weight_norm,
}
