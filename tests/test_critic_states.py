"""What a prober asks of a critic: states by name, masks and strings, in batches, with no mode or gradient changed."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot
from untrained import checkpoint, of_contexts, of_labels

from seqgan_gp import Critic
from seqgan_gp.errors import UserError
from seqgan_gp.text.lines import Lines
from seqgan_gp.text.tokenizer import Tokenizer

LENGTH, VOCABULARY, WINDOW = 6, 13, 3
SENTENCES = ["a bee", "good jobs can", "do", "", "fine honest inner jobs even do"]  # the last has no room for its end
LENGTHS = [3, 4, 2, 1, 6]  # tokens, end tokens included
LAYERS = ["embedding", "input", "block 1", "block 2", "block 3", "windows"]


@pytest.fixture(scope="module")
def critic(tmp_path_factory):
    return Critic.from_pretrained(checkpoint(tmp_path_factory.mktemp("run"), f"--critic.windows={WINDOW}"))


@pytest.fixture(autouse=True)
def cut():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "1 sentences are longer")
        yield


def direct(critic, sentences):
    """The states of each sentence by the network's own modules, one sentence at a time."""
    network, found = critic.network, {name: [] for name in critic.layers}
    for sentence in sentences:
        ids = torch.from_numpy(critic.tokenizer.encode([sentence], LENGTH).ids)
        embedded = torch.nn.functional.normalize(network.embedding, dim=1)[ids]
        state = network.input_projection(embedded)
        found["embedding"].append(embedded[0])
        found["input"].append(state[0])
        for number, block in enumerate(network.blocks, 1):
            state = block(state)
            found[f"block {number}"].append(state[0])
        windows = torch.zeros(LENGTH, 8)
        for start in range(LENGTH - WINDOW + 1):
            window = embedded[0, start : start + WINDOW].T.flatten()  # channel by channel
            windows[start] = torch.relu(network.window_score.hidden(window))
        found["windows"].append(windows)
    return found


def test_the_states_are_those_of_the_networks_modules_by_name(critic):
    states = critic.states(SENTENCES, batch_size=2)
    assert list(states) == critic.layers == LAYERS
    for name, expected in direct(critic, SENTENCES).items():
        torch.testing.assert_close(states[name], torch.stack(expected))
        assert expected[0].abs().sum() > 0
    assert states["windows"].shape == (5, LENGTH, 8) and not states["windows"][:, LENGTH - WINDOW + 1 :].any()


def test_a_critic_without_windows_has_no_such_layer(tmp_path):
    critic = Critic.from_pretrained(checkpoint(tmp_path, "--critic.windows=0"))
    assert critic.layers == LAYERS[:-1] == list(critic.states(["a bee"]))


def test_pooled_states_are_of_the_positions_of_the_sentence(critic):
    mean, last = critic.states(SENTENCES, pool="mean"), critic.states(SENTENCES, pool="last", batch_size=3)
    for name, states in direct(critic, SENTENCES).items():
        most = LENGTH - WINDOW + 1 if name == "windows" else LENGTH
        for row, (state, length) in enumerate(zip(states, LENGTHS, strict=True)):
            inside = state[: min(length, most)]
            torch.testing.assert_close(mean[name][row], inside.mean(dim=0))
            torch.testing.assert_close(last[name][row], inside[-1])


def test_padding_has_no_part_in_a_pooled_state(critic):
    """Rows of one sentence with other tokens after its end have other states at each position that sees them."""
    ids = critic.tokens(["a bee"])
    other = ids.clone()
    other[:, 3:] = 7
    for pool in ("mean", "last"):
        assert torch.equal(critic.states(ids, pool=pool)["embedding"], critic.states(other, pool=pool)["embedding"])


