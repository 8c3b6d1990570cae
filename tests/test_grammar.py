"""Test the grammar against nltk's parser, exact sums, and its own samples."""

import itertools
import math
import random
from collections import Counter

import nltk
import numpy as np
import pytest

from seqgan_gp import shipped
from seqgan_gp.errors import UserError
from seqgan_gp.text.grammar import Grammar, notation
from seqgan_gp.text.words import words


@pytest.fixture(scope="module")
def text() -> Grammar:
    return Grammar.load("text")


def take(grammar, number, seed=0):
    return list(itertools.islice(grammar.sentences(seed), number))


def test_the_shipped_grammar_is_of_the_size_it_promises(text):
    assert 150 <= len(text.vocabulary) <= 300
    assert text.max_length == 15  # and an end token


def test_it_samples_the_same_for_the_same_seed_and_only_its_own_language(text):
    sentences = take(text, 500)
    assert sentences == take(text, 500) != take(text, 500, seed=1)
    assert max(len(words(s)) for s in sentences) <= text.max_length
    assert np.isfinite(text.log_probability(sentences)).all()
    assert len(set(sentences)) > 480


def of_nltk():
    """The grammar text, as nltk alone reads it."""
    lines = (shipped.folder("data") / "text.pcfg").read_text().splitlines()
    return nltk.PCFG.fromstring("\n".join(line for line in lines if not line.startswith("%contrast")))


def test_probabilities_are_those_of_nltk(text):
    parser = nltk.InsideChartParser(of_nltk())
    for sentence in take(text, 25):
        exact = math.log(sum(tree.prob() for tree in parser.parse(words(sentence))))
        assert text.log_probability([sentence])[0] == pytest.approx(exact, rel=1e-3)  # the file rounds to 4 digits


@pytest.mark.parametrize(
    "wrong",
    [
        "the dogs sleeps.",  # number
        "the dog sleep.",
        "a dogs sleep.",
        "the dog sleeps the cat.",  # intransitive
        "the dog sees.",  # transitive
        "dog the sleeps.",  # order
        "the dog sleeps",  # no full stop
        "the dog sleeps. .",
        "the unicorn sleeps.",  # vocabulary
        "",
    ],
)
def test_what_is_not_in_the_language(text, wrong):
    assert text.log_probability([wrong])[0] == -math.inf


def test_probabilities_sum_over_all_parses_and_to_one():
    # The number of parses of a^n is a Catalan number; each has probability 0.3^(n-1) 0.7^n.
    grammar = Grammar("S -> S S [0.3] | 'a' [0.7]")
    assert grammar.max_length == math.inf
    exact = [math.comb(2 * n, n) / (n + 1) * 0.3**n * 0.7 ** (n + 1) for n in range(12)]
    ours = np.exp(grammar.log_probability([" ".join("a" * (n + 1)) for n in range(12)]))
    np.testing.assert_allclose(ours, exact, rtol=1e-12)
    assert 0.99 < ours.sum() < 1


def test_samples_have_the_frequencies_of_their_probabilities():
    grammar = Grammar("S -> A B [0.5] | A [0.5]\nA -> 'x' [0.2] | 'y' [0.8]\nB -> 'z' [1.0]")
    counts = Counter(take(grammar, 20_000))
    assert len(counts) == 4
    for sentence, count in counts.items():
        assert count / 20_000 == pytest.approx(math.exp(grammar.log_probability([sentence])[0]), abs=0.015)


