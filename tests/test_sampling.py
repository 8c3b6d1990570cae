"""Test what is random in samples: separate streams, labels, candidates and batches."""

import collections
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn
from untrained import COUNTS, WORDS, choosing, of_labels

from seqgan_gp import Generator
from seqgan_gp.models.sequence import SequenceModel
from seqgan_gp.pretrained import Reranking, reranking
from seqgan_gp.pretrained.generator import SIDE_BY_SIDE
from seqgan_gp.text.conditions import Labels
from seqgan_gp.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return choosing(tmp_path_factory.mktemp("untrained") / "chosen")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return of_labels(tmp_path_factory.mktemp("untrained") / "labelled")


class Dice(SequenceModel):
    """A model of sequences of three tokens, which remembers what it is asked and how it computes."""

    vocabulary, length = 100, 3

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.asked, self.computed, self.at_once = [], [], []

    def draw(self, num, temperature, noise, tokens, condition=None):
        latent, chance = noise.random((num, 3)), tokens.random((num, 3))
        self.asked.append((num, temperature, latent, chance, condition))

        def compute(rows=None):
            self.computed.append((self.training, torch.is_grad_enabled()))
            self.at_once.append(num if rows is None else len(rows))
            ids = torch.from_numpy(3 + (97 * latent).astype(np.int64))
            return ids if rows is None else ids[rows]

        return compute

    def latents(self):
        return np.concatenate([asked[2] for asked in self.asked])

    def chances(self):
        return np.concatenate([asked[3] for asked in self.asked])

    def conditions(self):
        return torch.cat([asked[4] for asked in self.asked]).tolist()


class Keeper(Reranking):
    """Remembers the chance that it is given, computes all candidates and takes the last."""

    kept: list = []  # noqa: RUF012

    def among(self, draw, chance, condition, batch):
        self.kept.append(chance)
        num, _, most = chance.shape
        parts = torch.arange(num).split(batch)
        return lambda: [torch.cat([draw(rows * most + turn) for rows in parts]) for turn in range(most)][-1]


TOKENIZER = Tokenizer.train("word", WORDS, 100)


def dice(**options):
    return Generator(Dice(), TOKENIZER, **options)


def drawn(generator, *args, **options):
    return np.concatenate(list(generator.sample_ids(*args, **options)))


def test_one_seed_makes_independent_streams_of_latents_tokens_and_labels():
    generator = dice(condition=Labels({"b": 1, "a": 1}))
    drawn(generator, 400, seed=5)
    latents, chances = generator.network.latents(), generator.network.chances()
    labels = np.array(generator.network.conditions(), dtype=float)
    own = np.stack([latents[:, 0], latents[:, 1], chances[:, 0], chances[:, 1], labels])
    assert np.abs(np.corrcoef(own) - np.eye(5)).max() < 0.2
    # Labels are drawn before the rest, from the front of their stream.
    thirds = np.stack([latents.ravel()[:400], chances.ravel()[:400], labels])
    assert np.abs(np.corrcoef(thirds) - np.eye(3)).max() < 0.2
    again, other = dice(condition=Labels({"b": 1, "a": 1})), dice(condition=Labels({"b": 1, "a": 1}))
    drawn(again, 400, seed=5)
    drawn(other, 400, seed=6)
    assert again.network.conditions() == generator.network.conditions() != other.network.conditions()
    assert np.array_equal(again.network.chances(), chances) and not np.array_equal(other.network.chances(), chances)
    assert np.array_equal(again.network.latents(), latents) and not np.array_equal(other.network.latents(), latents)


def test_the_choice_among_candidates_has_chances_of_its_own():
    keeper = Keeper(nn.Identity(), TOKENIZER, 2, 1.0)
    keeper.kept.clear()
    generator = dice(reranking=keeper, condition=Labels({"b": 1, "a": 1}))
    drawn(generator, 300, seed=5, batch_size=50)
    chance, network = np.concatenate(keeper.kept), generator.network
    assert chance.shape == (300, 2, 2) and chance.mean() == pytest.approx(1, abs=0.15)  # of exponential variables
    assert len(np.unique(chance)) == 1200  # no batch has those of another
    streams = [chance.ravel()[:300], network.latents().ravel()[:300], network.chances().ravel()[:300]]
    own = np.stack([*streams, network.conditions()[:300]])
    assert np.abs(np.corrcoef(own)[0, 1:]).max() < 0.2
    plain = dice(condition=Labels({"b": 1, "a": 1}))
    drawn(plain, 600, seed=5)
    assert np.array_equal(network.chances(), plain.network.chances())  # the choice takes nothing from their stream
    first = chance.copy()
    keeper.kept.clear()
    drawn(generator, 300, seed=6, batch_size=50)
    assert not np.array_equal(np.concatenate(keeper.kept), first)


