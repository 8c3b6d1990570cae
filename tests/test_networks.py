"""Test the networks against plain torch: every formula is written out again with the weights by name. Test the
initial weights.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqgan_gp.models.conditions import ContextEncoder, LabelEncoder
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.models.generator import GeneratorNetwork
from seqgan_gp.models.language_model import LanguageModelNetwork
from seqgan_gp.models.layers import InstanceNorm, layer_norm, leaky_relu
from seqgan_gp.models.relaxations import draw_chance, sample_ids

# No two sizes are equal: B samples, V tokens, L positions, M of a context, C channels, E numbers of
# a token.
B, V, L, M, C, E, FEATURES, CLASSES = 13, 11, 17, 9, 8, 7, 10, 12
NOISE, POSITION_NOISE, BLOCKS, KERNEL, HEADS, WINDOWS, PAD, END = 14, 2, 3, 5, 4, 2, 3, 5
KINDS = {
    "convolutional": dict(kernel=KERNEL, dilation=1),
    "dilated": dict(kernel=3, dilation=2),
    "layer norm": dict(kernel=KERNEL, dilation=1, norm="layer"),
    "instance norm, dilated": dict(kernel=3, dilation=2, norm="instance"),
    "gru": dict(backbone="recurrent"),
    "lstm": dict(backbone="recurrent", cell="lstm"),
    "attention": dict(backbone="attention", heads=HEADS),
}
GIVEN = {
    "nothing": None,
    "labels": lambda: LabelEncoder(CLASSES, FEATURES),
    "contexts": lambda: ContextEncoder(V, PAD, M, L, FEATURES, blocks=BLOCKS, kernel=KERNEL, heads=2),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_given = pytest.mark.parametrize("given", GIVEN)


def filled(network: nn.Module) -> nn.Module:
    """The network in double precision, with weights that no rule of initialisation would give."""
    rng = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in network.double().parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    # Each weight is one of its own: layers that are the same module would hide in a formula by names.
    buffers = len(list(network.buffers()))
    assert len(list(network.parameters())) + buffers >= len(network.state_dict())
    return network.eval()


def condition_of(given: str) -> torch.Tensor | None:
    rng = torch.Generator().manual_seed(8)
    if given == "contexts":
        contexts = torch.randint(V, (B, M), generator=rng)
        contexts[:, 0] = END  # none of them is all padding
        contexts[3, 4:] = PAD
        return contexts
    return torch.randint(CLASSES, (B,), generator=rng) if given == "labels" else None


class Plain:
    """The formulas, with the weights of a network by their names in a checkpoint."""

    def __init__(self, network: nn.Module):
        self.weights = network.state_dict()

    def linear(self, name, x, apart=1):
        """A convolution where the weight is of several positions, which are so far apart."""
        weight, size = self.weights[f"{name}.weight"], x.shape[1]
        kernel = weight.shape[1] // x.shape[-1]
        sides = apart * (kernel // 2)
        padded = F.pad(x, (0, 0, sides, sides)) if kernel > 1 else x
        places = [k * apart for k in range(kernel)]
        windows = torch.cat([padded[:, k : k + size] for k in places], dim=-1) if kernel > 1 else x
        return windows @ weight.T + self.weights.get(f"{name}.bias", 0.0)

    def normed(self, x, axis, name=None):
        mean, variance = x.mean(axis, keepdim=True), x.var(axis, unbiased=False, keepdim=True)
        x = (x - mean) / (variance + 1e-3).sqrt()
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"] if name else x

    def convolutional(self, name, x, norm="none", apart=1):
        if norm == "none":
            inner = self.linear(f"{name}.branch.1", x.clamp(min=0), apart)
            return x + 0.3 * self.linear(f"{name}.branch.3", inner.clamp(min=0), apart)
        axis = {"layer": 2, "instance": 1}[norm]
        inner = self.linear(f"{name}.branch.2", self.normed(x, axis, f"{name}.branch.0").clamp(min=0), apart)
        inner = self.normed(inner, axis, f"{name}.branch.3").clamp(min=0)
        return x + 0.3 * self.linear(f"{name}.branch.5", inner, apart)

    def attention(self, name, x):
        query, key, value = self.linear(f"{name}.attention.1.project", self.normed(x, 2)).chunk(3, dim=2)
        heads = []
        for q, k, v in zip(*(t.chunk(HEADS, dim=2) for t in (query, key, value)), strict=True):
            heads.append((q @ k.mT / math.sqrt(q.shape[2])).softmax(dim=2) @ v)
        x = x + 0.3 * self.linear(f"{name}.attention.1.output", torch.cat(heads, dim=2))
        return x + 0.3 * self.linear(f"{name}.mlp.3", self.linear(f"{name}.mlp.1", self.normed(x, 2)).clamp(min=0))

    def recurrent(self, name, x, cell, reverse):
        layer = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](C, C, batch_first=True).double()
        ours = (f"{name}.branch.{part}" for part in ("input.weight", "state.weight", "input.bias", "state.bias"))
        theirs = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        layer.load_state_dict({t: self.weights[o] for t, o in zip(theirs, ours, strict=True)})
        return x + (layer(x.flip(1))[0].flip(1) if reverse else layer(x)[0])

    def backbone(self, x, blocks=BLOCKS, change=lambda block, x: x, backbone="convolutional", **options):
        """What the last layer reads."""
        if backbone == "attention":
            x = x + self.weights["blocks.positions"]
        for i in range(blocks):
            x, name = change(i, x), f"blocks.{i}"
            if backbone == "recurrent":  # the first reads from the left
                x = self.recurrent(name, x, options.get("cell", "gru"), reverse=i in (1, 3, 5))
            elif backbone == "attention":
                x = self.attention(name, x)
            else:
                x = self.convolutional(name, x, options.get("norm", "none"), options["dilation"] ** i)
        return x.clamp(min=0) if backbone == "convolutional" else x

    def generator(self, noise, features, **options):
        def change(block, x):
            if features is None:
                return x
            scale, shift = self.linear(f"modulations.{block}.linear", features).split(C, dim=2)
            return x + scale * x + shift

        shared, own = noise[:, :NOISE], noise[:, NOISE:].reshape(B, L, POSITION_NOISE)
        x = self.linear("project_noise", shared).reshape(B, L, C) + self.linear("project_position_noise", own)
        return self.linear("logits", self.backbone(x, change=change, **options))

    def critic(self, ids, features, **options):
        matrix = self.weights["embedding"]
        embedded = (matrix / matrix.norm(dim=1, keepdim=True))[ids]
        hidden = self.backbone(self.linear("input_projection", embedded), **options)
        score = (hidden.reshape(B, L * C) @ self.weights["output.weight"].T + self.weights["output.bias"]).squeeze(1)
        windows = [embedded[:, i : i + WINDOWS].mT.reshape(B, -1) for i in range(L - WINDOWS + 1)]
        for window in windows:
            inner = self.linear("window_score.hidden", window).clamp(min=0)
            score = score + self.linear("window_score.output", inner).squeeze(1) / len(windows)
        if features is None:
            return score
        return score + (self.linear("projection.linear", hidden) * features).sum(2).sum(1) / math.sqrt(L)


@every_given
@every_kind
def test_the_generator_is_its_formula(kind, given):
    encoder = GIVEN[given]() if GIVEN[given] else None
    options = dict(width=C, blocks=BLOCKS, encoder=encoder, **KINDS[kind])
    network = filled(GeneratorNetwork(V, L, NOISE, POSITION_NOISE, **options))
    noise = torch.randn(B, NOISE + L * POSITION_NOISE, dtype=torch.float64)
    if encoder is None:
        logits, features = network(noise), None
    else:
        logits, features = network(noise, condition_of(given)), encoder(condition_of(given))
    torch.testing.assert_close(logits, Plain(network).generator(noise, features, **KINDS[kind]))


@every_given
@every_kind
def test_the_critic_is_its_formula(kind, given):
    encoder = GIVEN[given]() if GIVEN[given] else None
    options = dict(width=C, blocks=BLOCKS, windows=WINDOWS, encoder=encoder, **KINDS[kind])
    network = filled(CriticNetwork(V, L, E, **options))
    ids = torch.randint(V, (B, L))
    if encoder is None:
        scores, features = network(ids), None
    else:
        scores, features = network(ids, condition_of(given)), encoder(condition_of(given))
    torch.testing.assert_close(scores, Plain(network).critic(ids, features, **KINDS[kind]))
    torch.testing.assert_close(network.embed(ids).norm(dim=2), torch.ones(B, L, dtype=torch.float64))


def test_the_features_of_a_label_are_its_row_at_unit_length():
    network, labels = filled(LabelEncoder(CLASSES, FEATURES)), condition_of("labels")
    rows = network.embedding[labels]
    torch.testing.assert_close(network(labels), (rows / rows.norm(dim=1, keepdim=True))[:, None])


def test_the_features_of_a_context_are_the_formula():
    network, contexts = filled(GIVEN["contexts"]()), condition_of("contexts")
    plain = Plain(network)
    embedded = plain.weights["embedding"][contexts] + plain.weights["positions"]
    state = embedded
    for block in range(BLOCKS):
        state = plain.convolutional(f"blocks.{block}", state)
    key, value = plain.linear("keys", state).split(FEATURES, dim=2)
    read = []
    for head, (k, v) in enumerate(zip(key.chunk(2, dim=2), value.chunk(2, dim=2), strict=True)):
        products = plain.weights["queries"][head] @ k.mT / math.sqrt(FEATURES / 2)
        read.append(products.masked_fill((contexts == PAD)[:, None], -math.inf).softmax(dim=2) @ v)
    features = plain.linear("output", torch.cat(read, dim=2))
    torch.testing.assert_close(network(contexts), features / features.norm(dim=2, keepdim=True))


def test_the_language_model_is_its_formula():
    network, ids = (
        filled(LanguageModelNetwork(V, L, PAD, END, embedding=E, width=C, layers=2)),
        torch.randint(V, (B, L)),
    )
    lstm = nn.LSTM(E, C, 2, batch_first=True).double()
    lstm.load_state_dict({k.removeprefix("lstm."): v for k, v in network.state_dict().items() if "lstm." in k})
    matrix = network.embedding.weight
    states, _ = lstm(matrix[torch.cat([torch.full((B, 1), END), ids[:, :-1]], dim=1)])
    logits = (states @ network.project.weight.T + network.project.bias) @ matrix.T + network.bias
    logits[..., PAD] = -math.inf
    torch.testing.assert_close(network(ids), logits)


def test_a_norm_has_the_weights_that_it_learns():
    x = torch.randn(B, L, C, dtype=torch.float64)
    for norm, axis in ((layer_norm(C), 2), (InstanceNorm(C), 1)):
        torch.testing.assert_close(norm.double()(x), Plain(norm).normed(x, axis))  # it starts with a scale of 1
        filled(norm)
        expected = (x - x.mean(axis, keepdim=True)) / (x.var(axis, unbiased=False, keepdim=True) + 1e-3).sqrt()
        torch.testing.assert_close(norm(x), expected * norm.weight + norm.bias)


def test_a_leaky_relu_is_that_of_torch_and_so_is_its_slope():
    x = torch.linspace(-3, 4, 50, dtype=torch.float64, requires_grad=True)
    for one, other in ((leaky_relu(x), F.leaky_relu(x, 0.2)), (leaky_relu(x, 0.7), F.leaky_relu(x, 0.7))):
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(*(torch.autograd.grad(y.sum(), x)[0] for y in (one, other)))
    assert leaky_relu(x.detach().half()).dtype == torch.float16


# --- how weights start, and what is drawn


def spread(tensor: torch.Tensor) -> float:
    return tensor.detach().std().item()


def test_position_embeddings_start_at_a_tenth():
    options = dict(width=64, blocks=1, backbone="attention")
    for positions in (
        GeneratorNetwork(V, 50, NOISE, **options).blocks.positions,
        CriticNetwork(V, 50, E, **options).blocks.positions,
        ContextEncoder(V, PAD, 50, L, 64).positions,
    ):
        assert positions.shape == (50, 64)
        assert spread(positions) == pytest.approx(0.1, rel=0.1)


def test_token_embeddings_start_as_large_as_asked():
    assert spread(CriticNetwork(200, L, 32).embedding) == pytest.approx(0.2, rel=0.1)
    assert spread(CriticNetwork(200, L, 32, embedding_std=3.0).embedding) == pytest.approx(3.0, rel=0.1)
    assert spread(LanguageModelNetwork(200, L, PAD, END, 32).embedding.weight) == pytest.approx(0.1, rel=0.1)
    assert spread(ContextEncoder(200, PAD, M, L, 32).embedding) == pytest.approx(1.0, rel=0.1)


def test_the_noise_is_standard_normal_and_numpys():
    network = GeneratorNetwork(V, L, NOISE, POSITION_NOISE)
    noise = network.sample_noise(400, np.random.default_rng(5))
    assert noise.dtype == torch.float32 and noise.shape == (400, NOISE + L * POSITION_NOISE)
    expected = np.random.default_rng(5).standard_normal((400, NOISE + L * POSITION_NOISE), dtype=np.float32)
    np.testing.assert_array_equal(noise.numpy(), expected)


@every_given
def test_the_latent_comes_from_one_stream_and_the_choice_of_tokens_from_the_other(given):
    encoder = GIVEN[given]() if GIVEN[given] else None
    network = filled(GeneratorNetwork(V, L, NOISE, POSITION_NOISE, width=C, blocks=BLOCKS, encoder=encoder)).float()
    condition = () if encoder is None else (condition_of(given),)
    latent = network.sample_noise(B, np.random.default_rng(1))
    for temperature in (0.0, 0.7, 2.0):
        ids = network.draw(B, temperature, *map(np.random.default_rng, (1, 2)), *condition)()
        chance = draw_chance((B, L), np.random.default_rng(2))
        assert torch.equal(ids, sample_ids(network(latent, *condition), temperature, chance))


def test_a_language_model_leaves_the_stream_of_latents_alone():
    network = filled(LanguageModelNetwork(V, L, PAD, END, E, C))
    noise, one, other = (np.random.default_rng(seed) for seed in (1, 2, 3))
    ids = network.draw(B, 1.0, noise, one)()
    assert noise.random() == np.random.default_rng(1).random()
    assert torch.equal(ids, network.draw(B, 1.0, np.random.default_rng(9), np.random.default_rng(2))())
    assert not torch.equal(ids, network.draw(B, 1.0, noise, other)())
    with pytest.raises(ValueError, match="takes no condition"):
        network.draw(B, 1.0, noise, one, torch.zeros(B))


def test_dropout_hides_as_much_of_the_embeddings_and_of_the_states_as_asked():
    network, seen = LanguageModelNetwork(V, 20, PAD, END, embedding=30, width=40, dropout=0.3), {}
    for name in ("lstm", "project"):
        layer = getattr(network, name)
        layer.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0]}))
    ids = torch.randint(V, (50, 20))
    network.train()(ids)
    for read in seen.values():
        assert (read == 0).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(network.eval()(ids), network(ids))
    assert not any((read == 0).any() for read in seen.values())


def test_dropout_stands_between_the_layers_of_a_language_model_too():
    for layers in (1, 2):
        network = LanguageModelNetwork(V, L, PAD, END, E, C, layers=layers, dropout=0.4).train()
        network.dropout.eval()  # that of the embeddings and of the last states
        ids = torch.randint(V, (B, L))
        assert torch.equal(network(ids), network(ids)) is (layers == 1)
