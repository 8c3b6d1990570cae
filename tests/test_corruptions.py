"""Test that each family of corruptions does to tokens what it says, on words, characters and bytes."""

import collections
import itertools

import numpy as np
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.probing.changes import Known
from seqgan_gp.probing.corruptions import FAMILIES, Corruption, corrupt, corrupt_all
from seqgan_gp.probing.minimal_pairs import classes
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.tokenizer import Tokenizer
from seqgan_gp.text.words import words

CORPORA = {"words": ("text", "word", 17), "genes": ("dna", "character", 47), "bytes": ("text", "bpe", 31)}


@pytest.fixture(scope="module", params=CORPORA)
def corpus(request):
    grammar, kind, length = CORPORA[request.param]
    sentences = list(itertools.islice(Grammar.load(grammar).sentences(5), 90))
    return sentences, Tokenizer.train(kind, sentences, 400), length


@pytest.fixture(scope="module")
def text():
    sentences = list(itertools.islice(Grammar.load("text").sentences(5), 400))
    return sentences, Tokenizer.train("word", sentences, 400), 17


def tokens(tokenizer, sentence, length):
    ids = tokenizer.encode([sentence], length).ids[0].tolist()
    return ids[: ids.index(tokenizer.end)]


def without(ids, place):
    return ids[:place] + ids[place + 1 :]


