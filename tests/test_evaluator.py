"""Test the evaluations of a run on text: the sentences that they score and compare with, and the files they write."""

import json

import numpy as np
import pytest
from conftest import rows

from seqgan_gp.text.adherence import Adherence
from seqgan_gp.text.corpus import Corpus
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.lines import Sentences
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.training.text_evaluator import Evaluator


def different(name: str, number: int) -> list[str]:
    """Sentences of four words, no word of which stands in two of them."""
    return [" ".join(f"{name}{letter}{i}" for letter in "abcd") for i in range(number)]


TRAIN, TEST = different("train", 40), different("test", 30)
TOKENIZER = Tokenizer.train("word", [*TRAIN, *TEST], 1000)


class Sampler:
    """Says the sentences that it has, or answers to what it is given, and remembers what it was asked for."""

    tokenizer = TOKENIZER

    def __init__(self, say):
        self.say, self.asked = say, []

    def sample_ids(self, num, seed, given=None):
        self.asked.append((num, seed, given))
        sentences = self.say(given) if callable(self.say) else self.say[:num]
        yield from np.array_split(TOKENIZER.encode(sentences, 7).ids, 2)


def test_samples_are_compared_with_held_out_sentences_and_are_novel_against_the_training_ones(tmp_path):
    evaluator = Evaluator(Corpus(Sentences(TRAIN), Sentences(TEST)), "word", 20)
    for sentences, novel, distance, overlap in ((TRAIN, 0, 1, 4), (TEST, 1, 0.205, 0)):
        scores, _ = evaluator(Sampler(sentences), tmp_path / "step")
        assert (scores["count"], scores["novel"], scores["longest_overlap"]) == (20, novel, overlap)
        assert scores["jsd_1"] == pytest.approx(distance, abs=0.05)
    # Real sentences are training ones, as many and all different. They share no word with the held-out ones.
    real = evaluator.real
    assert (real["count"], real["unique"], real["jsd_1"], real["bleu_2"]) == (20, 1, 1, 0)
    assert real["novel"] is None and real["longest_overlap"] is None


def test_there_are_no_more_real_sentences_than_those_of_the_training():
    assert Evaluator(Corpus(Sentences(TRAIN[:9]), Sentences(TEST)), "word", 20).real["count"] == 9


def test_real_sentences_are_drawn_from_all_of_the_training_ones():
    train = ["one two"] * 200 + ["one two three four"] * 200
    assert 2.5 < Evaluator(Corpus(Sentences(train), Sentences(TEST)), "word", 60).real["mean_length"] < 3.5


def test_every_evaluation_draws_with_the_same_noise_and_writes_what_it_scores(tmp_path):
    evaluator, sampler = Evaluator(Corpus(Sentences(TRAIN), Sentences(TEST)), "word", 20), Sampler(TEST)
    first, lines = evaluator(sampler, tmp_path / "step-3")
    again, _ = evaluator(sampler, tmp_path / "step-6")
    assert first == again and sampler.asked == [(20, 0, None)] * 2 and lines == TEST[:3]
    for name in ("step-3", "step-6"):
        assert (tmp_path / f"{name}.txt").read_text().splitlines() == TEST[:20]
    assert len(list(tmp_path.iterdir())) == 2  # nothing was given


def test_samples_with_tokens_behind_their_end_are_not_well_formed(tmp_path):
    class Broken(Sampler):
        def sample_ids(self, num, seed, given=None):
            ids = TOKENIZER.encode(TEST[:20], 7).ids
            ids[:5, 6] = ids[0, 0]  # behind the end
            yield ids

    scores, _ = Evaluator(Corpus(Sentences(TRAIN), Sentences(TEST)), "word", 20)(Broken(TEST), tmp_path / "step")
    assert scores["well_formed"] == 0.75 and scores["mean_length"] == 4


def test_sentences_are_scored_in_the_unit_of_the_run(tmp_path):
    evaluator = Evaluator(Corpus(Sentences(TRAIN), Sentences(TEST)), "character", 20)
    scores, _ = evaluator(Sampler(TEST), tmp_path / "step")
    assert scores["mean_length"] == np.mean([len(s) for s in TEST[:20]])
    assert evaluator.real["mean_length"] > 20


class FirstWord(Adherence):
    """Sentences keep to a word that they begin with."""

    language = Grammar("S -> 'anything' [1.0]")

    def __call__(self, given, sentences):
        return {"obedience": float(np.mean([s.split()[0] == g for g, s in zip(given, sentences, strict=True)]))}


def firsts(sentences):
    return [s.split()[0] for s in sentences]


def test_samples_are_given_what_held_out_sentences_are_and_real_ones_are_judged_with_their_own(tmp_path):
    corpus = Corpus(Sentences(TRAIN, firsts(TRAIN)), Sentences(TEST, firsts(TEST)))
    evaluator, by_first = Evaluator(corpus, "word", 20, FirstWord()), {s.split()[0]: s for s in TEST}
    assert evaluator.real["obedience"] == 1 and evaluator.real["grammatical"] == 0  # FirstWord knows the language
    sampler = Sampler(lambda given: [by_first[g] for g in given])
    scores, lines = evaluator(sampler, tmp_path / "step-1")
    (_, _, given), sentences = sampler.asked[0], (tmp_path / "step-1.txt").read_text().splitlines()
    assert len(set(given)) == 20 and set(given) <= set(firsts(TEST))  # each of them once, where there are enough
    assert scores["obedience"] == 1 and sentences == [by_first[g] for g in given]
    assert (tmp_path / "step-1.given.txt").read_text().splitlines() == given
    assert lines == [f"{g} -> {by_first[g]}" for g in given[:3]]
    scores, _ = evaluator(Sampler(lambda given: [by_first[g] for g in reversed(given)]), tmp_path / "step")
    assert scores["obedience"] == 0


def test_held_out_contexts_are_answered_more_than_once_where_there_are_few():
    corpus = Corpus(Sentences(TRAIN, firsts(TRAIN)), Sentences(TEST[:3], firsts(TEST[:3])))
    evaluator = Evaluator(corpus, "word", 20)
    assert len(evaluator.given) == 20 and set(evaluator.given) == set(firsts(TEST[:3]))
    assert "obedience" not in evaluator.real


def test_a_run_is_compared_with_the_sentences_that_it_held_out(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    train, test = ((run / "corpus" / f"{name}.txt").read_text().splitlines() for name in ("train", "test"))
    assert (len(train), len(test)) == (400, 100)
    expected = Evaluator(Corpus(Sentences(train), Sentences(test), Grammar.load("text")), "word", 20).real
    assert {k.removeprefix("real/"): v for k, v in rows[0].items() if k.startswith("real/")} == expected


def test_every_panel_of_the_curves_has_scores_that_a_run_measures(run):
    measured = {key for row in rows(run) for key in row} | {"eval/obedience", "eval/agreement"}  # of conditional runs
    for title, keys in Evaluator.PANELS:
        assert set(keys) <= measured, title
