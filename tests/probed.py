"""Critics to probe: those of random weights, and one that is linear in the embeddings of its tokens."""

import contextlib

import torch
from torch import nn
from untrained import WORDS, checkpoint

from seqgan_gp import Critic
from seqgan_gp.models.critic import CriticNetwork
from seqgan_gp.text.tokenizer import Tokenizer

LENGTH, EMBEDDING = 6, 5  # those of untrained.SIZES


class LinearNetwork(CriticNetwork):
    """The score is the sum of weights times embeddings, and a bias."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.weight = nn.Parameter(torch.randn(self.length, self.embedding.shape[1]))

    def score(self, embedded, condition=None):
        return (embedded * self.weight).sum((1, 2)) + 0.7


def linear() -> Critic:
    """A linear critic. Its end token is embedded as zero, and its words as six vectors and their opposites."""
    tokenizer = Tokenizer.train("word", WORDS, 100)
    network = LinearNetwork(len(tokenizer), LENGTH, EMBEDDING).requires_grad_(False)
    for one, other in zip(WORDS[::2], WORDS[1::2], strict=True):
        network.embedding[ids(tokenizer, other)] = -network.embedding[ids(tokenizer, one)]
    network.embedding[tokenizer.end] = 0
    return Critic(network.eval(), tokenizer)


def ids(tokenizer: Tokenizer, word: str) -> int:
    """The id of a word."""
    return int(tokenizer.encode([word], 2).ids[0, 0])


def untrained(folder, *options, steep=1.0) -> Critic:
    """A critic of random weights, times a factor."""
    critic = Critic.from_pretrained(checkpoint(folder, *options))
    for parameter in critic.network.parameters():
        parameter.mul_(steep)
    return critic


@contextlib.contextmanager
def unchanged(critic, training):
    """Check that a `with` block leaves modes, gradient flags and gradients as they were."""

    def modes():
        weights = list(critic.network.parameters())
        flags = [(weight.requires_grad, weight.grad is None) for weight in weights]
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), [m.training for m in all_modules], flags

    all_modules = list(critic.network.modules())
    critic.network.train(training)
    critic.network.output.requires_grad_(True)  # a user who trains it further
    before = modes()
    yield
    assert modes() == before
