"""Test the labels of probes on sentences whose properties a reader can see."""

import itertools

import numpy as np
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.probing.labels import binned, first_difference, frequent
from seqgan_gp.probing.properties import Property, of_any, of_grammar, select, sift
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.tokenizer import Tokenizer

LENGTH = 17
# Number agrees over an adjective, and `the` has both numbers.
TOY = """
Sentence -> Claim Stop [0.6] | Time Claim Stop [0.4]
Claim -> SubjectOne DoesOne [0.5] | SubjectMany DoMany [0.5]
SubjectOne -> TheOne DogOne [0.7] | TheOne Adjective DogOne [0.3]
SubjectMany -> TheMany DogMany [0.7] | TheMany Adjective DogMany [0.3]
DoesOne -> RunOne [0.7] | SeeOne Object [0.3]
DoMany -> RunMany [0.7] | SeeMany Object [0.3]
Object -> Name [0.6] | Name 'and' Name [0.4]
TheOne -> 'the' [0.5] | 'a' [0.5]
TheMany -> 'the' [0.5] | 'two' [0.5]
Adjective -> 'big' [0.5] | 'red' [0.5]
DogOne -> 'dog' [0.5] | 'cat' [0.5]
DogMany -> 'dogs' [0.5] | 'cats' [0.5]
RunOne -> 'runs' [1.0]
RunMany -> 'run' [1.0]
SeeOne -> 'sees' [1.0]
SeeMany -> 'see' [1.0]
Name -> 'anna' [0.5] | 'tom' [0.5]
Time -> 'today' [1.0]
Stop -> '.' [1.0]
"""
CLAIM, ONE, MANY = "Claim -> SubjectOne DoesOne | ...", "SubjectOne DoesOne", "SubjectMany DoMany"


@pytest.fixture(scope="module")
def text() -> Grammar:
    return Grammar.load("text")


@pytest.fixture(scope="module")
def sentences(text) -> list[str]:
    return list(itertools.islice(text.sentences(3), 400))


def tokenizer(sentences, kind="word"):
    return Tokenizer.train(kind, sentences, 400)


@pytest.fixture(scope="module")
def known(sentences):
    """The properties of any text, by name."""
    return {p.name: p for p in of_any(sentences, tokenizer(sentences), LENGTH, seed=2)}


def parsed(*made, kind="word"):
    """The properties of some sentences and of others of the toy, by name."""
    grammar = Grammar(TOY)
    sentences = [*made, *itertools.islice(grammar.sentences(5), 400)]
    found = of_grammar(grammar, sentences, tokenizer(sentences, kind), 40)
    return {p.name: p for p in found}


def value(p, row, *place):
    label = p.labels[(row, *place)]
    return None if label < 0 else p.classes[label]


def words(sentence):
    return sentence.replace(",", " ,").replace(".", " .").split()


def test_the_length_counts_tokens_and_the_end_and_its_bins_are_about_even(known, sentences):
    p = known["length"]
    for row, sentence in enumerate(sentences):
        low, _, high = value(p, row).partition("-")
        assert int(low) <= len(words(sentence)) + 1 <= int(high or low)
    assert np.bincount(p.labels).min() > 60


def test_words_are_those_of_the_sentence(known, sentences):
    first, content = known["first word"], known["word content"]
    for row, sentence in enumerate(sentences):
        assert value(first, row) in (words(sentence)[0], None)
        here = [word for word in content.classes if word in words(sentence)]
        assert value(content, row) == (here[0] if len(here) == 1 else None)
    assert all(20 <= sum(word in words(s) for s in sentences) <= 80 for word in content.classes)


@pytest.mark.parametrize("name", ["shuffled", "halves"])
def test_half_of_the_sentences_are_changed_and_none_stands_there_twice(known, sentences, name):
    p = known[name]
    assert abs(np.bincount(p.labels)[0] - np.bincount(p.labels)[1]) <= 1
    bags = sorted(" ".join(sorted(words(s))) for s in sentences)
    assert sorted(" ".join(sorted(words(s))) for s in p.sentences) == bags
    for sentence, label in zip(p.sentences, p.labels, strict=True):
        assert (sentence in sentences) == (label == 0) and sentence.endswith(".")
    # None begins with a comma, which would be an unknown token there and tell that words are shuffled.
    assert tokenizer(sentences).encode(p.sentences, LENGTH).unknowns == 0
    if name == "halves":
        body = words(p.sentences[1])[:-1]
        middle = len(body) - len(body) // 2
        assert " ".join([*body[middle:], *body[:middle], "."]).replace(" ,", ",").replace(" .", ".") in sentences


def test_sentences_that_cannot_be_changed_are_left_out():
    sentences = ["no no no.", "go.", "", "a , .", *(f"word {i} stands here." for i in range(50))]
    for p in of_any(sentences, tokenizer(sentences), LENGTH):
        if p.name in ("shuffled", "halves"):
            assert len(p.sentences) == 50 and not set(p.sentences) & set(sentences[:4])


