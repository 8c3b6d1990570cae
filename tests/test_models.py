"""Test shapes, contracts, derivatives, backbones and relaxations of the networks."""

import numpy as np
import pytest
import torch
from conftest import critic_loss
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from benchmarks.critic_step import count_operations
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.models.attention import AttentionBlock, SelfAttention, attend
from seqgan_gp.models.convolution import WIDE, Conv1d, Tiling
from seqgan_gp.models.critic import CriticNetwork, WindowScore
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.layers import NORMS, InstanceNorm, ReLU, ResidualBlock, layer_norm
from seqgan_gp.models.recurrent import CELLS, GRU, LSTM, RecurrentBlock
from seqgan_gp.models.relaxations import RELAXATIONS, draw_chance, most_probable, sample_ids

# Every way to build the blocks of a network.
NETWORKS = {
    "convolutional": dict(),
    **{f"convolutional-{norm}": dict(norm=norm) for norm in NORMS if norm != "none"},
    **{f"recurrent-{cell}": dict(backbone="recurrent", cell=cell) for cell in CELLS},
    "attention": dict(backbone="attention", heads=2),
}
every_network = pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)


def doubled(shape, seed=3):
    """Normal numbers in double precision with a gradient."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_relu_is_relu_and_so_are_its_derivatives():
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ReLU()(x), torch.relu(x))
    with torch.no_grad():
        torch.testing.assert_close(ReLU()(x), torch.relu(x))
    assert gradcheck(ReLU(), x) and gradgradcheck(ReLU(), x)


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_conv1d_is_the_convolution_of_torch(kernel, length):
    ours, torchs = Conv1d(4, 6, kernel), nn.Conv1d(4, 6, kernel, padding=kernel // 2)
    with torch.no_grad():
        torchs.weight.copy_(ours.weight.unflatten(1, (kernel, 4)).transpose(1, 2))
        torchs.bias.copy_(ours.bias)
    x = torch.randn(3, length, 4)
    torch.testing.assert_close(ours(x), torchs(x.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_derivatives_of_the_convolution_agree_with_finite_differences(length):
    layer = Conv1d(3, 2, 5).double()

    def convolve(x, weight, bias):
        return functional_call(layer, {"weight": weight, "bias": bias}, x)

    inputs = doubled((2, length, 3)), doubled((2, 15), 1), doubled(2, 2)
    assert gradcheck(convolve, inputs) and gradgradcheck(convolve, inputs)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("kernel", [3, 5])
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


def direct(layer: Conv1d, x: torch.Tensor) -> torch.Tensor:
    """What torch makes of it."""
    weight = layer.weight.unflatten(1, (layer.kernel, -1)).transpose(1, 2).unsqueeze(2)
    return (
        nn.functional.conv2d(x.transpose(1, 2).unsqueeze(2), weight, layer.bias, padding=(0, layer.kernel // 2))
        .squeeze(2)
        .transpose(1, 2)
    )


@pytest.mark.parametrize("width", [16, WIDE])
def test_the_penalty_does_not_walk_the_forward_pass_again(width):
    """The products of a critic step, counted: three forward passes, four backward ones of real and generated samples,
    the inner gradient, and two for its derivative."""
    batch, length = 64, 8
    critic = CriticNetwork(10, length, 6, width=width, blocks=2, kernel=3)
    real, fake = torch.randint(10, (2, batch, length))
    step, alpha, embedded = critic_loss(critic, PenaltyConfig()), torch.rand(batch), critic.embed(real)
    forward = count_operations(lambda: critic.score(embedded))
    operations = count_operations(lambda: step(real, fake, alpha)["critic_loss"].backward())
    assert operations / forward == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("width", [8, WIDE])
def test_a_step_of_functions_compiles(width):
    """torch.compile takes no double backward of autograd, but torch.func.grad inside of what it compiles."""
    batch, length = 3, 6
    critic = CriticNetwork(10, length, 6, width=width, blocks=1)
    real, fake = torch.randint(10, (2, batch, length))
    alpha, parameters = torch.rand(batch), dict(critic.named_parameters())

    class Score(nn.Module):
        def __init__(self):
            super().__init__()
            self.critic = critic

        def forward(self, tokens, embedded=None):
            return self.critic.embed(tokens) if embedded is None else self.critic.score(embedded)

    def loss(parameters, real, fake, alpha):
        def call(*inputs):
            return functional_call(model, {f"critic.{name}": p for name, p in parameters.items()}, inputs)

        embedded = [call(tokens) for tokens in (real, fake)]
        points = (alpha[:, None, None] * embedded[0] + (1 - alpha[:, None, None]) * embedded[1]).detach()
        slopes = torch.func.grad(lambda points: call(None, points).sum())(points)
        penalty = (torch.linalg.vector_norm(slopes.flatten(1), dim=1) - 1).square().mean()
        return call(None, embedded[1]).mean() - call(None, embedded[0]).mean() + 10 * penalty

    model = Score()
    critic_loss(critic, PenaltyConfig())(real, fake, alpha)["critic_loss"].backward()
    compiled = torch.compile(loss, backend="aot_eager")
    gradients = torch.autograd.grad(compiled(parameters, real, fake, alpha), list(parameters.values()))
    for gradient, (name, parameter) in zip(gradients, parameters.items(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-5, msg=name)


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


@every_network
@pytest.mark.parametrize("windows", [0, 2])
def test_second_derivatives_of_the_critic_agree_with_finite_differences(options, windows):
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=7, length=5, embedding=3, width=4, blocks=2, windows=windows, **options).double()
    soft = torch.randn(2, 5, 7, dtype=torch.float64).softmax(-1).requires_grad_()
    assert gradcheck(critic, soft) and gradgradcheck(critic, soft)


@every_network
def test_the_penalty_has_a_finite_gradient_where_all_positions_are_alike(options):
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=7, length=5, embedding=3, width=4, windows=2, **options)
    for points in (torch.zeros(2, 5, 3), torch.ones(2, 5, 3), torch.full((2, 5, 3), 1e4)):
        (slope,) = torch.autograd.grad(critic.score(points.requires_grad_()).sum(), points, create_graph=True)
        slope.square().sum().backward()
        assert all(p.grad.isfinite().all() for p in critic.parameters() if p.grad is not None)


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


def test_batch_norm_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"layer, instance; batch norm is excluded: it couples the samples.*Gulrajani"):
        CriticNetwork(vocabulary=11, length=6, norm="batch")


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


def test_windows_add_to_the_score_of_the_sequence():
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=11, length=6, windows=6)
    embedded = critic.embed(torch.randint(11, (4, 6)))
    local = critic.window_score(embedded)
    both = critic.score(embedded)
    critic.window_score = None
    torch.testing.assert_close(both, critic.score(embedded) + local)
    assert local.std() > 0
    with pytest.raises(ValueError, match="windows of 7 positions"):
        CriticNetwork(vocabulary=11, length=6, windows=7)


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd"):
        Conv1d(2, 2, 4)


@pytest.mark.parametrize("noise, position_noise", [(8, 0), (0, 3), (8, 3)])
def test_generator_gives_logits_of_the_whole_sequence(noise, position_noise):
    generator = GeneratorNetwork(vocabulary=11, length=6, noise=noise, position_noise=position_noise, width=5, kernel=3)
    z = generator.sample_noise(4, np.random.default_rng(0))
    logits = generator(z)
    assert z.shape == (4, noise + 6 * position_noise) and logits.shape == (4, 6, 11)
    assert not torch.allclose(logits[0], logits[1])
    # Noise of one position moves only what the convolutions see of it (2 blocks of 2 convolutions of kernel 3: 4
    # positions).
    if position_noise:
        z2 = z.clone()
        z2[:, noise : noise + position_noise] += 1
        moved = (generator(z2) - logits).abs().sum(-1) > 1e-6
        assert moved[:, 0].all() and not moved[:, 5].any()


@every_network
def test_noise_reaches_every_position(options):
    torch.manual_seed(0)
    narrow = {} if "backbone" in options else {"kernel": 1}
    generator = GeneratorNetwork(vocabulary=11, length=6, noise=9, position_noise=2, width=8, **narrow, **options)
    z = generator.sample_noise(4, np.random.default_rng(0)).requires_grad_()
    logits = generator(z)
    assert logits.shape == (4, 6, 11)
    for position in range(6):
        (slope,) = torch.autograd.grad(logits[:, position].square().sum(), z, retain_graph=True)
        own = slope[:, 9:].unflatten(1, (6, 2))
        assert (slope[:, :9].abs().sum(1) > 0).all() and (own[:, position].abs().sum(1) > 0).all()
        # Attention, recurrence both ways and the statistics of an instance see the noise of all positions.
        seen = (own.abs().sum(-1) > 0).all(0)
        assert seen.sum() == (6 if "backbone" in options or options.get("norm") == "instance" else 1)


@every_network
def test_a_generated_sequence_does_not_depend_on_the_rest_of_the_batch(options):
    torch.manual_seed(0)
    generator = GeneratorNetwork(vocabulary=11, length=6, width=8, **options).double()
    z = torch.randn(5, generator.noise_size, dtype=torch.float64)
    torch.testing.assert_close(generator(z)[2:3], generator(z[2:3]))


def test_positions_are_told_apart_without_shared_noise():
    generator = GeneratorNetwork(vocabulary=11, length=12, noise=0, position_noise=2, width=5, kernel=1)
    noise = torch.ones(1, generator.noise_size)  # the same at each, and no convolution sees the edges
    assert generator(noise)[0].unique(dim=0).shape[0] == 1
    torch.nn.init.normal_(generator.positions)
    assert generator(noise)[0].unique(dim=0).shape[0] == 12


def test_generator_without_noise_is_refused():
    with pytest.raises(ValueError, match="noise"):
        GeneratorNetwork(vocabulary=11, length=6, noise=0)


@pytest.mark.parametrize("name", ["straight-through", "straight-through-gumbel"])
def test_hard_tokens_in_parts_are_embedded_like_one_hot_ones(name):
    """In value, and in the gradients to the logits, which can be differentiated again, and to the embeddings."""
    critic = CriticNetwork(7, 4, 3, width=4).double()
    logits = doubled((2, 4, 7))
    relaxed = RELAXATIONS[name](0.6)
    results = []
    for relax in (relaxed, relaxed.parts):
        torch.manual_seed(1)
        embedded = critic.embed(relax(logits))
        first = torch.autograd.grad(embedded.sin().sum(), (logits, critic.embedding), create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), (logits, critic.embedding))
        results.append((embedded, *first, *second))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_critic_reads_ids_and_one_hot_tokens_alike():
    critic = CriticNetwork(vocabulary=11, length=6)
    ids = torch.randint(11, (4, 6))
    one_hot = nn.functional.one_hot(ids, 11).float()
    torch.testing.assert_close(critic(ids), critic(one_hot))
    torch.testing.assert_close(critic(ids), critic.score(critic.embed(ids)))
    assert critic(ids).shape == (4,)


@every_network
@pytest.mark.parametrize("windows", [0, 3])
def test_a_score_does_not_depend_on_the_rest_of_the_batch(options, windows):
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=11, length=6, width=8, windows=windows, **options).double().train()
    soft = torch.randn(5, 6, 11, dtype=torch.float64).softmax(-1).requires_grad_()
    scores = critic(soft)
    assert scores.shape == (5,) and scores.std() > 0
    (slope,) = torch.autograd.grad(scores[2], soft)
    assert (slope.abs().sum((1, 2)) > 0).tolist() == [False, False, True, False, False]
    torch.testing.assert_close(critic(soft[2:3]), scores[2:3])


def test_critic_names_the_shapes_that_it_takes():
    critic = CriticNetwork(vocabulary=11, length=6)
    for wrong in (
        torch.zeros(4, 5, dtype=torch.long),
        torch.zeros(4, 6),
        torch.zeros(4, 6, 10),
        torch.zeros(4, 6, 11, dtype=torch.long),
    ):
        with pytest.raises(ValueError, match=r"\(B, 6, 11\)"):
            critic(wrong)


@every_network
def test_features_of_every_layer(options):
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=11, length=6, width=4, blocks=2, **options)
    ids = torch.randint(11, (4, 6))
    states = [critic.features(ids, layer) for layer in range(3)]
    assert all(s.shape == (4, 6, 4) for s in states)
    assert not torch.equal(states[0], states[1]) and not torch.equal(states[1], states[2])
    torch.testing.assert_close(critic.features(ids), states[-1])
    last = states[-1] if "backbone" in options else torch.relu(states[-1])
    torch.testing.assert_close(critic.output(last.flatten(1)).squeeze(1), critic(ids))
    torch.testing.assert_close(critic.features(ids, -3), states[0])
    for layer in (3, -4):
        with pytest.raises(IndexError, match="0 to 2"):
            critic.features(ids, layer)


@pytest.mark.parametrize("options", [dict(backbone="recurrent"), dict(backbone="attention")], ids=str)
def test_one_position_tells_in_the_last_state_of_every_other(options):
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=11, length=6, width=4, blocks=2, **options).double()
    ids = torch.randint(11, (1, 6))
    for position in range(6):
        other = ids.clone()
        other[0, position] = (ids[0, position] + 1) % 11
        assert ((critic.features(ids) - critic.features(other)).abs().sum(-1) > 0).all()


def test_attention_tells_positions_apart():
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=11, length=6, width=4, backbone="attention")
    assert critic.features(torch.zeros(1, 6, dtype=torch.long))[0].unique(dim=0).shape[0] == 6


@pytest.mark.parametrize("network", [GeneratorNetwork, CriticNetwork])
def test_weights_of_checkpoints_keep_their_names(network):
    names = [name.removeprefix("blocks.") for name in network(11, 6, blocks=2).state_dict() if "blocks." in name]
    assert names == [f"{i}.branch.{j}.{part}" for i in (0, 1) for j in (1, 3) for part in ("weight", "bias")]


@pytest.mark.parametrize("name", RELAXATIONS)
def test_relaxations_give_distributions_that_gradients_flow_through(name):
    logits = torch.randn(4, 6, 11, requires_grad=True)
    tokens = RELAXATIONS[name](0.5)(logits)
    assert RELAXATIONS[name](0.5)(logits.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(tokens.sum(-1), torch.ones(4, 6))
    hard = name.startswith("straight-through")
    assert (tokens.detach().max(-1).values > 1 - 1e-6).all().item() is hard
    (tokens * torch.randn(11)).sum().backward()
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_most_probable_token_is_the_first_of_the_largest(dtype):
    logits = torch.randint(5, (7, 6, 11)).to(dtype).requires_grad_()
    assert torch.equal(most_probable(logits), (logits == logits.amax(-1, keepdim=True)).int().argmax(-1))


def test_straight_through_has_the_value_of_argmax_and_the_gradient_of_softmax():
    logits, direction = torch.randn(4, 6, 11), torch.randn(4, 6, 11)
    a, b = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    hard, soft = RELAXATIONS["straight-through"](0.7)(a), RELAXATIONS["softmax"](0.7)(b)
    assert torch.equal(hard.argmax(-1), logits.argmax(-1))
    torch.testing.assert_close(soft, (logits / 0.7).softmax(-1))
    (hard * direction).sum().backward()
    (soft * direction).sum().backward()
    torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_detached_tokens_are_the_same_tokens(name):
    logits = torch.randn(4, 6, 11)
    torch.manual_seed(1)
    tokens = RELAXATIONS[name](0.5)(logits)
    torch.manual_seed(1)
    detached = RELAXATIONS[name](0.5).detached(logits)
    torch.testing.assert_close(detached, tokens.argmax(-1) if "straight" in name else tokens)


def test_sampled_ids_follow_the_softmax():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, 40_000, 4)
    rng = np.random.default_rng(0)
    for temperature in (1.0, 0.5):
        (ids,) = sample_ids(logits, temperature, draw_chance(logits.shape[:2], rng))
        frequency = torch.bincount(ids, minlength=4) / 40_000
        torch.testing.assert_close(frequency, (logits[0, 0] / temperature).softmax(-1), atol=0.01, rtol=0)
    assert (sample_ids(logits, 0.0, draw_chance(logits.shape[:2], rng)) == 0).all()


def test_gumbel_tokens_are_sampled_at_the_same_rates():
    torch.manual_seed(0)
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(1, 40_000, 4)
    frequency = RELAXATIONS["straight-through-gumbel"](0.5)(logits).mean((0, 1))
    torch.testing.assert_close(frequency, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.01, rtol=0)


def test_soft_gumbel_tokens_are_the_softmax_of_logits_with_gumbel_noise():
    """A Gumbel variable has mean 0.5772 and variance pi^2 / 6; the temperature divides it as well."""
    logits = torch.tensor([2.0, -1.0]).expand(40_000, 1, 2)
    for name, temperature in (("gumbel", 0.5), ("gumbel", 1.0)):
        soft = RELAXATIONS[name](temperature)(logits)
        difference = temperature * (soft[..., 0].log() - soft[..., 1].log())  # of two Gumbel variables: logistic
        assert difference.mean().item() == pytest.approx(3.0, abs=0.05)
        assert difference.var().item() == pytest.approx(torch.pi**2 / 3, rel=0.05)


NEVER = -torch.inf


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize(
    "chance, token",
    [(0.0, 1), (0.25, 1), (0.5, 3), (0.75, 3), (1 - 2**-24, 3), (1.0, 3)],
)
def test_no_number_draws_a_token_that_has_no_probability(temperature, chance, token):
    """Two tokens of a half each stand among others that have none: before, between and behind them."""
    logits = torch.tensor([NEVER, 1.5, NEVER, 1.5, NEVER, NEVER])
    assert sample_ids(logits, temperature, torch.tensor(chance)).item() == token


def test_the_largest_number_draws_a_token_however_the_probabilities_are_rounded():
    rng = torch.Generator().manual_seed(5)
    logits = torch.cat([torch.randn(200, 3000, generator=rng), torch.full((200, 4), NEVER)], dim=1)
    totals = logits.softmax(-1).cumsum(-1)[:, -1]
    assert (totals < 1 - 2**-24).any() and (totals > 1).any()  # in single precision
    drawn = sample_ids(logits, 1.0, torch.full((200,), 1 - 2**-24))
    assert (drawn < 3000).all() and (drawn > 2900).all()


def test_numbers_in_equal_steps_draw_tokens_by_their_probabilities():
    probabilities = torch.tensor([0.125, 0.25, 0.0, 0.5, 0.125])
    chance = torch.arange(16) / 16  # each token's share begins on one of them
    drawn = sample_ids(probabilities.log().expand(16, 5), 1.0, chance)
    assert torch.bincount(drawn, minlength=5).tolist() == [2, 4, 0, 8, 2]
    assert drawn.tolist() == sorted(drawn.tolist())


def test_no_temperature_is_too_low():
    logits, chance = torch.tensor([[300.0, 301.0, -500.0], [1.0, -7.0, 0.5]]), torch.tensor([0.0, 0.999])
    for temperature in (1e-3, 1e-20, 1e-37):
        assert sample_ids(logits, temperature, chance).tolist() == [1, 0]
    assert sample_ids(logits, 1e6, torch.tensor([0.1, 0.9])).tolist() == [0, 2]  # and this one is nearly uniform


def test_tokens_are_drawn_in_single_precision_from_logits_in_half():
    logits, chance = (6 * torch.randn(300, 500)).bfloat16(), draw_chance((300,), np.random.default_rng(4))
    assert torch.equal(sample_ids(logits, 1.3, chance), sample_ids(logits.float(), 1.3, chance))
    assert chance.dtype == torch.float32 and chance.min() < 0.02 and chance.max() > 0.98