def test_the_mask_ends_with_the_end_token(critic):
    expected = torch.arange(LENGTH) < torch.tensor(LENGTHS)[:, None]
    ids = critic.tokens(SENTENCES)
    for sequences in (SENTENCES, ids, ids.numpy(), one_hot(ids, VOCABULARY), one_hot(ids, VOCABULARY) * 0.6 + 0.02):
        assert torch.equal(critic.mask(sequences), expected)
    pad, end = critic.tokenizer.pad, critic.tokenizer.end
    odd = [[5, pad, 6, end, 3, 4], [pad] * 6, [end, 5, 6, end, 3, 4]]
    assert critic.mask(odd).tolist() == [[True] + 5 * [False]] * 3
    assert all(state.isfinite().all() for state in critic.states(odd, pool="mean").values())


def test_strings_stand_at_the_positions_of_their_tokens(critic):
    strings = critic.strings(["a bee", "good klgk jobs"])
    assert strings == [["a", "bee", "<end>"] + 3 * ["<pad>"], ["good", "<unk>", "jobs", "<end>"] + 2 * ["<pad>"]]
    assert critic.strings(one_hot(critic.tokens(["a bee"]), VOCABULARY)) == strings[:1]


@pytest.mark.parametrize("kind, text", [("character", "a ü."), ("bpe", "the bee"), ("word", "a bee, a bee.")])
def test_strings_of_other_tokens_make_up_the_sentence(kind, text):
    tokenizer = Tokenizer.train(kind, [text] * 3, 300)
    (ids,) = tokenizer.encode([text], 9).ids
    strings = [tokenizer.texts[i] for i in ids]
    joined = "".join(strings[: strings.index("<end>")])
    assert joined == (text.replace(" ", "") if kind == "word" else text)
    assert len(tokenizer.texts) == len(tokenizer) and all(tokenizer.texts)