def test_neighbours_of_tokens_are_those_of_the_sentence(known, sentences):
    for name, step in (("previous token", -1), ("next token", 1)):
        p, seen = known[name], 0
        for row, sentence in enumerate(sentences):
            parts = words(sentence)
            for place in range(LENGTH):
                found = value(p, row, place)
                if found is not None:
                    seen += 1
                    assert place < len(parts) and place + step >= 0 and found.lstrip("▁") == parts[place + step]
        assert seen > 400


def test_conditions_stay_with_their_sentences(sentences):
    given = [" ".join(sorted(words(s))) for s in sentences]
    for p in of_any(sentences, tokenizer(sentences), LENGTH, given=given):
        assert list(p.given) == [" ".join(sorted(words(s))) for s in p.sentences]


def test_the_same_seed_gives_the_same_properties(sentences):
    make = {seed: of_any(sentences, tokenizer(sentences), LENGTH, seed) for seed in (1, 2)}
    again = of_any(sentences, tokenizer(sentences), LENGTH, 1)
    assert all(list(a.sentences) == list(b.sentences) for a, b in zip(make[1], again, strict=True))
    assert all((a.labels == b.labels).all() for a, b in zip(make[1], again, strict=True))
    assert list(make[1][3].sentences) != list(make[2][3].sentences)


def test_the_parse_of_a_sentence_gives_its_labels():
    made = {
        "the dog runs.": ("claim", ONE, "no", "4"),
        "the dogs run.": ("claim", MANY, "no", "4"),
        "the dogs see anna.": ("claim", MANY, "yes", "5"),
        "today a big dog sees tom and anna.": ("time", ONE, "yes", "5"),
        "the dogs runs.": (None,) * 4,  # not in the language
    }
    known = parsed(*made)
    for row, labels in enumerate(made.values()):
        assert tuple(value(known[name], row) for name in ("sentence type", CLAIM, "has Object", "depth")) == labels


def test_a_fact_is_not_told_twice():
    facts = [name for name in parsed() if "->" in name or name.startswith("has")]
    assert facts == [CLAIM, "has Object", f"{CLAIM}, at shared words"]  # SubjectOne is there if CLAIM says so


def test_tokens_have_the_class_of_their_word_in_its_place():
    known = parsed("the big dog runs.", "the big dogs run.", "today a cat sees anna and tom.")

    def row(name, number, places):
        return [value(known[name], number, place) for place in range(places)]

    assert row("word class", 0, 6) == ["TheOne", None, "DogOne", "RunOne", "Stop", None]  # adjectives are too rare
    assert row("word class", 1, 3) == ["TheMany", None, "DogMany"]
    assert row("class of ambiguous words", 0, 6) == ["TheOne"] + [None] * 5
    assert row("class of ambiguous words", 1, 6) == ["TheMany"] + [None] * 5
    shared = f"{CLAIM}, at shared words"
    assert row(shared, 0, 6) == [ONE, ONE, None, None, None, None]
    assert row(shared, 1, 6) == [MANY, MANY, None, None, None, None]
    assert row(shared, 2, 9) == [None, None, None, None, ONE, ONE, ONE, None, None]  # not `today`, `a`, `cat`, `sees`


def test_letters_have_the_class_of_their_word():
    p = parsed("today the dog runs.", kind="character")["word class"]
    kinds = [["Time"] * 5, ["TheOne"] * 3, ["DogOne"] * 3, ["RunOne"] * 4]
    letters = [*kinds[0], None, *kinds[1], None, *kinds[2], None, *kinds[3], "Stop", *[None] * 21]
    assert [value(p, 0, place) for place in range(40)] == [x if x in p.classes else None for x in letters]
    assert {"Time", "DogOne", "RunOne"} <= set(p.classes)


def test_shared_words_tell_nothing_of_the_production():
    p = parsed()[f"{CLAIM}, at shared words"]
    chosen = p.labels >= 0
    assert len(np.unique(p.types[chosen])) == 6  # the, big, red, anna, tom, and
    for kind in np.unique(p.types[chosen]):
        assert 0.3 < p.labels[chosen & (p.types == kind)].mean() < 0.7


def test_features_in_the_name_of_an_opening_are_properties_of_answers():
    one, many = "number-one/verb-see", "number-many/verb-run"
    grammar = Grammar(
        f"Pair -> Ask/{one} '|' Say/{one} [0.5] | Ask/{many} '|' Say/{many} [0.5]\n"
        f"Ask/{one} -> 'who' 'sees' [1.0]\nAsk/{many} -> 'who' 'run' [1.0]\n"
        f"Say/{one} -> 'i' 'see' It [1.0]\nSay/{many} -> 'we' 'run' [0.5] | 'we' 'run' 'to' It [0.5]\n"
        "It -> 'it' [0.5] | 'him' [0.5]"
    )
    records = list(itertools.islice(grammar.records(4), 100))
    answers, contexts = [r["text"] for r in records], [r["context"] for r in records]
    known = {p.name: p for p in of_grammar(grammar, answers, tokenizer(answers), 6, contexts)}
    for name, of_i, of_we in (("number", "one", "many"), ("verb", "see", "run")):
        found = [value(known[name], row) for row in range(100)]
        assert found == [of_we if answer.startswith("we") else of_i for answer in answers]
    assert known["number"].given == contexts


