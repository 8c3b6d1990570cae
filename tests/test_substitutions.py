"""Test exact substitutions in the generator's gradient against brute force, in float64."""

import pytest
import torch
import torch.nn.functional as F
from backbones import doubled
from torch import nn

from seqgan_gp.adversarial import OBJECTIVES, Batch, CriticLoss, Game, Penalty
from seqgan_gp.adversarial.substitutions import substitution_loss
from seqgan_gp.models.conditions import LabelEncoder
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.players import RelaxedGenerator
from seqgan_gp.models.relaxations import RELAXATIONS, HardTokens, OneHot

B, L, V = 3, 4, 7


class OfOneHot(nn.Module):
    """A critic that is any function of one-hot tokens (B, L, V). It keeps the ids that it was asked about."""

    def __init__(self, function):
        super().__init__()
        self.function, self.asked = function, []

    def forward(self, tokens):
        if isinstance(tokens, HardTokens):
            return self.function(OneHot.apply(tokens.soft, tokens.ids))
        self.asked.append(tokens)
        return self.function(F.one_hot(tokens, V).double())


def network(**options) -> CriticNetwork:
    torch.manual_seed(5)
    critic = CriticNetwork(V, L, 3, embedding_std=1.0, width=5, blocks=2, **options).double()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.normal_()  # large weights bend it
    return critic.requires_grad_(False)


def tokens(logits: torch.Tensor, temperature: float = 0.8) -> HardTokens:
    return RELAXATIONS["straight-through"](temperature).parts(logits)


def softly(scores: torch.Tensor) -> torch.Tensor:
    """A loss that is no straight line."""
    return F.softplus(-scores / 4)


def every_change(critic, ids: torch.Tensor, loss, given=()) -> torch.Tensor:
    """loss(x with v at i) - loss(x) for each i and v, (B, L, V), one at a time."""
    changes = torch.empty(*ids.shape, V, dtype=torch.float64)
    for i in range(ids.shape[1]):
        for v in range(V):
            other = ids.clone()
            other[:, i] = v
            changes[:, i, v] = loss(critic(other, *given)) - loss(critic(ids, *given))
    return changes


def slopes(critic, found: HardTokens, loss) -> torch.Tensor:
    soft = found.soft.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(critic(HardTokens(found.ids, soft))).sum(), soft)
    return slope - slope.gather(2, found.ids[..., None])


@pytest.mark.parametrize("substitutions", [L * V, 1000])
def test_with_all_substitutions_it_is_the_local_expectation_gradient(substitutions):
    critic, logits = network(), doubled((B, L, V))
    found = tokens(logits)
    changes = every_change(critic, found.ids, softly)
    to_soft, to_logits = torch.autograd.grad(
        substitution_loss(critic, found, softly, substitutions).sum(), (found.soft, logits), retain_graph=True
    )
    torch.testing.assert_close(to_soft, changes)
    (expected,) = torch.autograd.grad((found.soft * changes).sum(), logits)
    torch.testing.assert_close(to_logits, expected)
    assert (changes - slopes(critic, found, softly)).abs().max() > 0.1  # slopes would not do


def test_a_critic_that_turns_its_tokens_round_has_the_same_gradient():
    """The slope of such a critic is not contiguous in memory."""
    torch.manual_seed(8)
    layer, logits = nn.Conv1d(V, 6, 3, padding=1).double().requires_grad_(False), doubled((B, L, V))
    critic = OfOneHot(lambda x: layer(x.transpose(1, 2)).square().sum((1, 2)))
    (gradient,) = torch.autograd.grad(
        substitution_loss(critic, found := tokens(logits), softly, L * V).sum(), found.soft
    )
    torch.testing.assert_close(gradient, every_change(critic, found.ids, softly))


@pytest.mark.parametrize("substitutions", [1, 5, L * V])
def test_a_linear_critic_has_the_straight_through_gradient(substitutions):
    weights, logits = doubled((L, V), seed=6).detach(), doubled((B, L, V))
    critic = OfOneHot(lambda x: (x * weights).sum((1, 2)))
    exact = substitution_loss(critic, tokens(logits), torch.neg, substitutions).sum()
    plain = -critic(tokens(logits)).sum()
    torch.testing.assert_close(torch.autograd.grad(exact, logits), torch.autograd.grad(plain, logits))


