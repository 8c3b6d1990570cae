"""Test the language of short genes against a regular expression, and grammars whose words are joined."""

import itertools
import json
import random
import re

import numpy as np
import pytest
from conftest import train

from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.scoring import Real, score
from seqgan_gp.text.grammar import Grammar

GENE = re.compile(r"ATG(?:(?!TAA|TAG|TGA)[ACGT]{3}){3,13}(?:TAA|TAG|TGA)")


@pytest.fixture(scope="module")
def dna() -> Grammar:
    return Grammar.load("dna")


def take(grammar: Grammar, number: int, seed: int = 0) -> list[str]:
    return list(itertools.islice(grammar.sentences(seed), number))


def test_the_grammar_knows_the_rules_of_genes_and_no_others(dna):
    genes = take(dna, 400)
    assert all(map(GENE.fullmatch, genes)) and len(set(genes)) == 400
    assert {len(g) for g in take(dna, 2000)} == set(range(15, 46, 3))
    assert dna.vocabulary == {"".join(letters) for letters in itertools.product("ACGT", repeat=3)}

    rng = random.Random(0)
    mutants = []
    for gene in genes:
        place, letter = rng.randrange(len(gene)), rng.choice("ACGT")
        mutants += [gene[:place] + letter + gene[place + 1 :], gene[:place] + gene[place + 1 :], gene + letter]
        mutants += [gene[:place] + rng.choice(["TAA", "GCC", "TA", " "]) + gene[place:]]
    known = np.isfinite(dna.log_probability(mutants))
    assert known.tolist() == [bool(GENE.fullmatch(mutant)) for mutant in mutants]
    assert 0.1 < known.mean() < 0.9


def test_its_entropy_and_usage_are_those_that_can_be_worked_out(dna):
    # Each gene has one parse: its surprise is that of the productions used.
    surprise = -np.log(list(dna.probability.values()))
    entropy = dna.expected_usage @ surprise
    assert entropy == pytest.approx(34.18, abs=0.01)  # nats per gene, as data/dna.md says
    genes = take(dna, 2000)
    scores = score(genes, Real(take(dna, 500, seed=1), grammar=dna, unit="character"))
    codons = np.mean([len(gene) / 3 for gene in genes])
    assert scores["grammatical"] == 1
    assert scores["oracle_nll"] * codons == pytest.approx(entropy, rel=0.02)  # nats per codon
    assert scores["production_jsd"] < 0.002
    assert scores["jsd_4"] < 0.05


def test_flat_codons_are_genes_of_another_usage(dna):
    rng = random.Random(0)
    codons = sorted(dna.vocabulary - {"TAA", "TAG", "TGA"})
    flat = ["ATG" + "".join(rng.choices(codons, k=8)) + "TAA" for _ in range(500)]
    scores = score(flat, Real(take(dna, 500), grammar=dna, unit="character"))
    assert scores["grammatical"] == 1 and scores["production_jsd"] > 0.02


def test_joined_words_come_apart_as_they_were_put_together():
    grammar = Grammar("%joined\nS -> A S [0.5] | 'x.' [0.5]\nA -> 'a' [0.5] | 'bc' [0.25] | '[' [0.25]")
    for words in map(grammar.sample, itertools.repeat(random.Random(0), 50)):
        assert grammar.split(grammar.join(words)) == tuple(words)
    assert grammar.join(["a", "bc", "[", "x."]) == "abc[x."
    exact = [1 / 4 / 2, 1 / 8 / 2, 0, 0, 0]
    found = np.exp(grammar.log_probability(["ax.", "[x.", "abx.", "a x.", "x.x."]))
    np.testing.assert_allclose(found, exact, rtol=1e-12)


def test_a_grammar_of_other_openings_writes_its_words_like_the_first_and_keeps_their_probabilities():
    source = (
        "%joined\nS -> A B [0.75] | B [0.25]\nA -> 'a' [0.5] | 'bc' [0.5]\nB -> 'x' [0.2] | A 'y' [0.8]\nC -> 'c' [1.0]"
    )
    grammar = Grammar(source)
    both, last = grammar.openings
    part = grammar.beginning({last: 0.25, both: 0.75})
    sentences = ["ax", "bcx", "x", "aay", "ay", "c", "a x"]
    np.testing.assert_allclose(part.log_probability(sentences), grammar.log_probability(sentences))
    alone = grammar.beginning({last: 1.0})
    np.testing.assert_allclose(np.exp(alone.log_probability(["x", "ay", "ax"])), [0.2, 0.4, 0])
    assert "c" not in part.vocabulary  # nothing leads there


@pytest.mark.parametrize(
    "words, complaint",
    [("'ab' [0.5] | 'abc'", "'ab' begins 'abc'"), ("'b' [0.5] | 'a c'", "'a c' is empty or has a space")],
)
def test_joined_words_that_cannot_be_told_apart_are_refused(words, complaint):
    with pytest.raises(UserError, match=complaint):
        Grammar(f"%joined\nS -> {words} [0.5]")


def test_a_run_on_genes_is_scored_by_the_letter_and_by_the_rules(tmp_path):
    run = tmp_path / "run"
    assert (
        train(run, "--config=dna.yaml", "--tokenizer.vocabulary=7", "--train.seconds=100", "--corpus.holdout=60") == 0
    )
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["real/grammatical"] == 1 and rows[0]["real/mean_length"] > 15  # letters, not words
    genes = (run / "corpus" / "test.txt").read_text().splitlines()
    assert all(map(GENE.fullmatch, genes))
    scores = tmp_path / "scores.json"
    command = ["evaluate", str(run / "corpus" / "test.txt"), "--grammar=dna", "--unit=character", f"--json={scores}"]
    assert main([*command, "--metrics", "ngrams", "oracle"]) == 0
    assert json.loads(scores.read_text())["grammatical"] == 1