def test_labels_are_as_frequent_as_in_the_corpus_and_mixed():
    generator = dice(condition=Labels(COUNTS))
    drawn(generator, 4000, seed=1)
    labels = generator.network.conditions()
    counts = collections.Counter(labels)
    for label, share in enumerate((30 / 40, 9 / 40, 1 / 40)):
        assert counts[label] / 4000 == pytest.approx(share, abs=0.03)
    assert collections.Counter(labels[:2000])[0] == pytest.approx(counts[0] / 2, rel=0.1)


def test_labels_that_are_drawn_make_the_sentences_that_they_make_when_given(labelled):
    generator, names = dice(condition=Labels(COUNTS)), list(COUNTS)
    drawn(generator, 30, seed=3)
    labels = [names[i] for i in generator.network.conditions()]
    trained = Generator.from_pretrained(labelled)
    assert list(trained.sample(30, seed=3)) == list(trained.sample(30, seed=3, given=labels))


def test_each_sentence_has_the_label_that_it_is_given():
    generator, names = dice(condition=Labels(COUNTS)), list(COUNTS)
    given = [names[i % 3] for i in range(11)]
    for each in (given, tuple(given)):
        generator.network.asked.clear()
        drawn(generator, 11, given=each, batch_size=4)
        assert generator.network.conditions() == [i % 3 for i in range(11)]
    generator.network.asked.clear()
    drawn(generator, 11, given="question", batch_size=4)
    assert generator.network.conditions() == [2] * 11
    generator.reranking = Keeper(nn.Identity(), TOKENIZER, 3, 1.0)
    generator.network.asked.clear()
    drawn(generator, 11, given=given, batch_size=12)
    assert generator.network.conditions() == np.repeat([i % 3 for i in range(11)], 3).tolist()


@pytest.mark.parametrize("candidates", [1, 3, 50])
def test_no_more_candidates_are_computed_at_once_than_the_batch_size(candidates):
    generator = dice(reranking=Keeper(nn.Identity(), TOKENIZER, 5, 1.0))
    batches = list(generator.sample_ids(31, batch_size=20, candidates=candidates))
    assert [len(ids) for ids in batches] == [20, 11]
    assert sorted(generator.network.at_once) == [11] * candidates + [20] * candidates


def test_a_discriminator_scores_no_more_candidates_at_once_than_the_batch_size(chosen):
    generator, rows = Generator.from_pretrained(chosen), []
    for network in (generator.network, generator.reranking.discriminator):
        network.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    assert len(list(generator.sample(60, batch_size=10, candidates=4))) == 60  # in groups of batches
    assert max(rows) <= max(10, reranking.FEW) and 2 * 60 < sum(rows) < 2 * 60 * 4


def test_the_candidates_of_a_single_sentence_are_computed_together(chosen):
    generator, rows = Generator.from_pretrained(chosen), []
    for network in (generator.network, generator.reranking.discriminator):
        network.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    next(generator.sample(1, batch_size=1, candidates=8))
    assert rows == [8, 8]


def test_the_temperature_asked_for_reaches_the_network():
    generator = dice(temperature=0.6, reranking=Keeper(nn.Identity(), TOKENIZER, 2, 0.8))
    asked = [dict(), dict(temperature=0.0), dict(candidates=1), dict(candidates=3), dict(candidates=1, temperature=1.5)]
    for options in asked:
        drawn(generator, 2, **options)
    assert [a[1] for a in generator.network.asked] == [0.8, 0.0, 0.6, 0.8, 1.5]


@pytest.mark.parametrize("batch_size", [10, SIDE_BY_SIDE])
@pytest.mark.parametrize("training", [False, True])
def test_sampling_has_no_gradients_and_no_dropout_and_leaves_the_mode_alone(batch_size, training):
    torch.set_num_threads(2)  # large batches are computed in threads, each with settings of its own
    generator = dice()
    generator.network.train(training)
    drawn(generator, 300, batch_size=batch_size)
    assert set(generator.network.computed) == {(False, False)}
    assert generator.network.training is training and torch.is_grad_enabled()
    stream = generator.sample_ids(300, batch_size=batch_size)
    next(stream)
    stream.close()  # whoever has enough leaves it so, too
    assert generator.network.training is training and torch.is_grad_enabled()


def test_batches_computed_side_by_side_come_in_their_order(chosen):
    generator, threads = Generator.from_pretrained(chosen), torch.get_num_threads()
    small = drawn(generator, 5 * SIDE_BY_SIDE, seed=3, batch_size=100, candidates=1)
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            large = drawn(generator, 5 * SIDE_BY_SIDE, seed=3, batch_size=SIDE_BY_SIDE, candidates=1)
            assert np.array_equal(large, small) and torch.get_num_threads() == number
            with ThreadPoolExecutor(1) as later:  # a thread that starts later has as many, too
                assert later.submit(torch.get_num_threads).result() == number
    finally:
        torch.set_num_threads(threads)


def test_ids_are_integers_a_row_each():
    batches = list(dice().sample_ids(7, batch_size=3))
    assert [ids.shape for ids in batches] == [(3, 3), (3, 3), (1, 3)]
    assert all(isinstance(ids, np.ndarray) and ids.dtype == np.int64 for ids in batches)
