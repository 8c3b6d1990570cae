"""Self-attention that can be differentiated twice, on every device."""

import math

from torch import Tensor, nn

from .layers import ReLU, layer_norm


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """softmax(query key^T / sqrt(D) + bias) value, all (..., L, D) (Vaswani et al. 2017, equation 1); a bias of minus
    infinity hides a key.

    Not torch's scaled_dot_product_attention, whose fused kernels have no second derivative, which a gradient penalty
    takes.
    """
    return (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]) + bias).softmax(dim=-1) @ value


class SelfAttention(nn.Module):
    """Every position looks at every position, (B, L, C) -> (B, L, C).

    Args:
        width: C.
        heads: number of heads, which share the channels out.
    """

    def __init__(self, width: int, heads: int):
        if width % heads:
            raise ValueError(f"width {width} cannot be shared out over {heads} heads: a multiple of them is needed")
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.project(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.output(attend(query, key, value).transpose(1, 2).flatten(2))


class AttentionBlock(nn.Module):
    """y = x + scale * attention(norm(x)), then y + scale * mlp(norm(y)), (B, L, C) -> (B, L, C) (Xiong et al. 2020).

    Attention by itself is not Lipschitz, for its slope grows with its input (Kim et al. 2021): the layer norm in front
    of it bounds that. The norm has no weights of its own, which the linear layer behind it would only repeat.

    Args:
        width: C.
        heads: number of attention heads.
        scale: of either branch, as in ResidualBlock.
    """

    def __init__(self, width: int, heads: int, scale: float = 0.3):
        super().__init__()
        self.attention = nn.Sequential(layer_norm(width, affine=False), SelfAttention(width, heads))
        # 2 C units, not the usual 4 C: the block then costs about as much as a convolutional one.
        up, down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.mlp = nn.Sequential(layer_norm(width, affine=False), up, ReLU(), down)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale * self.attention(x)
        return x + self.scale * self.mlp(x)