def test_one_substitution_corrects_the_slope_of_one_token_and_no_other():
    """The slope promises that token 2 would be better than 0. It is worse, since the score bends down on the way."""
    weights, bends = torch.zeros(2, 2, V, dtype=torch.float64)
    weights[0, 2], bends[0, 2] = 3.0, -5.0
    critic = OfOneHot(lambda x: (weights * x + bends * x**2).sum((1, 2)))
    logits = torch.zeros(1, 2, V, dtype=torch.float64)
    logits[..., 0] = 0.5
    found = tokens(logits.requires_grad_())
    gradients = [
        torch.autograd.grad(loss.sum(), found.soft, retain_graph=True)[0]
        for loss in (-critic(found), substitution_loss(critic, found, torch.neg, 1))
    ]
    assert gradients[0][0, 0, 2] == -3 and gradients[1][0, 0, 2] == 2
    gradients[1][0, 0, 2] = -3
    assert torch.equal(*gradients)
    assert [ids.tolist() for ids in critic.asked] == [[[2, 0]]]


@pytest.mark.parametrize("substitutions", [1, 5, L * V])
def test_its_value_is_the_loss(substitutions):
    critic, found = network(), tokens(doubled((B, L, V)))
    loss = substitution_loss(critic, found, softly, substitutions)
    torch.testing.assert_close(loss, softly(critic(found.ids)))


