"""Test draft and revise: the reviser, and the generator that revises drafts, against plain loops."""

import numpy as np
import pytest
import torch
from backbones import every_network

from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.relaxations import sample_ids
from seqgan_gp.models.reviser import ReviserNetwork, RevisingGenerator

V, L, SIZES = 11, 6, {"noise": 7, "width": 8, "blocks": 2, "kernel": 3}


def pair(passes: int = 3, drafting: float = 0.8, encoders=(None, None), **options) -> RevisingGenerator:
    """A generator in float64, whose random reviser shuns what it reads, so that every pass changes something."""
    torch.manual_seed(3)
    options = SIZES | options
    if "backbone" in options:
        del options["kernel"]
    draft = GeneratorNetwork(V, L, encoder=encoders[0], **options)
    reviser = ReviserNetwork(V, L, encoder=encoders[1], copy=-3.0, **options)
    with torch.no_grad():
        for parameter in (*draft.parameters(), *reviser.parameters()):
            parameter.normal_(std=0.4)
    return RevisingGenerator(draft, reviser, passes, drafting).double()


def noise_of(generator: RevisingGenerator, rows: int, seed: int = 4) -> torch.Tensor:
    return generator.sample_noise(rows, np.random.default_rng(seed)).double()


def revised(generator: RevisingGenerator, noise: torch.Tensor, passes: int, condition=None) -> torch.Tensor:
    """The logits of the last of so many passes, by a plain loop."""
    latent, chance = noise[:, : generator.draft.noise_size], noise[:, generator.draft.noise_size : -1]
    logits = generator.draft(latent, condition)
    ids = logits.argmax(2)
    if generator.drafting:
        passed = (logits / generator.drafting).softmax(2).cumsum(2)
        ids = (passed <= torch.special.ndtr(chance)[..., None]).sum(2)
    for _ in range(passes):
        logits = generator.reviser.revise(ids, latent, condition)
        ids = logits.argmax(2)
    return logits


def test_a_new_reviser_nearly_copies_what_it_reads():
    torch.manual_seed(3)
    reviser, ids = ReviserNetwork(V, L, **SIZES), torch.randint(V, (200, L))
    probabilities = reviser.revise(ids, torch.randn(200, 7)).softmax(2)
    assert torch.equal(probabilities.argmax(2), ids)
    kept = probabilities.gather(2, ids[..., None])
    ahead = np.exp(4) / (np.exp(4) + V - 1)  # if all other logits were equal
    assert kept.mean().item() == pytest.approx(ahead, abs=0.05) and kept.min() > 0.5


def test_what_it_reads_is_so_many_logits_ahead_and_changes_the_others():
    reviser, ids, noise = pair().reviser, torch.randint(V, (5, L)), torch.randn(5, 7).double()
    reviser.copy = 0.0
    plain = reviser.revise(ids, noise)
    reviser.copy = 2.5
    torch.testing.assert_close(reviser.revise(ids, noise) - plain, 2.5 * torch.nn.functional.one_hot(ids, V).double())
    other = ids.clone()
    other[:, 2] = (other[:, 2] + 1) % V
    moved = (reviser.revise(other, noise) - reviser.revise(ids, noise)).abs().amax(2) > 1e-9
    assert moved[:, [1, 2, 3]].all()


@pytest.mark.parametrize("drafting", [0.0, 0.8])
@pytest.mark.parametrize("passes", [1, 2, 5])
def test_a_sample_is_a_drawn_draft_after_so_many_revisions(passes, drafting):
    generator = pair(passes, drafting)
    noise = noise_of(generator, 9)
    torch.testing.assert_close(generator(noise), revised(generator, noise, passes))
    assert not torch.allclose(generator(noise), revised(generator, noise, passes + 1))
    assert noise.shape == (9, 7 + L + 1)


def test_without_a_pass_it_samples_the_drafts_that_it_would_revise():
    generator = pair(passes=1, drafting=1.0).float()
    drafting = generator.with_passes(0)
    latent = generator.sample_noise(40, np.random.default_rng(3))
    drafts = drafting.draw(40, 1.0, np.random.default_rng(3), np.random.default_rng(5))()
    own, chance = latent[:, : generator.draft.noise_size], latent[:, generator.draft.noise_size : -1]
    expected = sample_ids(generator.draft(own), 1.0, torch.special.ndtr(chance))
    assert torch.equal(drafts, expected)
    revised = generator.draw(40, 0.0, np.random.default_rng(3), np.random.default_rng(5))()
    assert torch.equal(revised, generator.reviser.revise(drafts, own).argmax(2))
    with pytest.raises(ValueError, match="no last pass"):
        drafting(latent)


def test_no_rows_are_no_rows():
    generator = pair()
    for call in (generator, generator.any_pass):
        assert call(noise_of(generator, 0)).shape == (0, L, V)


def test_only_the_last_revision_has_a_gradient():
    generator = pair()
    noise = noise_of(generator, 9)
    generator(noise).square().sum().backward()
    found = [p.grad for p in generator.reviser.parameters()]
    assert all(p.grad is None for p in generator.draft.parameters())
    ids = revised(generator, noise, 2).argmax(2)
    last = generator.reviser.revise(ids, noise[:, :7])
    for one, other in zip(found, torch.autograd.grad(last.square().sum(), generator.reviser.parameters()), strict=True):
        torch.testing.assert_close(one, other)


