"""The hidden states of a language model, in the form of a critic's."""

import numpy as np
import pytest
import torch
from torch import nn
from untrained import checkpoint

from seqgan_gp import LanguageModel
from seqgan_gp.errors import UserError

LENGTH, SENTENCES, LENGTHS = 6, ["a bee", "good jobs can", "do"], [3, 4, 2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    options = ("--method=likelihood", "--language_model.layers=3", "--likelihood.patience=1")
    return LanguageModel.from_pretrained(checkpoint(tmp_path_factory.mktemp("run"), *options, networks=("generator",)))


def test_the_state_at_a_position_has_read_its_token(model):
    states, network = model.states(SENTENCES, batch_size=2), model.network
    assert list(states) == model.layers == ["embedding", "layer 1", "layer 2", "layer 3"]
    ids = model.tokens(SENTENCES)
    torch.testing.assert_close(states["embedding"], network.embedding(ids))
    # The network's own states are those before it reads a token.
    torch.testing.assert_close(states["layer 3"][:, :-1], network.hidden(ids)[:, 1:])
    # The layers below, by one-layer LSTMs with the same weights.
    below = torch.cat([network.embedding.weight[[network.end] * 3][:, None], network.embedding(ids)], dim=1)
    for number in range(3):
        layer = nn.LSTM(below.shape[2], 10, batch_first=True)
        own = {name: getattr(network.lstm, name.replace("_l0", f"_l{number}")) for name, _ in layer.named_parameters()}
        layer.load_state_dict({name: weight.detach() for name, weight in own.items()})
        below = layer(below)[0]
        torch.testing.assert_close(states[f"layer {number + 1}"], below[:, 1:])


def test_the_last_state_gives_the_next_token_as_the_model_does(model):
    ids = model.tokens(SENTENCES)
    logits = model.network.logits(model.features(ids, "layer 3"))
    torch.testing.assert_close(logits[:, :-1], model(ids)[:, 1:])


def test_states_are_pooled_masked_and_read_as_a_critics(model):
    states = model.states(SENTENCES)
    assert torch.equal(model.mask(SENTENCES), torch.arange(LENGTH) < torch.tensor(LENGTHS)[:, None])
    assert model.strings(["a bee"]) == [["a", "bee", "<end>"] + 3 * ["<pad>"]]
    for name, state in states.items():
        for row, length in enumerate(LENGTHS):
            torch.testing.assert_close(model.states(SENTENCES, pool="mean")[name][row], state[row, :length].mean(dim=0))
            torch.testing.assert_close(model.states(SENTENCES, pool="last")[name][row], state[row, length - 1])
    torch.testing.assert_close(model.features(SENTENCES, 0), states["embedding"])
    torch.testing.assert_close(model.features(SENTENCES), states["layer 3"])
    torch.testing.assert_close(model.features(np.array(model.tokens(SENTENCES))), states["layer 3"])


def test_states_have_no_gradient_and_no_dropout_and_leave_the_modes_alone(model):
    expected = model.states(SENTENCES)
    model.network.train()
    try:
        for name, state in model.states(SENTENCES).items():
            assert torch.equal(state, expected[name]) and not state.requires_grad
        assert all(module.training for module in model.network.modules()) and torch.is_grad_enabled()
        assert all(weight.requires_grad for weight in model.network.parameters())
    finally:
        model.network.eval()


def test_it_reads_sentences_and_ids_and_no_labels(model):
    for wrong, complaint in (
        (torch.rand(2, LENGTH, 13), "ids .* are needed"),
        ([[99] * LENGTH], "the id 99 is not in the vocabulary"),
    ):
        with pytest.raises(UserError, match=complaint):
            model.states(wrong)
    with pytest.raises(UserError, match="leave out `given`"):
        model.states(SENTENCES, given="order")
    with pytest.raises(UserError, match="there is no 'windows', there are embedding, layer 1"):
        model.features(SENTENCES, "windows")


def test_it_samples_as_before(model):
    assert len(list(model.sample(5, seed=1))) == 5
