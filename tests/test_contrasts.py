"""Test the lines of a grammar that name contrasts of words."""

import itertools

import numpy as np
import pytest

from seqgan_gp import shipped
from seqgan_gp.errors import UserError
from seqgan_gp.text.grammar import Grammar
from seqgan_gp.text.pairs import Pairs

SOURCE = "S -> One Do [0.5] | Many [0.5]\nOne -> 'dog' [0.5] | Pet [0.5]\nPet -> 'cat' [1.0]\nDo -> 'sits' [1.0]\n"
SOURCE += "Many -> 'dogs' 'sit' [1.0]"


def names(grammar):
    return [(c.name, *map(str, c.sides)) for c in grammar.contrasts]


@pytest.mark.parametrize("name", ["text", "types", "dna", "dialogue", "peptides", "passwords"])
def test_contrasts_change_no_sentence_that_a_grammar_draws(name):
    source = (shipped.folder("data") / f"{name}.pcfg").read_text()
    plain = Grammar("\n".join(line for line in source.splitlines() if not line.startswith("%contrast")))
    grammar = Grammar.load(name)
    assert grammar.contrasts and not plain.contrasts
    assert grammar.probability == plain.probability and list(grammar.probability) == list(plain.probability)
    drawn = list(itertools.islice(grammar.sentences(7), 200))
    assert drawn == list(itertools.islice(plain.sentences(7), 200))


def test_a_side_is_a_word_or_a_symbol_that_derives_single_words():
    grammar = Grammar(f"%contrast agreement: One 'dogs'\n{SOURCE}\n  %contrast other thing:  Do   'sit'")
    assert names(grammar) == [("agreement", "One", "dogs"), ("other thing", "Do", "sit")]
    assert grammar.words_of(grammar.contrasts[0].sides[0]) == {"dog": 0.5, "cat": 0.5}
    assert grammar.words_of("dogs") == {"dogs": 1.0}


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("%contrast agreement: One None", "no symbol None"),
        ("%contrast agreement: One 'cow'", "no word 'cow'"),
        ("%contrast agreement: One Many", "Many does not derive single words"),
        ("%contrast agreement: One S", "S does not derive single words"),
        ("%contrast agreement One Do", "no contrast: write %contrast NAME: ONE OTHER"),
        ("%contrast agreement: One", "no contrast"),
        ("%contrast agreement: One Do Pet", "no contrast"),
        ("%contrast : One Do", "no contrast"),
        ("%contrast same: One One", "no contrast"),
        ("%contrasts agreement: One Do", "not a probabilistic grammar"),
    ],
)
def test_a_bad_contrast_is_one_line_that_names_it(tmp_path, line, complaint):
    path = tmp_path / "mine.pcfg"
    path.write_text(f"{line}\n{SOURCE}")
    with pytest.raises(UserError) as error:
        Grammar.load(path)
    assert complaint in str(error.value) and "mine.pcfg" in str(error.value) and "\n" not in str(error.value)


def test_an_error_of_a_later_line_has_its_number():
    with pytest.raises(UserError, match="line 2: nonsense"):
        Grammar("%contrast agreement: One Do\nnonsense")


def test_a_part_of_a_grammar_keeps_the_contrasts_that_it_can_reach():
    grammar = Grammar(f"%contrast a: One Do\n%contrast b: One 'dogs'\n%contrast c: Pet Do\n{SOURCE}")
    one, many = grammar.openings
    assert names(grammar.beginning({one: 1.0})) == [("a", "One", "Do"), ("c", "Pet", "Do")]
    assert names(grammar.beginning({many: 1.0})) == []
    assert names(grammar.beginning({one: 0.5, many: 0.5})) == names(grammar)


def test_the_sides_of_a_grammar_of_pairs_keep_theirs():
    pairs = Pairs(Grammar.load("dialogue"))
    assert ("agreement", "see", "sees") in names(pairs.answers)
    assert np.isfinite(pairs.answers.log_probability(["yes, i see it."])).all()