def test_training_plays_with_every_number_of_passes_about_equally_often():
    generator = pair(passes=3)
    noise = noise_of(generator, 1500)
    with torch.no_grad():
        logits = generator.any_pass(noise)
        after = torch.stack([revised(generator, noise, passes) for passes in (1, 2, 3)])
    numbers = (torch.special.ndtr(noise[:, -1]) * 3).long()
    torch.testing.assert_close(logits, after[numbers, torch.arange(1500)])
    assert (torch.bincount(numbers, minlength=3) / 1500 - 1 / 3).abs().max() < 0.04
    differ = [(after[i] - after[i + 1]).abs().amax((1, 2)) > 1e-6 for i in range(2)]
    assert differ[0].double().mean() > 0.5 and differ[1].double().mean() > 0.2


def test_the_largest_number_chooses_the_last_pass():
    generator = pair(passes=3)
    noise = noise_of(generator, 5)
    for number, passes in ((40.0, 3), (-40.0, 1)):
        noise[:, -1] = number
        torch.testing.assert_close(generator.any_pass(noise), revised(generator, noise, passes))


def test_no_backbone_is_given_a_batch_without_rows():
    generator, asked = pair(passes=3), []
    revise = generator.reviser.revise
    generator.reviser.revise = lambda ids, *others: asked.append(len(ids)) or revise(ids, *others)
    noise = noise_of(generator, 5)
    for number, sizes in ((-40, [5]), (40, [5, 5, 5])):
        asked.clear()
        noise[:, -1] = number
        generator.any_pass(noise)
        assert asked == sizes


def test_a_row_does_not_depend_on_the_others():
    generator = pair()
    noise = noise_of(generator, 9)
    for call in (generator, generator.any_pass):
        together = call(noise)
        for row in range(9):
            torch.testing.assert_close(call(noise[row : row + 1]), together[row : row + 1])


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_samples_do_not_depend_on_how_they_are_cut_into_batches(temperature):
    generator, whole, parts = pair().float(), [], []
    for found, sizes in ((whole, (23,)), (parts, (1, 15, 7))):
        streams = np.random.default_rng(5), np.random.default_rng(6)
        found += [generator.draw(size, temperature, *streams)() for size in sizes]
    assert torch.equal(whole[0], torch.cat(parts)) and len(whole[0].unique(dim=0)) > 15


def test_tokens_of_a_draft_follow_the_softmax():
    generator = pair(passes=1, drafting=0.6)
    noise = noise_of(generator, 1).repeat(8000, 1)
    noise[:, 7:] = noise_of(generator, 8000, seed=8)[:, 7:]
    expected = (generator.draft(noise[:1, :7]) / 0.6).softmax(2)[0]
    read = []
    generator.reviser.revise = lambda ids, latent, condition: read.append(ids) or torch.zeros(len(ids), L, V)
    generator(noise)
    frequencies = torch.nn.functional.one_hot(read[0], V).double().mean(0)
    torch.testing.assert_close(frequencies, expected, atol=0.02, rtol=0)
    first, last = read[0][:, 0], read[0][:, -1]  # each is drawn by itself
    both = torch.bincount(first * V + last, minlength=V * V).view(V, V) / 8000
    torch.testing.assert_close(both.double(), expected[0][:, None] * expected[-1], atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", ["labels", "contexts"])
def test_draft_and_revisions_read_the_condition_of_their_row(kind):
    torch.manual_seed(2)
    if kind == "labels":
        encoders, condition = [LabelEncoder(3, 5) for _ in range(2)], torch.tensor([0, 2, 1, 1, 0, 2, 2, 0, 1])
    else:
        encoders = [ContextEncoder(V, 0, 4, L, features=8) for _ in range(2)]
        condition = torch.randint(V, (9, 4))
    generator = pair(encoders=encoders)
    noise = noise_of(generator, 9)
    torch.testing.assert_close(generator(noise, condition), revised(generator, noise, 3, condition))
    numbers = (torch.special.ndtr(noise[:, -1]) * 3).long()
    assert set(numbers.tolist()) == {0, 1, 2}
    after = torch.stack([revised(generator, noise, passes, condition) for passes in (1, 2, 3)])
    torch.testing.assert_close(generator.any_pass(noise, condition), after[numbers, torch.arange(9)])
    assert not torch.allclose(generator(noise, condition), generator(noise, condition.roll(1, 0)))
    with pytest.raises(ValueError, match="none is given"):
        generator(noise)
    streams = np.random.default_rng(5), np.random.default_rng(6)
    assert generator.float().draw(9, 1.0, *streams, condition)().shape == (9, L)


@pytest.mark.parametrize("noise, position_noise", [(0, 3), (7, 2)])
def test_noise_of_positions_reaches_draft_and_revisions(noise, position_noise):
    generator = pair(noise=noise, position_noise=position_noise)
    z = noise_of(generator, 9)
    assert z.shape == (9, noise + L * position_noise + L + 1)
    torch.testing.assert_close(generator(z), revised(generator, z, 3))


@every_network
def test_every_backbone_revises(options):
    generator = pair(**options)
    noise = noise_of(generator, 9)
    torch.testing.assert_close(generator(noise), revised(generator, noise, 3))
    together = generator.any_pass(noise)
    torch.testing.assert_close(generator.any_pass(noise[2:5]), together[2:5])


def test_a_reviser_alone_is_no_generator():
    reviser = pair().reviser
    with pytest.raises(TypeError, match="call revise"):
        reviser(torch.randn(2, 7).double())
