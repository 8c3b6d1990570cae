"""Test the scores, the features and the derivatives of a critic, whatever its blocks are."""

import pytest
import torch
from backbones import every_network
from conftest import critic_loss
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from benchmarks.critic_step import count_operations
from seqgan_gp.config import PenaltyConfig
from seqgan_gp.models.convolution import WIDE
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork


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


@pytest.mark.parametrize("width", [pytest.param(8, marks=pytest.mark.slow), WIDE])
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


@every_network
@pytest.mark.parametrize("windows", [pytest.param(0, marks=pytest.mark.slow), 2])  # the score with windows is a sum
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


def test_batch_norm_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"layer, instance; batch norm is excluded: it couples the samples.*Gulrajani"):
        CriticNetwork(vocabulary=11, length=6, norm="batch")


def test_windows_add_to_the_score_of_the_sequence():
    torch.manual_seed(0)
    critic = CriticNetwork(vocabulary=11, length=6, windows=6)
    embedded = critic.embed(torch.randint(11, (4, 6)))
    local = critic.window_score(embedded)
    both = critic.score(embedded)
    critic.window_score = None
    torch.testing.assert_close(both, critic.score(embedded) + local)
    assert local.std() > 0
    for vocabulary, length in ((20, 0), (0, 8)):
        with pytest.raises(ValueError, match=f"not {vocabulary} and {length}"):
            CriticNetwork(vocabulary, length)
    with pytest.raises(ValueError, match="windows of 7 positions"):
        CriticNetwork(vocabulary=11, length=6, windows=7)


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


@pytest.mark.parametrize("dilation, reach", [(1, 4), (2, 6), (3, 8)])
def test_a_unit_sees_further_with_dilation(dilation, reach):
    """Two blocks of two convolutions of kernel 3: 2 positions to each side in the first, 2 dilations in the second."""
    critic = CriticNetwork(vocabulary=11, length=21, width=8, blocks=2, dilation=dilation).double()
    embedded = torch.randn(1, 21, 32, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(critic.hidden_states(embedded)[-1][0, 10].square().sum(), embedded)
    seen = slope[0].abs().sum(1).nonzero().flatten()
    assert (seen.min(), seen.max()) == (10 - reach, 10 + reach)


@pytest.mark.parametrize("length, most", [(3, 1), (8, 2), (40, 10)])
def test_neighbours_are_at_most_a_quarter_of_the_sequence_apart(length, most):
    near, far = (CriticNetwork(11, length, width=8, blocks=2, dilation=dilation) for dilation in (most, 10**9))
    far.load_state_dict(near.state_dict())
    ids = torch.randint(11, (5, length))
    torch.testing.assert_close(far(ids), near(ids))
