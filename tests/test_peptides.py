"""Test the languages of peptides and passwords against regular expressions and sums."""

import itertools
import re

import numpy as np
import pytest

from seqgan_gp.text.grammar import Grammar

HYDROPHOBIC, NEUTRAL, BASIC, LOOP = "[LIVFAW]", "[QSNTH]", "[KR]", "[PNTD]"
EVEN = f"{HYDROPHOBIC}{NEUTRAL}{NEUTRAL}{HYDROPHOBIC}"
PLUS = f"{HYDROPHOBIC}(?:{BASIC}{NEUTRAL}|{NEUTRAL}{BASIC}){HYDROPHOBIC}"
BRIDGE = (  # an acid, and a base four residues later
    f"{HYDROPHOBIC}[DE]{BASIC}{HYDROPHOBIC}{{2}}{BASIC}{NEUTRAL}{HYDROPHOBIC}"
    f"|{HYDROPHOBIC}{BASIC}[DE]{HYDROPHOBIC}{{2}}{NEUTRAL}{BASIC}{HYDROPHOBIC}"
)
PEPTIDE = re.compile(
    f"M{BASIC}{{1,2}}{HYDROPHOBIC}{{5,7}}[ASG][QHY]A"
    f"(?P<helix>(?:{PLUS}{EVEN}|{EVEN}{PLUS}|{BRIDGE}){HYDROPHOBIC}{BASIC}{HYDROPHOBIC}"
    f"(?:{PLUS}(?:{HYDROPHOBIC}(?:{BASIC}{NEUTRAL}|{NEUTRAL}{BASIC}))?)?)"
    f"(?:{LOOP}{{1,2}}|C{LOOP}{{3}}C)GKR"
)
WORD = "[A-Z]?[a-z0134@$5]{3,6}"
PASSWORD = re.compile(rf"\d\d{WORD}|{WORD}([_.-]?{WORD}(\d\d)?|[!*?#]?\d{{1,4}}[!*?#]?)")


def take(name, number, seed=0):
    return list(itertools.islice(Grammar.load(name).sentences(seed), number))


def test_peptides_keep_the_rules_of_the_card():
    peptides = take("peptides", 2000)
    found = [PEPTIDE.fullmatch(peptide) for peptide in peptides]
    assert all(found) and len(set(peptides)) == 2000 and set("".join(peptides)) == set("ACDEFGHIKLMNPQRSTVWY")
    helices = [match["helix"] for match in found]
    charges = [sum(helix.count(c) for c in "KR") - sum(helix.count(c) for c in "DE") for helix in helices]
    assert set(zip(map(len, helices), charges, strict=True)) == {(11, 2), (15, 3), (18, 4)}
    assert (min(map(len, peptides)), max(map(len, peptides))) == (25, 39)


def test_the_grammar_of_peptides_refuses_what_the_expression_refuses():
    rng = np.random.default_rng(3)
    mutants = []
    for peptide in take("peptides", 40, seed=2):
        place, letter = int(rng.integers(len(peptide))), str(rng.choice([*"ACDEFGHIKLMNPQRSTVWY"]))
        mutants += [peptide[:place] + letter + peptide[place + 1 :], peptide[:place] + peptide[place + 1 :]]
    known = np.isfinite(Grammar.load("peptides").log_probability(mutants))
    assert known.tolist() == [bool(PEPTIDE.fullmatch(mutant)) for mutant in mutants]
    assert 0 < known.mean() < 0.9


def test_passwords_keep_the_rules_of_the_card():
    passwords = take("passwords", 3000)
    assert [password for password in passwords if not PASSWORD.fullmatch(password)] == []
    assert (min(map(len, passwords)), max(map(len, passwords))) == (6, 14)
    assert 0.9 < len(set(passwords)) / 3000 < 0.99  # some are frequent, as real ones are


@pytest.mark.parametrize("name, nats", [("peptides", 40.64), ("passwords", 13.19)])
def test_the_entropies_are_those_of_the_cards(name, nats):
    grammar = Grammar.load(name)
    assert grammar.expected_usage @ -np.log(list(grammar.probability.values())) == pytest.approx(nats, abs=0.01)
