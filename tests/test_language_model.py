"""Test the probabilities and the samples of a language model against exact sums."""

import itertools

import numpy as np
import pytest
import torch

from seqgan_gp import artefacts
from seqgan_gp.models import language_model

PAD, END, OTHER = 0, 1, (2, 3)  # ids of the tiny model


def tiny(length: int = 3, seed: int = 0) -> language_model.LanguageModelNetwork:
    """A model whose distribution is far from uniform."""
    torch.manual_seed(seed)
    model = language_model.LanguageModelNetwork(4, length, PAD, END, embedding=3, width=5, layers=2).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def sequences(length: int) -> torch.Tensor:
    """Every sentence of the tiny model: those that end within `length`, padded, and those that are cut there."""
    ended = [[*s, END] for n in range(length) for s in itertools.product(OTHER, repeat=n)]
    cut = [list(s) for s in itertools.product(OTHER, repeat=length)]
    return torch.tensor([s + [PAD] * (length - len(s)) for s in ended + cut])


def test_probabilities_of_all_sentences_add_up_to_one():
    for length in (1, 4):
        assert tiny(length).log_probability(sequences(length)).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_the_probability_is_the_product_over_the_tokens_with_the_end():
    model, ids = tiny(4), torch.tensor([[2, 3, END, PAD], [3, 2, 2, 3], [END, PAD, PAD, PAD]])
    each = model(ids).log_softmax(-1).gather(2, ids[..., None]).squeeze(2)
    expected = torch.stack([each[0, :3].sum(), each[1].sum(), each[2, 0]])
    torch.testing.assert_close(model.log_probability(ids), expected)
    # Whatever follows the end is no part of it, and what precedes a token decides it alone.
    changed = ids.clone()
    changed[0, 3] = 2
    torch.testing.assert_close(model.log_probability(changed), expected)
    torch.testing.assert_close(model(changed)[:, :3], model(ids)[:, :3])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_follow_the_exact_probabilities(temperature):
    model, num = tiny(), 40_000
    every = sequences(3)
    # At a temperature each conditional is sharpened by itself.
    steps = (model(every) / temperature).log_softmax(-1).gather(2, every[..., None]).squeeze(2)
    exact = steps.where(model.counted(every), 0.0).sum(dim=1).exp()
    with artefacts.evaluating(model):
        drawn = model.draw(num, temperature, *map(np.random.default_rng, (0, 1)))()
    counts = torch.stack([(drawn == s).all(dim=1).sum() for s in every])
    assert counts.sum() == num  # padded after the end, and never padding before it
    deviations = (counts / num - exact) / (exact * (1 - exact) / num).sqrt()
    assert deviations.abs().max() < 4


def test_temperature_zero_is_greedy():
    model = tiny(6)
    with artefacts.evaluating(model):
        drawn = model.draw(3, 0.0, *map(np.random.default_rng, (0, 1)))()
        logits = model(drawn)
    counted = model.counted(drawn)
    assert (drawn == drawn[0]).all() and (drawn[counted] == logits.argmax(-1)[counted]).all()
    assert torch.equal(model.draw(3, 1e-30, *map(np.random.default_rng, (0, 1)))(), drawn)
