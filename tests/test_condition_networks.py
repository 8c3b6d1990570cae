"""Test labels and contexts in the networks: encoders, modulation, projection and penalty."""

import math

import numpy as np
import pytest
import torch
from conftest import critic_loss
from torch.autograd import gradcheck, gradgradcheck

from seqgan_gp.config import PenaltyConfig
from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder, Modulation, Projection
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork

# No two sizes are equal: V tokens, L positions, M of a context, C channels, E numbers of a token.
V, L, M, C, E, FEATURES, CLASSES, NOISE, PAD = 13, 4, 7, 8, 3, 6, 9, 10, 5


ENCODERS = {
    "labels": (lambda: LabelEncoder(CLASSES, FEATURES), lambda n: torch.arange(n) % CLASSES),
    "contexts": (
        lambda: ContextEncoder(V, PAD, M, L, FEATURES, blocks=2, heads=2),
        lambda n: torch.randint(V, (n, M), generator=torch.Generator().manual_seed(0)),
    ),
}


every_kind = pytest.mark.parametrize("build, condition", ENCODERS.values(), ids=ENCODERS)


def doubled(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def critic(build, **options):
    torch.manual_seed(0)
    return CriticNetwork(V, L, embedding=E, width=C, encoder=build(), **options).double()


@every_kind
def test_features_are_unit_vectors_of_each_position(build, condition):
    torch.manual_seed(0)
    features = build()(condition(8))
    assert features.shape[0] == 8 and features.shape[1] in (1, L) and features.shape[2] == FEATURES
    torch.testing.assert_close(features.norm(dim=2), torch.ones(features.shape[:2]))
    assert features.std(dim=0).max() > 0.1  # conditions differ


@every_kind
def test_second_derivatives_of_the_layers_agree_with_finite_differences(build, condition):
    torch.manual_seed(0)
    features, hidden = build().double()(condition(2)).detach().requires_grad_(), doubled(2, L, C)
    modulation, projection = Modulation(FEATURES, C).double(), Projection(C, FEATURES).double()
    torch.nn.init.normal_(modulation.linear.weight)
    for layer in (modulation, projection):
        assert gradcheck(layer, (hidden, features)) and gradgradcheck(layer, (hidden, features))


@every_kind
def test_second_derivatives_of_the_critic_agree_with_finite_differences(build, condition):
    network, given = critic(build), condition(2)
    soft = doubled(2, L, V).softmax(-1).detach().requires_grad_()
    assert gradcheck(lambda x: network(x, given), soft) and gradgradcheck(lambda x: network(x, given), soft)


@every_kind
def test_derivatives_in_the_weights_of_an_encoder_agree_with_finite_differences(build, condition):
    network, given = build().double(), condition(2)
    names = list(dict(network.named_parameters()))

    def encode(*weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), given)

    weights = tuple(p.detach().requires_grad_() for p in network.parameters())
    assert gradcheck(encode, weights, fast_mode=True) and gradgradcheck(encode, weights, fast_mode=True)


@every_kind
@pytest.mark.parametrize("backbone", ["convolutional", "recurrent", "attention"])
def test_a_conditional_generator_starts_as_the_unconditional_one(build, condition, backbone):
    options = dict(noise=NOISE, width=C, blocks=2, backbone=backbone)
    torch.manual_seed(0)
    plain = GeneratorNetwork(V, L, **options)
    conditional = GeneratorNetwork(V, L, **options, encoder=build())
    conditional.load_state_dict(plain.state_dict(), strict=False)
    noise = plain.sample_noise(6, np.random.default_rng(0))
    assert torch.equal(plain(noise), conditional(noise, condition(6)))
    for modulation in conditional.modulations:
        torch.nn.init.normal_(modulation.linear.weight)
    same = noise[:1].expand(6, -1)
    assert conditional(same, condition(6)).std(dim=0).max() > 0.01  # the condition alone now tells


def test_nothing_of_a_condition_is_in_an_unconditional_network():
    for network in (GeneratorNetwork(V, L), CriticNetwork(V, L)):
        assert not [name for name in network.state_dict() if "encoder" in name or "modul" in name]
    assert CriticNetwork(V, L).projection is None


def test_modulation_scales_and_shifts_by_what_is_linear_in_the_features():
    layer, hidden, features = Modulation(FEATURES, C), torch.randn(2, L, C), torch.randn(2, 1, FEATURES)
    assert torch.equal(layer(hidden, features), hidden)
    torch.nn.init.normal_(layer.linear.weight)
    scale, shift = (features @ layer.linear.weight.T).split(C, dim=2)
    torch.testing.assert_close(layer(hidden, features), hidden * (1 + scale) + shift)