def test_the_critic_is_asked_about_the_substitutions_that_weigh_most():
    found, net = tokens(doubled((B, L, V))), network()
    critic = OfOneHot(net)
    gradient = torch.autograd.grad(substitution_loss(critic, found, softly, 5).sum(), found.soft)[0]
    predicted, changes = slopes(critic, found, softly), every_change(net, found.ids, softly)
    weigh = (found.soft * predicted.abs()).flatten(1)
    for row in range(B):
        expected, changed = [], predicted[row].flatten().clone()
        for place in sorted(range(L * V), key=lambda p: -weigh[row, p].item())[:5]:
            other = found.ids[row].tolist()
            other[place // V] = place % V
            expected.append(other)
            changed[place] = changes[row].flatten()[place]
        assert critic.asked[0].view(5, B, L)[:, row].tolist() == expected
        torch.testing.assert_close(gradient[row].flatten(), changed)


@pytest.mark.parametrize("condition", [[1, 0, 2], [[1, 0], [0, 2], [2, 2]]], ids=["labels", "rows"])
def test_each_substitution_has_the_condition_of_its_sample(condition):
    class Encoder(LabelEncoder):
        def forward(self, condition):
            return super().forward(condition) if condition.dim() == 1 else super().forward(condition.sum(1))

    critic, found = network(encoder=Encoder(5, 6)), tokens(doubled((B, L, V)))
    given = torch.tensor(condition)
    (gradient,) = torch.autograd.grad(
        substitution_loss(critic, found, softly, L * V, (given,)).sum(), found.soft, retain_graph=True
    )
    torch.testing.assert_close(gradient, every_change(critic, found.ids, softly, (given,)))
    (few,) = torch.autograd.grad(
        substitution_loss(critic, found, softly, 5, (given,)).sum(), found.soft, retain_graph=True
    )
    for row in range(B):
        part, own = slice(row, row + 1), (given[row : row + 1],)
        one = HardTokens(found.ids[part], found.soft[part])
        alone = torch.autograd.grad(substitution_loss(critic, one, softly, 5, own).sum(), found.soft, retain_graph=True)
        torch.testing.assert_close(few[part], alone[0][part])


def game(objective: str, substitutions: int) -> tuple[Game, Batch]:
    """A game whose generator moves by its gradient, and a batch."""
    critic = network().requires_grad_(True)
    torch.manual_seed(6)
    generator = RelaxedGenerator(GeneratorNetwork(V, L, noise=6, width=9, kernel=3), RELAXATIONS["straight-through"]())
    loss = CriticLoss(critic, OBJECTIVES[objective])
    optimizers = (torch.optim.SGD(p.parameters(), lr=1.0) for p in (generator.double(), critic))
    options = {"objective": OBJECTIVES[objective], "penalty": Penalty(weight=0.0), "substitutions": substitutions}
    rng = torch.Generator().manual_seed(7)
    batch = Batch(torch.randint(V, (B, L), generator=rng), doubled((B, 6)).detach())
    return Game(generator, critic, loss, *optimizers, **options), batch


def played(objective: str, substitutions: int, loss) -> tuple[list[torch.Tensor], list[torch.Tensor], float, float]:
    """The gradients of a game's generator, and those of a loss of (critic, tokens, real scores), with both values."""
    one, batch = game(objective, substitutions)
    with torch.no_grad():
        real = one.critic(batch.real)
    expected = loss(one.critic, one.generator(batch.noise), real)
    gradients = torch.autograd.grad(expected, list(one.generator.parameters()))
    value = one.update_generator(batch)["generator_loss"]
    assert all(p.grad is None and p.requires_grad for p in one.critic.parameters())
    return [p.grad for p in one.generator.parameters()], gradients, value.item(), expected.item()


@pytest.mark.parametrize("objective", ["non-saturating", "relativistic"])
def test_the_game_compares_each_substituted_sample_with_its_own_real_one(objective):
    def loss(critic, found, real):
        def losses(scores):
            return F.softplus(real - scores if objective == "relativistic" else -scores)

        expectation = (found.soft * every_change(critic, found.ids, losses).detach()).sum((1, 2))
        return (losses(critic(found.ids)).detach() + expectation - expectation.detach()).mean()

    ours, theirs, value, expected = played(objective, L * V, loss)
    assert value == pytest.approx(expected, rel=1e-6)
    for gradient, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("objective", ["wasserstein", "relativistic"])
def test_a_game_without_substitutions_takes_the_straight_through_gradient_to_the_bit(objective):
    def loss(critic, found, real):
        scores = critic(found)
        return (F.softplus(real - scores) if objective == "relativistic" else -scores).mean()

    ours, theirs, value, expected = played(objective, 0, loss)
    assert value == expected
    assert all(torch.equal(gradient, other) for gradient, other in zip(ours, theirs, strict=True))


def test_weights_that_are_frozen_stay_so_whatever_happens():
    one, batch = game("wasserstein", 0)
    one.critic.embedding.requires_grad_(False)
    expected = [parameter.requires_grad for parameter in one.critic.parameters()]
    one.play(0, lambda number: batch, lambda: batch.noise)
    assert [parameter.requires_grad for parameter in one.critic.parameters()] == expected
    with pytest.raises(ValueError, match="noise"):
        one.update_generator(batch._replace(noise=batch.noise[:, 1:]))  # as where memory is full
    assert [parameter.requires_grad for parameter in one.critic.parameters()] == expected


@pytest.mark.parametrize(
    "options, complaint", [({"critic_steps": 0}, "critic_steps is 0"), ({"substitutions": -1}, "-1")]
)
def test_numbers_that_make_no_game_are_refused(options, complaint):
    one, _ = game("wasserstein", 0)
    players = (one.generator, one.critic, one.critic_loss, one.generator_optimizer, one.critic_optimizer)
    with pytest.raises(ValueError, match=complaint):
        Game(*players, one.objective, one.penalty, **options)


def test_a_game_says_which_part_does_not_fit():
    one, batch = game("wasserstein", 3)
    one.generator = GeneratorNetwork(V, L, noise=6, width=9, kernel=3).double()  # of soft tokens
    with pytest.raises(ValueError, match="HardTokens"):
        one.update_generator(batch)
    one.critic_loss = CriticLoss(one.critic, one.objective, Penalty(weight=1.0))
    with pytest.raises(ValueError, match="alpha"):
        one.update_critic(batch)
