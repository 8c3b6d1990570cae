"""Sampling leaves its caller's modes alone: gradients, inference mode, the network's mode and torch's threads."""

import contextlib
import itertools

import pytest
import torch
from torch import nn
from untrained import checkpoint

from seqgan_gp import Critic, Generator, ImageGenerator, config, machine
from seqgan_gp.artefacts import evaluating
from seqgan_gp.images.pretrained import build_generator
from seqgan_gp.pretrained.generator import SIDE_BY_SIDE

THREADS = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    options = ("--reranking.candidates=2", "--reranking.temperature=0.7")
    return checkpoint(tmp_path_factory.mktemp("run"), *options, networks=("generator", "critic", "discriminator"))


@pytest.fixture
def text(run):
    return Generator.from_pretrained(run)


@pytest.fixture
def images():
    torch.manual_seed(4)
    c = config.parse(["--modality=images", "--images.height=8", "--images.width=12", "--generator.noise=5"]).config
    return ImageGenerator(build_generator(c))


@pytest.fixture(params=["small batches", "large batches", "ids", "images"])
def stream(request, text, images):
    """A function that starts a stream of samples in several batches, and the networks that it uses."""
    if request.param == "images":
        return lambda seed=1: images.sample(9, seed, batch_size=2), [images.network]
    networks = [text.network, text.reranking.discriminator]
    if request.param == "ids":
        return lambda seed=1: text.sample_ids(9, seed, batch_size=4), networks
    batch_size = 10 if request.param == "small batches" else SIDE_BY_SIDE
    return lambda seed=1: text.sample(9 * batch_size // 2, seed, batch_size=batch_size), networks


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def modes(networks):
    own = [module.training for network in networks for module in network.modules()]
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_num_threads(), own


@pytest.mark.parametrize("context", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("training", [True, False])
def test_at_every_sample_all_modes_are_the_callers(stream, context, training):
    start, networks = stream
    for network in networks:
        network.train(training)
    with context():
        before = modes(networks)
        samples = start()
        assert modes(networks) == before
        for _ in samples:
            assert modes(networks) == before
        assert modes(networks) == before


def test_a_stream_that_is_dropped_half_way_leaves_nothing_behind(stream):
    start, networks = stream
    before = modes(networks)
    samples = start()
    next(samples)
    assert modes(networks) == before
    del samples
    assert modes(networks) == before
    closed = start()
    next(closed)
    closed.close()
    assert modes(networks) == before


def test_streams_may_be_interleaved_and_end_in_any_order(stream):
    start, networks = stream
    before, alone = modes(networks), [list(map(str, start(seed))) for seed in (1, 2)]
    one, other = start(1), start(2)
    pairs = [(str(a), str(b)) for a, b in zip(one, other, strict=True) if modes(networks) == before]
    assert [list(side) for side in zip(*pairs, strict=True)] == alone
    first, second = start(1), start(2)
    next(first), next(second)
    assert list(itertools.islice(first, 10**6)) and modes(networks) == before
    second.close()
    assert modes(networks) == before


def test_modes_that_the_caller_changes_between_samples_stay_so(stream):
    start, networks = stream
    samples = start()
    next(samples)
    for network in networks:
        network.eval()
    torch.set_num_threads(2)
    with torch.no_grad():
        before = modes(networks)
        assert sum(modes(networks) == before for _ in samples) > 1
    assert torch.get_num_threads() == 2 and torch.is_grad_enabled()


def test_an_error_leaves_the_modes_alone(stream):
    start, networks = stream
    before, calls = modes(networks), []

    def fail(*_):
        calls.append(1)
        if len(calls) > 1:
            raise ZeroDivisionError

    networks[0].register_forward_hook(fail)
    with pytest.raises(ZeroDivisionError):
        list(start())
    assert modes(networks) == before


def test_samples_can_be_scored_with_a_gradient_while_they_come(run, text):
    critic = Critic.from_pretrained(run)
    critic.network.requires_grad_(True)
    for sentence in text.sample(2):
        critic([" ".join(sentence.split()[:3])]).sum().backward()
    assert critic.network.output.weight.grad is not None
    list(zip(text.sample(300, seed=1), text.sample(300, seed=2), strict=True))
    assert torch.is_grad_enabled()


def test_each_module_goes_back_to_the_mode_that_it_had():
    network, other = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)), nn.Dropout(0.5)
    network[0].eval()  # a part that a user keeps still while the rest trains
    with evaluating(network, other):
        assert modes([network, other])[3] == [False] * 4
    assert modes([network, other])[3] == [True, False, True, True]


def test_a_discriminator_in_training_has_no_dropout_while_it_chooses(text):
    seen = []
    text.reranking.discriminator.train().register_forward_hook(lambda module, *_: seen.append(module.training))
    list(text.sample(5))
    assert seen == [False] and text.reranking.discriminator.training


def test_side_by_side_has_the_threads_of_the_caller_between_results():
    inside = []

    @contextlib.contextmanager
    def around():
        inside.append(1)
        yield
        inside.pop()

    results = machine.side_by_side(lambda i: (i, torch.get_num_threads()), range(10), around)
    for i, result in enumerate(results):
        assert result == (i, 1) and torch.get_num_threads() == THREADS and not inside
