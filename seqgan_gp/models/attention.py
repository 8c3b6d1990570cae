"""Self-attention that can be differentiated twice, on every device."""

import math

from torch import Tensor, nn

from .layers import ReLU, layer_norm


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """softmax(query key^T / sqrt(D) + bias) value, all (..., L, D) (Vaswani et al. 2017, equation 1).

    A bias of minus infinity hides a key. The gradient penalty needs a second derivative, which the fused kernels of
    torch's scaled_dot_product_attention do not have.
    """
    return (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]) + bias).softmax(dim=-1) @ value


class SelfAttention(nn.Module):
    """Every position looks at every position, (B, L, C) -> (B, L, C).

    Args:
        width: C.
        heads: number of heads. Each has C / heads channels.

    Raises:
        ValueError: the width is no multiple of the number of heads.
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

    Attention by itself is not Lipschitz: its slope grows with its input (Kim et al. 2021). The layer norm in front of
    it bounds the input. The norm has no weights, since the linear layer behind it would make them redundant.

    Args:
        width: C.
        heads: number of attention heads.
        scale: factor of both branches, as in ResidualBlock.
    """

    def __init__(self, width: int, heads: int, scale: float = 0.3):
        super().__init__()
        self.attention = nn.Sequential(layer_norm(width, affine=False), SelfAttention(width, heads))
        # With 2 C units in place of the usual 4 C, the block costs about as much as a convolutional one.
        up, down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.mlp = nn.Sequential(layer_norm(width, affine=False), up, ReLU(), down)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale * self.attention(x)
        return x + self.scale * self.mlp(x)
