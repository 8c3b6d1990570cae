"""Test layers against those of torch, and their derivatives against finite differences."""

import pytest
import torch
from backbones import doubled
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from seqgan_gp.models.attention import AttentionBlock, SelfAttention, attend
from seqgan_gp.models.convolution import FEW, WIDE, Conv1d, Tiling
from seqgan_gp.models.critic import WindowScore
from seqgan_gp.models.layers import NORMS, InstanceNorm, ReLU, ResidualBlock, layer_norm
from seqgan_gp.models.recurrent import CELLS, GRU, LSTM, RecurrentBlock


def test_relu_is_relu_and_so_are_its_derivatives():
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ReLU()(x), torch.relu(x))
    with torch.no_grad():
        torch.testing.assert_close(ReLU()(x), torch.relu(x))
    assert gradcheck(ReLU(), x) and gradgradcheck(ReLU(), x)


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize("channels", [4, WIDE])
def test_conv1d_is_the_convolution_of_torch(channels, kernel, dilation, length):
    ours = Conv1d(channels, WIDE, kernel, dilation)
    torchs = nn.Conv1d(channels, WIDE, kernel, padding=dilation * (kernel // 2), dilation=dilation)
    with torch.no_grad():
        torchs.weight.copy_(ours.weight.unflatten(1, (kernel, channels)).transpose(1, 2))
        torchs.bias.copy_(ours.bias)
    x = torch.randn(3, length, channels)
    torch.testing.assert_close(ours(x), torchs(x.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_few_sequences_are_convolved_as_many_are(dilation):
    layer = Conv1d(16, 8, 3, dilation).double()
    many = doubled((100, 16, 16))
    assert many[:2].numel() < FEW < many.numel()
    together, alone = layer(many), torch.cat([layer(two) for two in many.split(2)])
    torch.testing.assert_close(alone, together)
    weights = torch.randn_like(together)
    gradients = [torch.autograd.grad((out * weights).sum(), (many, layer.weight)) for out in (alone, together)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("dilation", [1, 3])
def test_derivatives_of_the_convolution_agree_with_finite_differences(length, dilation):
    layer = Conv1d(3, 2, 5, dilation).double()

    def convolve(x, weight, bias):
        return functional_call(layer, {"weight": weight, "bias": bias}, x)

    inputs = doubled((2, length, 3)), doubled((2, 15), 1), doubled(2, 2)
    assert gradcheck(convolve, inputs) and gradgradcheck(convolve, inputs)


@pytest.mark.parametrize("kernel, length", [(3, 1), (3, 3), (3, 4), (3, 8), (5, 2), (5, 4), (5, 5), (5, 11)])
def test_a_convolution_in_tiles_is_the_convolution(kernel, length):
    x, weight = doubled((2, length, 3)), doubled((4, kernel, 3), 1)
    tiles = Tiling(kernel, length, torch.float64)
    expected = nn.functional.conv1d(x.transpose(1, 2), weight.transpose(1, 2), padding=kernel // 2)
    torch.testing.assert_close(tiles.convolve(x, weight), expected.transpose(1, 2))
    assert gradcheck(tiles.convolve, (x, weight)) and gradgradcheck(tiles.convolve, (x, weight))


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_wide_convolutions_in_single_precision(kernel):
    """On tiles, but for the widest kernel: about the rounding of torch's own."""
    layer = Conv1d(WIDE, WIDE, kernel)
    x = torch.randn(3, 16, WIDE)
    own, single = layer(x), direct(layer, x)
    exact = layer.double()(x.double())
    errors = [((y - exact).norm() / exact.norm()).item() for y in (own, single)]
    assert errors[0] < 4 * errors[1] < 1e-5
    assert (kernel == 7) == torch.equal(own, single)


@pytest.mark.parametrize("kernel", [3, 5])
def test_wide_convolutions_in_half_precision_are_those_of_torch(kernel):
    """Where rounding matters more than products: of weights in half precision, and under autocast."""
    layer, x = Conv1d(WIDE, WIDE, kernel), torch.randn(3, 16, WIDE)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), direct(layer, x))
    layer, x = layer.bfloat16(), x.bfloat16()
    assert torch.equal(layer(x), direct(layer, x))


def test_a_convolution_of_no_sequences():
    layer, x = Conv1d(3, 4, 3), torch.zeros(0, 5, 3, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == (0, 5, 4) and x.grad.shape == x.shape and not layer.weight.grad.any()


def direct(layer: Conv1d, x: torch.Tensor) -> torch.Tensor:
    """What torch makes of it."""
    weight = layer.weight.unflatten(1, (layer.kernel, -1)).transpose(1, 2).unsqueeze(2)
    image = x.permute(2, 0, 1).unsqueeze(0)
    return nn.functional.conv2d(image, weight, layer.bias, padding=(0, layer.kernel // 2)).squeeze(0).permute(1, 2, 0)


@pytest.mark.parametrize("length", [1, 2, 6])
def test_second_derivatives_of_the_block_agree_with_finite_differences(length):
    torch.manual_seed(0)
    block = ResidualBlock(3, 3).double()
    x = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(block, x) and gradgradcheck(block, x)


LAYERS = {
    "layer norm": lambda: layer_norm(6),
    "instance norm": lambda: InstanceNorm(6),
    **{f"block, {norm} norm": lambda norm=norm: ResidualBlock(6, 3, norm) for norm in NORMS if norm != "none"},
    **{name: lambda cell=cell: cell(6, 5) for name, cell in CELLS.items()},
    "recurrent block": lambda: RecurrentBlock(6, "gru", reverse=True),
    "attention": lambda: SelfAttention(6, 3),
    "attention block": lambda: AttentionBlock(6, 3),
    "windows": lambda: WindowScore(6, 3, 5),
}


@pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)
def test_second_derivatives_of_every_layer_agree_with_finite_differences(build):
    torch.manual_seed(0)
    layer, x = build().double(), doubled((2, 4, 6))
    assert gradcheck(layer, x) and gradgradcheck(layer, x)


@pytest.mark.parametrize("kind", [name for name in NORMS if name != "none"])
def test_a_norm_has_a_bounded_slope_where_nothing_varies(kind):
    norm, x = NORMS[kind](4).double(), torch.ones(1, 5, 4, dtype=torch.float64)
    assert torch.autograd.functional.jacobian(norm, x).abs().max() < 32
    assert norm(x).abs().max() == 0
    assert NORMS[kind](4)(torch.randn(2, 1, 4)).isfinite().all()


def test_instance_norm_is_that_of_torch():
    x = torch.randn(3, 7, 4)
    theirs = nn.InstanceNorm1d(4, eps=1e-3)(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(InstanceNorm(4)(x), theirs)


@pytest.mark.parametrize("ours, theirs", [(GRU, nn.GRU), (LSTM, nn.LSTM)])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_recurrence_is_that_of_torch(ours, theirs, reverse):
    ours, theirs = ours(3, 5), theirs(3, 5, batch_first=True)
    ours.load_state_dict(
        {
            "input.weight": theirs.weight_ih_l0,
            "input.bias": theirs.bias_ih_l0,
            "state.weight": theirs.weight_hh_l0,
            "state.bias": theirs.bias_hh_l0,
        }
    )
    x = torch.randn(4, 7, 3)
    expected = theirs(x.flip(1))[0].flip(1) if reverse else theirs(x)[0]
    torch.testing.assert_close(ours(x, reverse), expected)


def test_attention_is_that_of_torch():
    query, key, value = torch.randn(3, 2, 4, 7, 5)
    theirs = nn.functional.scaled_dot_product_attention
    torch.testing.assert_close(attend(query, key, value), theirs(query, key, value))
    bias = torch.randn(2, 4, 7, 7)
    bias[:, :, :, 3] = -torch.inf
    torch.testing.assert_close(attend(query, key, value, bias), theirs(query, key, value, bias))


def test_the_heads_of_self_attention_are_those_of_torch():
    ours, theirs = SelfAttention(6, 3), nn.MultiheadAttention(6, 3, batch_first=True)
    names = {"in_proj_weight": "project.weight", "in_proj_bias": "project.bias"}
    names |= {"out_proj.weight": "output.weight", "out_proj.bias": "output.bias"}
    ours.load_state_dict({names[name]: tensor for name, tensor in theirs.state_dict().items()})
    x = torch.randn(4, 7, 6)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match=r"width 6 .* 4 heads"):
        SelfAttention(6, 4)


def test_the_score_of_windows_is_the_mean_of_their_scores():
    network, x = WindowScore(4, 3, 5), torch.randn(2, 7, 4)
    windows = [network(x[:, i : i + 3]) for i in range(5)]
    torch.testing.assert_close(network(x), torch.stack(windows).mean(0))


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        Conv1d(2, 2, 4)