def test_features_take_a_layer_by_number_as_ever_and_by_name(critic):
    states = critic.states(SENTENCES)
    for number, name in ((0, "input"), (1, "block 1"), (3, "block 3"), (-1, "block 3"), (-4, "input")):
        torch.testing.assert_close(critic.features(SENTENCES, number), states[name])
        torch.testing.assert_close(critic.network.features(critic.tokens(SENTENCES), number), states[name])
    for name in LAYERS:
        torch.testing.assert_close(critic.features(SENTENCES, layer=name, batch_size=2), states[name])
    pooled = critic.features(SENTENCES, "windows", pool="mean")
    torch.testing.assert_close(pooled, critic.states(SENTENCES, pool="mean")["windows"])
    for number in (4, -5):
        with pytest.raises(IndexError, match="layers 0 to 3, and by name embedding, input, block 1"):
            critic.features(SENTENCES, number)


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"layer": "blocks 1"}, "layer: there is no 'blocks 1', there are embedding, input, block 1"),
        ({"layer": 1.5}, "layer is 1.5: give a number from 0 to 3, or one of embedding, input, block 1"),
        ({"layer": True}, "layer is True: give a number"),
        ({"pool": "max"}, "pool is 'max': give 'mean', 'last', or None"),
        ({"batch_size": 0}, "batch_size: 0 is not a whole number of at least 1"),
        ({"given": "order"}, "leave out `given`"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(critic, options, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        critic.features(SENTENCES, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", [list, "ids", "soft"])
def test_batches_change_no_number(critic, form):
    many = [" ".join(SENTENCES[i % 3 : i % 3 + 1 + i % 2]) for i in range(23)]
    ids = critic.tokens(many)
    sequences = many if form is list else ids if form == "ids" else one_hot(ids, VOCABULARY).float()
    scores, states = critic.network(ids), critic.states(sequences, pool="mean")
    for batch_size in (1, 4, 23, 1000):
        torch.testing.assert_close(critic(sequences, batch_size=batch_size), scores)
        for name, state in critic.states(sequences, pool="mean", batch_size=batch_size).items():
            torch.testing.assert_close(state, states[name])


def test_no_more_sequences_are_computed_at_once_than_the_batch_size(critic):
    sizes = []
    handle = critic.network.input_projection.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    try:
        critic(["a bee"] * 11, batch_size=4)
        critic.features(["a bee"] * 7, batch_size=5)
    finally:
        handle.remove()
    assert sizes == [4, 4, 3, 5, 2]


def test_each_sentence_keeps_its_own_condition_in_every_batch(tmp_path):
    for make, given in ((of_labels, ["order", "report", "question"]), (of_contexts, ["a bee", "can do", "jobs"])):
        critic = Critic.from_pretrained(make(tmp_path / make.__name__))
        sentences, given = ["a bee", "good jobs can", "do"] * 4, [*given, *given[::-1]] * 2
        each = [critic([sentence], one) for sentence, one in zip(sentences, given, strict=True)]
        torch.testing.assert_close(critic(sentences, given, batch_size=5), torch.cat(each))
        torch.testing.assert_close(critic(sentences, given[0]), critic(sentences, given[:1] * 12))
        with pytest.raises(UserError, match="this run is conditional"):
            critic(sentences)
        # Hidden states do not see the condition, which is checked all the same.
        states = critic.features(sentences, given=given)
        torch.testing.assert_close(critic.features(sentences), states)
        torch.testing.assert_close(critic.states(sentences, given=given)["block 3"], states)
        with pytest.raises(UserError, match="11 labels or contexts are given for 12"):
            critic.states(sentences, given=given[1:])


def test_gradients_pass_soft_tokens_through_batches_to_scores_and_states(critic):
    soft = torch.rand(5, LENGTH, VOCABULARY, requires_grad=True)
    (whole,) = torch.autograd.grad(critic.network(soft).sum(), soft)
    (batched,) = torch.autograd.grad(critic(soft, batch_size=2).sum(), soft)
    torch.testing.assert_close(batched, whole)
    (slope,) = torch.autograd.grad(critic.states(soft, pool="mean", batch_size=2)["windows"].sum(), soft)
    assert slope.abs().sum() > 0


def test_embeddings_of_sentences_want_a_gradient_where_you_ask_for_it(critic):
    assert not critic.embed(SENTENCES).requires_grad
    embedded = critic.embed(SENTENCES, grad=True)
    assert embedded.is_leaf and embedded.requires_grad and torch.equal(embedded, critic.embed(SENTENCES))
    critic.score(embedded).sum().backward()
    step = 1e-2 * embedded.grad / embedded.grad.norm()
    with torch.no_grad():
        slope = (critic.score(embedded + step) - critic.score(embedded - step)).sum() / 2e-2
    torch.testing.assert_close(slope, embedded.grad.norm(), rtol=1e-2, atol=1e-3)
    soft = torch.rand(2, LENGTH, VOCABULARY, requires_grad=True)
    assert critic.embed(soft).grad_fn and critic.embed(soft, grad=True).is_leaf


@pytest.mark.parametrize("training", [True, False])
def test_modes_and_gradient_flags_stay_as_the_caller_set_them(tmp_path, training):
    critic = Critic.from_pretrained(checkpoint(tmp_path, "--critic.windows=2"))
    assert not critic.network.training and not any(weight.requires_grad for weight in critic.parameters())
    critic.network.train(training)
    critic.network.output.requires_grad_(True)

    def modes():
        flags = [weight.requires_grad for weight in critic.parameters()]
        return torch.is_grad_enabled(), [module.training for module in critic.network.modules()], flags

    before = modes()
    for use in (critic, critic.states, critic.features, critic.embed, critic.mask, critic.strings, critic.tokens):
        use(SENTENCES)
        assert modes() == before
    assert critic(SENTENCES).requires_grad and not critic.features(SENTENCES).requires_grad
    with torch.no_grad():
        assert not critic(SENTENCES).requires_grad and not torch.is_grad_enabled()
    assert critic.eval() is critic and not critic.network.training


def test_a_critic_moves_and_gives_its_weights(tmp_path):
    critic = Critic.from_pretrained(checkpoint(tmp_path))
    assert critic.device == torch.device("cpu")
    assert sum(weight.numel() for weight in critic.parameters()) == sum(p.numel() for p in critic.network.parameters())
    assert critic.to("meta") is critic and critic.device.type == "meta"
    assert critic.embed(torch.zeros(3, LENGTH, dtype=torch.long)).device.type == "meta"


def test_one_warning_counts_the_cut_sentences_of_all_batches(critic):
    warnings.resetwarnings()
    sentences = ["a bee", "a bee can do good jobs"] * 5
    for use in (critic, critic.states, critic.tokens, critic.mask):
        with pytest.warns(UserWarning, match="5 sentences are longer than 6 tokens and were cut") as caught:
            use(sentences, batch_size=3) if use in (critic, critic.states) else use(sentences)
        assert len(caught) == 1 and caught[0].filename == __file__


def test_lines_of_a_file_are_sentences(critic, tmp_path):
    (tmp_path / "lines.txt").write_text("a bee\ngood jobs\n")
    lines = Lines(tmp_path / "lines.txt")
    torch.testing.assert_close(critic(lines), critic(["a bee", "good jobs"]))


def test_no_sequences_have_no_scores(critic):
    assert critic(torch.zeros(0, LENGTH, dtype=torch.long)).shape == (0,)
    assert critic.states(torch.zeros(0, LENGTH, dtype=torch.long))["input"].shape == (0, LENGTH, 8)
    with pytest.raises(UserError, match="the list is empty"):
        critic.states([])


def test_states_that_surely_do_not_fit_are_refused_before_they_are_computed(critic, monkeypatch):
    monkeypatch.setattr("seqgan_gp.memory.there_is", lambda device: 50_000)
    with pytest.raises(UserError, match=r"the states of 1,000 sequences needs .* of memory.*: pool them"):
        critic.states(["a bee"] * 1000)
    assert critic.features(["a bee"] * 1000, 1, pool="last").shape == (1000, 8)


def test_a_bar_shows_progress_where_it_is_asked_for(critic, monkeypatch):
    shown = []
    monkeypatch.setattr("seqgan_gp.terminal.progress", lambda items, what, total: shown.append(total) or items)
    critic(["a bee"] * 9, batch_size=4)
    assert shown == []
    critic(["a bee"] * 9, batch_size=4, progress=True)
    critic.states(["a bee"] * 9, batch_size=2, progress=True)
    assert shown == [3, 5]


PEAK = """
import sys
import torch
from seqgan_gp import Critic
torch.set_num_threads(1)
def peak():  # of this process; getrusage would count that of its parent
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
critic = Critic.from_pretrained(sys.argv[1])
sentences = [f"a bee can {i}" for i in range(200_000)]
first = list(sentences[:500])
critic(first), critic.states(first, pool="mean")
peaks = [peak()]
scores = critic(sentences)
peaks.append(peak())
states = critic.states(sentences, pool="mean")
peaks.append(peak())
assert len(scores) == 200_000
kept = sum(state.nbytes for state in states.values())
print(1024 * (peaks[1] - peaks[0]), 1024 * (peaks[2] - peaks[0]), kept)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="it reads /proc, as on Linux")
def test_two_hundred_thousand_sentences_take_little_more_memory_than_their_results(tmp_path):
    run = checkpoint(tmp_path, "--critic.width=64", "--critic.windows=3")
    command = [sys.executable, "-W", "ignore", "-c", PEAK, str(run)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for_scores, for_states, kept = map(int, said.split())
    everything = 200_000 * LENGTH * 64 * 4 * 5  # the states of all positions
    assert for_scores < 40e6  # they are 800 kB, and their batches must not tear the heap
    assert for_states < 1.5 * kept + 40e6 < everything


def test_scores_of_numpy_ids_and_of_sentences_are_the_same(critic):
    ids = critic.tokenizer.encode(SENTENCES, LENGTH).ids
    torch.testing.assert_close(critic(np.ascontiguousarray(ids)), critic(SENTENCES))