def test_the_projection_of_a_label_is_that_of_miyato_and_koyama():
    layer, encoder = Projection(C, FEATURES), LabelEncoder(CLASSES, FEATURES)
    hidden, labels = torch.randn(2, L, C), torch.tensor([7, 0])
    pooled = hidden.sum(dim=1) @ layer.linear.weight.T + L * layer.linear.bias
    expected = (torch.nn.functional.normalize(encoder.embedding, dim=1)[labels] * pooled).sum(1) / math.sqrt(L)
    torch.testing.assert_close(layer(hidden, encoder(labels)), expected)


@every_kind
def test_the_slope_of_the_projection_is_bounded_whatever_the_condition(build, condition):
    torch.manual_seed(0)
    encoder, layer = build(), Projection(C, FEATURES)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(100)  # what a free embedding would buy a steeper critic with
    hidden = torch.randn(8, L, C, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(hidden, encoder(condition(8))).sum(), hidden)
    bound = torch.linalg.matrix_norm(layer.linear.weight, 2)  # sqrt(L) positions of a slope of norm / sqrt(L) each
    assert slope.flatten(1).norm(dim=1).max() <= bound + 1e-6


@every_kind
@pytest.mark.parametrize("at", [["interpolates"], ["real", "generated"]])
@pytest.mark.parametrize("space", ["embedding", "one-hot"])
def test_the_penalty_is_of_the_slope_in_the_samples_at_a_fixed_condition(build, condition, at, space):
    batch = 5
    network, given = critic(build), condition(batch)
    real, fake = torch.randint(V, (2, batch, L))
    alpha = torch.rand(batch, dtype=torch.float64)
    sided = "two" if at == ["interpolates"] else "zero"
    step = critic_loss(network, PenaltyConfig(weight=10, sided=sided, at=at, space=space))
    parts = step(real, fake, alpha, True, given)
    to_points = network.embed if space == "embedding" else lambda ids: torch.nn.functional.one_hot(ids, V).double()
    score = network.score if space == "embedding" else network
    x, y = to_points(real).detach(), to_points(fake).detach()
    a = alpha[:, None, None]
    points = {"interpolates": a * x + (1 - a) * y, "real": x, "generated": y}
    norms = []
    for place in at:
        point = points[place].requires_grad_()
        # One sample at a time, so that nothing of another one's condition can enter.
        for i in range(batch):
            (slope,) = torch.autograd.grad(score(point[i : i + 1], given[i : i + 1]).sum(), point, retain_graph=True)
            norms.append(slope.norm())
    norms = torch.stack(norms)
    torch.testing.assert_close(parts["gradient_norm"], norms.mean())
    distance = (network(real, given) - network(fake, given)).mean()
    torch.testing.assert_close(parts["wasserstein"], distance)
    penalty = ((norms - 1) if sided == "two" else norms).square().view(len(at), batch).mean(1).sum()
    torch.testing.assert_close(parts["critic_loss"], -distance + 10 * penalty)


@every_kind
def test_a_condition_is_neither_left_out_nor_given_in_vain(build, condition):
    noise = GeneratorNetwork(V, L, noise=NOISE).sample_noise(2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="not conditional, and a condition is given"):
        GeneratorNetwork(V, L, noise=NOISE)(noise, condition(2))
    with pytest.raises(ValueError, match="conditional, and none is given"):
        GeneratorNetwork(V, L, noise=NOISE, encoder=build())(noise)
    with pytest.raises(ValueError, match="conditional, and none is given"):
        critic(build)(torch.zeros(2, L, dtype=torch.long))


def test_padding_is_not_looked_at():
    torch.manual_seed(0)
    encoder = ContextEncoder(V, PAD, M, L, FEATURES, blocks=0, heads=2)
    context = torch.tensor([[1, 2] + 5 * [PAD], [1, 2, 0] + 4 * [PAD], M * [PAD]])
    before = encoder(context)
    assert before.isfinite().all()
    with torch.no_grad():
        encoder.positions[3:] += 1
    after = encoder(context)
    torch.testing.assert_close(after[:2], before[:2])
    assert not torch.allclose(after[2], before[2])


def test_a_context_is_read_in_its_order():
    torch.manual_seed(0)
    encoder = ContextEncoder(V, PAD, M, L, FEATURES, blocks=2, heads=2)
    one, other = torch.tensor([[1, 2, 3, 4, PAD, PAD, PAD]]), torch.tensor([[4, 3, 2, 1, PAD, PAD, PAD]])
    assert (encoder(one) - encoder(other)).abs().max() > 1e-3
    with pytest.raises(ValueError, match="6 features cannot be shared out over 4 heads"):
        ContextEncoder(V, PAD, M, L, FEATURES, blocks=2, heads=4)