class Chance(random.Random):
    """Gives the numbers that it is told."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = iter(numbers)

    def random(self):
        return next(self.numbers)


@pytest.mark.parametrize("share", [0.3305, 0.333, 0.3355])
def test_probabilities_that_are_rounded_are_made_to_add_up(share):
    # nltk takes sums from 0.99 to 1.01.
    grammar = Grammar(f"S -> 'a' [{share}] | 'b' [{share}] | 'c' [{share}]")
    assert np.exp(grammar.log_probability(["a", "b", "c"])).tolist() == pytest.approx([1 / 3] * 3, rel=1e-12)
    assert grammar.expected_usage.tolist() == pytest.approx([1 / 3] * 3, rel=1e-12)
    # Evenly spread numbers between 0 and 1 choose each of them equally often.
    chance = Chance((np.arange(3000) + 0.5) / 3000)
    assert Counter(grammar.sample(chance)[0] for _ in range(3000)) == {"a": 1000, "b": 1000, "c": 1000}


def test_the_last_production_is_drawn_where_probabilities_add_up_to_less_than_1():
    for number in range(2, 40):  # ten times 1/10 are a little less than 1
        words = [f"w{i}" for i in range(number)]
        grammar = Grammar("S -> W [1]\nW -> " + " | ".join(f"'{word}' [{1 / number!r}]" for word in words))
        assert grammar.sample(Chance(np.array([0.5, np.nextafter(1, 0)]))) == words[-1:]


def test_a_sampled_sentence_of_a_recursive_grammar_ends():
    grammar = Grammar("S -> S S [0.45] | 'a' [0.55]")
    assert len(grammar.sample(random.Random(3))) >= 1


@pytest.mark.parametrize(
    "source, complaint",
    [
        ("S -> 'a' [0.5]", "do not sum to 1"),
        ("S -> A [1.0]", "no production for it"),
        ("S -> [1.0]", "empty production"),
        ("nonsense", "not a probabilistic grammar: line 1"),
        ("S -> 'a' [1.0]\n\nA = 'b' [1.0]", "line 3"),
        ("S -> 'a [1.0]", "line 1.*expected at 'a"),
        ("S -> 'a' [1.5]", "above 1"),
        ("S -> 'a' [1.0.0]", "line 1"),
        ("# nothing", "no productions"),
        ("%start Q\nS -> 'a' [1.0]", "Q but has no production"),
        ("%begin S\nS -> 'a' [1.0]", "line 1"),
        ("S -> 'two words' [1.0]", "'two' 'words'"),
    ],
)
def test_bad_grammars_say_what_is_wrong(tmp_path, source, complaint):
    path = tmp_path / "bad.pcfg"
    path.write_text(source)
    with pytest.raises(UserError, match=complaint) as error:
        Grammar.load(path)
    assert "bad.pcfg" in str(error.value) and "\n" not in str(error.value)


def read_by_nltk(source):
    """The start symbol and the productions, or None where nltk takes a source for no grammar."""
    try:
        grammar = nltk.PCFG.fromstring(source)
    except ValueError:
        return None
    if not all(p.rhs() for p in grammar.productions()):
        return None
    productions = [
        (str(p.lhs()), [s if isinstance(s, str) else (str(s),) for s in p.rhs()], p.prob())
        for p in grammar.productions()
    ]
    return str(grammar.start()), productions


def read_here(source):
    try:
        start, productions = notation.read(source)
    except UserError as error:
        assert "\n" not in str(error)
        return None
    return str(start), [(str(left), list(right), probability) for left, right, probability in productions]


def test_the_notation_is_that_of_nltk():
    sources = [
        "S ->A \"it's\" [1.0]\nA -> '\"' [.5]|B/x-1 [0.50]  \n  B/x-1 -> '|' [1]",
        "S -> A \\\n  'b' [1.0]\n# a note\n%start A\nA -> 'c' [0.3] [0.4] | 'd' \\\n [0.6]",
        "S -> 'a''b'A^x<y>[1.0]\nA^x<y> -> 'é' [1.0]",
        *[(shipped.folder("data") / f"{name}.pcfg").read_text() for name in ("passwords", "dialogue")],
    ]
    sources = ["\n".join(line for line in source.splitlines() if line[:2] not in ("%j", "%c")) for source in sources]
    for source in sources:
        assert read_here(source) == read_by_nltk(source) is not None
    rng, accepted = random.Random(9), 0
    for _ in range(1500):  # slips of the pen
        source = rng.choice(sources[:3])
        for _ in range(rng.randint(1, 2)):
            place = rng.randrange(len(source))
            source = source[:place] + rng.choice(["", *"[].|'\" \\->1Aé%#\n"]) + source[place + rng.randint(0, 1) :]
        found = read_here(source)
        assert found == read_by_nltk(source), source
        accepted += found is not None
    assert 200 < accepted < 1200


def test_a_circle_of_unit_productions_is_refused_and_does_not_hang():
    with pytest.raises(UserError, match="circle"):
        Grammar("S -> A [0.5] | 'a' [0.5]\nA -> S [1.0]")


def test_a_production_that_stands_twice_counts_twice():
    grammar = Grammar("S -> A 'x' [1.0]\nA -> 'a' [0.25] | 'a' [0.25] | 'b' [0.5]")
    assert np.exp(grammar.log_probability(["a x", "b x"])).tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("source", ["S -> S S [0.9] | 'a' [0.1]", "S -> S 'a' [1.0]"])
def test_a_grammar_whose_sentences_never_end_is_refused(source):
    with pytest.raises(UserError, match="recursion"):
        take(Grammar(source), 20)


def test_a_grammar_may_be_a_file_of_windows(tmp_path):
    (tmp_path / "g.pcfg").write_bytes("\ufeffS -> 'a' [0.25] | 'b' [0.75]\r\n".encode())
    assert np.exp(Grammar.load(tmp_path / "g.pcfg").log_probability(["a", "b"])).tolist() == pytest.approx([0.25, 0.75])


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(UserError, match="text"):
        Grammar.load("txet")


def test_usage_of_productions_is_that_of_the_parses():
    # Each sentence of the embedded grammar has one parse: its log-probability is the sum over the productions used.
    grammar = Grammar.load("text")
    sentences = list(itertools.islice(grammar.sentences(0), 200))
    log_probability, usage = grammar.parse([*sentences, "not in the language"])
    per_production = np.log(list(grammar.probability.values()))
    np.testing.assert_allclose(usage[:-1] @ per_production, log_probability[:-1], rtol=1e-6)
    assert not usage[-1].any() and log_probability[-1] == -np.inf


def test_usage_of_an_ambiguous_sentence_is_the_expectation_over_its_parses():
    grammar = Grammar("S -> S S [0.4] | A [0.3] | B [0.3]\nA -> 'a' [1.0]\nB -> 'a' [0.5] | 'b' [0.5]")
    usage = grammar.parse(["a a a b"])[1][0]
    named = {
        f"{left} -> {' '.join(map(str, right))}": u for (left, right), u in zip(grammar.probability, usage, strict=True)
    }
    # Three joins whatever the shape; an 'a' comes from A twice as often as from B (0.3 against 0.15), 'b' from B alone.
    expected = {"S -> S S": 3, "S -> A": 2, "S -> B": 2, "A -> a": 2, "B -> a": 1, "B -> b": 1}
    assert named == pytest.approx(expected, rel=1e-6)


def test_expected_usage_is_the_mean_over_sampled_sentences():
    grammar = Grammar("S -> 'a' S [0.4] | S S [0.1] | 'b' [0.5]")
    expected = grammar.expected_usage
    # v = 1 + (0.4 + 0.2) v uses of S: 2.5.
    np.testing.assert_allclose(expected, [1.0, 0.25, 1.25])
    sampled = grammar.parse(itertools.islice(grammar.sentences(0), 4000))[1].mean(axis=0)
    np.testing.assert_allclose(sampled, expected, rtol=0.1)


def test_the_tree_of_a_sentence_is_its_most_probable_parse(text):
    parser = nltk.ViterbiParser(of_nltk())
    sentences = ["these dogs near the house see a young book.", "today, anna and tom sing quietly."]
    for sentence, tree in zip(sentences, text.trees(sentences), strict=True):
        assert tree == nltk.Tree.convert(next(parser.parse(words(sentence))))
    assert text.trees(["the dogs sleeps.", ""]) == [None, None]


def test_of_several_parses_the_tree_is_the_most_probable_one():
    grammar = Grammar("S -> A B [0.6] | B A [0.4]\nA -> 'x' [0.9] | 'y' [0.1]\nB -> 'x' [0.2] | 'y' [0.8]")
    # "x x" is A B by .6 * .9 * .2 and B A by .4 * .2 * .9; "y x" is A B by .6 * .1 * .2 and B A by .4 * .8 * .9.
    assert [[child.label() for child in tree] for tree in grammar.trees(["x x", "y x"])] == [["A", "B"], ["B", "A"]]
    assert grammar.trees(["y x"])[0].leaves() == ["y", "x"]
    inside = Grammar(
        "S -> A 'z' [1.0]\nA -> B [0.3] | C [0.3] | D [0.4]\nB -> 'x' [0.5] | 'y' [0.5]\nC -> 'x' [1.0]\nD -> 'y' [1.0]"
    )
    assert [tree[0][0].label() for tree in inside.trees(["x z", "y z"])] == ["C", "D"]