def test_a_recursive_grammar_has_neither_types_nor_agreement():
    grammar = Grammar("S -> A S B [0.3] | A B [0.7]\nA -> 'x' [0.5] | 'y' 'x' [0.5]\nB -> 'z' [1.0]")
    sentences = list(itertools.islice(grammar.sentences(1), 300))
    names = [p.name for p in of_grammar(grammar, sentences, tokenizer(sentences), LENGTH)]
    assert "sentence type" not in names and "depth" in names and not any("shared" in name for name in names)


def test_genes_are_probed_by_letters():
    dna = Grammar.load("dna")
    genes = list(itertools.islice(dna.sentences(2), 200))
    letters = tokenizer(genes, "character")
    good, notes = sift([*of_any(genes, letters, 46), *of_grammar(dna, genes, letters, 46)])
    assert {"length", "shuffled", "sentence type", "word class", "previous token"} <= {p.name for p in good}
    assert any("first word: all sentences share 'A'" in note for note in notes)
    starts = next(p for p in good if p.name == "word class")
    assert [value(starts, 0, place) for place in range(3)] == ["Start"] * 3
    control = first_difference(genes)
    assert len(np.unique(control)) == 4  # the fourth letter, since all genes begin with ATG
    assert len({(gene[3], number) for gene, number in zip(genes, control, strict=True)}) == 4


def test_bins_are_even_and_keep_ties_together():
    labels, names = binned(np.array([5, 1, 2, 3, 4, 6]))
    assert labels.tolist() == [2, 0, 0, 1, 1, 2] and names == ("1-2", "3-4", "5-6")
    labels, names = binned(np.array([7] * 9 + [8]))
    assert labels.tolist() == [0] * 9 + [1] and names == ("7", "8")


def test_rare_values_have_no_label():
    labels, names = frequent(["a"] * 30 + ["b"] * 20 + ["c"] * 10 + ["d"] * 9 + [None] * 50, 3)
    assert names == ("a", "b", "c") and np.bincount(labels + 1).tolist() == [59, 30, 20, 10]


SIXTY = [f"sentence number {i}" for i in range(60)]


@pytest.mark.parametrize(
    "labels, complaint",
    [
        ([1] * 60, "mine: all sentences share 'odd': give sentences that differ, or leave it out"),
        ([1] * 57 + [0] * 3, "mine: all but 3 of the sentences share 'odd'"),
        ([0, 1] * 15 + [-1] * 30, "mine: 30 sentences have a label, and 40 different ones are needed: give more"),
    ],
)
def test_a_property_that_no_probe_can_learn_says_so(labels, complaint):
    bad = Property("mine", SIXTY, np.array(labels), ("even", "odd"))
    good = Property("good", SIXTY, np.arange(60) % 2, ("even", "odd"))
    assert bad.fault is not None and complaint in bad.fault and good.fault is None
    assert sift([bad, good]) == ([good], [bad.fault])
    assert select([bad, good], ["good"]) == [good]
    with pytest.raises(UserError) as error:
        select([bad, good], ["good", "mine"])
    assert str(error.value) == bad.fault


def test_the_same_sentence_many_times_is_one_sentence():
    assert "1 sentences" in Property("mine", ["the same"] * 60, np.arange(60) % 2, ("even", "odd")).fault


def test_an_unknown_name_is_one_line_with_those_that_there_are(known):
    with pytest.raises(UserError, match="no property 'colour', there are: length, word content"):
        select(known.values(), ["length", "colour"])


@pytest.mark.parametrize(
    "labels, options, complaint",
    [
        (np.arange(59) % 2, {}, "59.* for 60 sentences"),
        (np.arange(60) / 2, {}, "whole numbers"),
        (np.arange(60), {}, "from -1 .* to 1"),
        (np.zeros((60, 4), int), {}, "need the types of the tokens"),
        (np.zeros(60, int), {"types": np.zeros(59, int)}, "types of shape"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(labels, options, complaint):
    with pytest.raises(UserError, match=f"mine: .*{complaint}"):
        Property("mine", SIXTY, labels, ("even", "odd"), **options)


def test_text_of_another_language_has_no_parse(text):
    with pytest.raises(UserError, match="none of the sentences is in the language of the grammar"):
        of_grammar(text, SIXTY, tokenizer(SIXTY), LENGTH)


def test_without_sentences_no_property_can_be_learned():
    good, notes = sift(of_any([], tokenizer(SIXTY), LENGTH))
    assert not good and len(notes) == 7