def changed_places(one, other):
    return [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


def is_swap(one, other):
    places = changed_places(one, other)
    return len(places) == 2 and [other[i] for i in places] == [one[i] for i in reversed(places)]


def is_replacement(one, other):
    return len(one) == len(other) and len(changed_places(one, other)) == 1


def is_repeat(one, other):
    return any(other == one[: i + 1] + one[i:] for i in range(len(one)))


RULES = {
    "shuffle": lambda one, other: sorted(one) == sorted(other),
    "swap neighbours": lambda one, other: is_swap(one, other) and np.ptp(changed_places(one, other)) == 1,
    "swap distant": lambda one, other: is_swap(one, other) and np.ptp(changed_places(one, other)) >= 3,
    "drop": lambda one, other: other in [without(one, i) for i in range(len(one))],
    "repeat": is_repeat,
    "insert": lambda one, other: one in [without(other, i) for i in range(len(other))],
    "frequent word": is_replacement,
    "rare word": is_replacement,
    "truncation": lambda one, other: 0 < len(other) < len(one) and one[: len(other)] == other,
}


@pytest.mark.parametrize("family", RULES)
def test_each_family_does_what_it_says(corpus, family):
    sentences, tokenizer, length = corpus
    pairs = corrupt(sentences, family, tokenizer, length, seed=3)
    assert len(pairs) > 60 and [p.row for p in pairs] == sorted({p.row for p in pairs})
    for pair in pairs:
        one, other = (tokens(tokenizer, s, length) for s in (pair.real, pair.changed))
        assert pair.real == sentences[pair.row] and pair.family == family and one != other
        assert RULES[family](one, other), (pair.real, pair.changed)
        assert one[: pair.place] == other[: pair.place] and one[pair.place :][:1] != other[pair.place :][:1]
        assert pair.length == len(one) and tokenizer.unknown not in other
        assert pair.given is None and pair.changed_given is None and pair.proof is None


def test_the_changes_are_made_everywhere(text):
    sentences, tokenizer, length = text
    for family in ("drop", "insert", "swap neighbours", "frequent word", "truncation", "repeat"):
        ends = [(p.place, p.length) for p in corrupt(sentences, family, tokenizer, length, seed=3)]
        assert min(place for place, _ in ends) <= 1
        assert sum(place >= size - 2 for place, size in ends) > 20


def test_frequent_words_are_half_of_the_text_and_rare_ones_its_tail(text):
    sentences, tokenizer, length = text
    counts = collections.Counter(i for s in sentences for i in tokens(tokenizer, s, length))
    total, ordered = counts.total(), [token for token, _ in counts.most_common()]

    def put(family):
        pairs = corrupt(sentences, family, tokenizer, length, seed=3)
        return {tokens(tokenizer, p.changed, length)[p.place] for p in pairs}

    frequent, rare = put("frequent word"), put("rare word")
    least = min(counts[i] for i in frequent)
    assert sum(n for n in counts.values() if n > least) / total < 0.5 and ordered[0] in frequent
    assert max(counts[i] for i in rare) < least
    assert sum(counts[i] for i in rare) / total <= 0.05


def test_the_frequencies_have_bounds_that_can_be_counted():
    known = Known(np.array([9, 4, 7, 5]), np.array([0.4, 0.3, 0.26, 0.04]))
    assert known.frequent.tolist() == [9, 4] and known.rare.tolist() == [5]
    letters = Known(np.array([3, 4]), np.array([0.5, 0.5]))
    assert letters.frequent.tolist() == [3] and letters.rare.tolist() == [4]


def test_insertions_have_the_frequencies_of_the_text():
    sentences = ["a b", "a a", "a a a", "a a a a a"] * 60
    tokenizer = Tokenizer.train("word", sentences, 20)
    pairs = corrupt(sentences, "insert", tokenizer, 9, seed=3)
    more = [pair.changed.count("b") > pair.real.count("b") for pair in pairs]
    assert 0.03 < np.mean(more) < 0.16  # 1 in 12 tokens


def test_a_word_of_the_same_class_keeps_a_sentence_in_the_grammar(text):
    sentences, tokenizer, length = text
    grammar = Grammar.load("text")
    pairs = corrupt(sentences, "same class", tokenizer, length, seed=3, classes=classes(grammar))
    assert len(pairs) > 380
    assert np.isfinite(grammar.log_probability([p.changed for p in pairs])).all()
    assert all(is_replacement(*(tokens(tokenizer, s, length) for s in (p.real, p.changed))) for p in pairs)
    other = corrupt(sentences, "same class", tokenizer, length, seed=3, classes=[["dog", "cat"]])
    assert other and all({words(p.real)[p.place], words(p.changed)[p.place]} == {"dog", "cat"} for p in other)


def test_a_wrong_condition_leaves_the_sentence_as_it_is():
    sentences, given = ["a b", "b a", "a a", "b b"], ["x", "y", "x", "x"]
    tokenizer = Tokenizer.train("word", sentences, 20)
    pairs = corrupt(sentences, "wrong condition", tokenizer, 5, seed=3, given=given)
    assert [(p.given, p.changed_given) for p in pairs if p.row == 1] == [("y", "x")]
    assert all(p.real == p.changed and p.given == given[p.row] != p.changed_given and p.place == -1 for p in pairs)
    kept = corrupt(sentences, "drop", tokenizer, 5, seed=3, given=given)
    assert [(p.given, p.changed_given) for p in kept] == [(g, g) for g in given]


def test_the_same_seed_gives_the_same_pairs_whatever_else_is_made(text):
    sentences, tokenizer, length = text
    pairs = corrupt_all(sentences, tokenizer, length, seed=3)
    assert {p.family for p in pairs} == RULES.keys()
    for family in RULES:
        alone = corrupt(sentences, family, tokenizer, length, seed=3)
        assert [p for p in pairs if p.family == family] == alone
        assert alone != corrupt(sentences, family, tokenizer, length, seed=4)
    some = corrupt(sentences, "drop", tokenizer, length, seed=3, most=50)
    assert len(some) == 50 and max(p.row for p in some) > 200
    all_of_them = corrupt_all(sentences, tokenizer, length, given=["x", "y"] * 200, classes=[["dog", "cat"]], most=40)
    assert {p.family for p in all_of_them} >= FAMILIES.keys() - {"same class"}


def test_sentences_that_are_too_long_or_unknown_give_no_pair_and_none_grows_too_long():
    sentences = ["a b c d", "a b c", "a b", "z a", "", "b a c", "c c"]
    tokenizer = Tokenizer.train("word", sentences[:3], 20)
    assert tokenizer.fits(sentences, 3).tolist() == [False, True, True, True, True, True, True]
    assert {p.row for p in corrupt(sentences, "swap neighbours", tokenizer, 4, seed=3)} == {1, 2, 5}
    assert {p.row for p in corrupt(sentences, "repeat", tokenizer, 4, seed=3)} == {2, 6}  # the others are full


def test_a_family_of_ones_own_is_one_function_and_one_line(text, monkeypatch):
    sentences, tokenizer, length = text
    monkeypatch.setitem(FAMILIES, "backwards", Corruption(lambda ids, known, rng: ids[::-1]))
    sentences = ["the dog sees the cat", "the cat sleeps"]
    assert [p.changed for p in corrupt(sentences, "backwards", tokenizer, length)] == [
        "cat the sees dog the",
        "sleeps cat the",
    ]


@pytest.mark.parametrize(
    "sentences, options, complaint",
    [
        (["a b", "b a"], {"family": "drpo"}, "'drpo'; did you mean drop"),
        (["a b", "b a"], {"family": "wrong condition"}, "needs given"),
        (["a b", "b a"], {"family": "same class"}, "needs classes"),
        (["a b", "b a"], {"family": "swap distant"}, "change none of the 2 sentences"),
        (["a", "b"], {"family": "drop"}, "change none"),
        (["a b"], {"family": "drop"}, "1 of 1 sentences have 1 to 4 tokens"),
        ([], {"family": "drop"}, "0 of 0 sentences"),
        (["a b a b a", "b a"], {"family": "drop"}, "1 of 2 sentences"),
        (["a q", "b q"], {"family": "drop"}, "0 of 2 sentences"),
        (["a b", "b a"], {"family": "drop", "given": ["x"]}, "1 conditions are given for 2 sentences"),
        (["a b", 3], {"family": "drop"}, "item 1 is 3"),
    ],
)
def test_what_cannot_be_corrupted_is_one_line(sentences, options, complaint):
    tokenizer = Tokenizer.train("word", ["a b"], 20)
    with pytest.raises(UserError, match=complaint) as error:
        corrupt(sentences, tokenizer=tokenizer, length=5, **options)
    assert "\n" not in str(error.value)
