"""Test in-filling: patterns, and sentences that hold them."""

import numpy as np
import pytest
import torch
from conftest import SIZES, TINY
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers

from seqgan_gp import Generator
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.pretrained import Price, draw_until, infill, infilling
from seqgan_gp.pretrained.placing import places, surprise_of
from seqgan_gp.text import fasta
from seqgan_gp.text.patterns import FREE, Pattern
from seqgan_gp.text.tokenizer import Tokenizer

GENES = Tokenizer.train("character", ["ACGT", "A?C*^$\\"], 20)
WORDS = Tokenizer.train("word", ["the old dog sleeps.", "a cat, the dog and I"], 40)
PIECES = Tokenizer.train("bpe", ["the old dog sleeps.", "the dogs are old", "a dog"] * 3, 60)
_backend = Backend(models.BPE(unk_token="<unk>"))
_backend.pre_tokenizer = pre_tokenizers.ByteLevel()
BYTES = Tokenizer(_backend)  # as a run of an earlier version, or a model from elsewhere, has it
LENGTH = 9


def holds(pattern, text, tokenizer=GENES):
    return bool(Pattern.read(pattern, tokenizer, LENGTH).holds(tokenizer.encode([text], LENGTH).ids)[0])


@pytest.mark.parametrize(
    "pattern, with_it, without",
    [
        ("A?C", ["AGC", "TTAAC", "AGCTT", "ACACAGC"], ["AC", "AGGC", "CGA", ""]),
        ("^A?C", ["AGC", "AGCTT"], ["TAGC"]),
        ("A?C$", ["AGC", "TAGC", "TTTTTTAGC"], ["AGCT"]),
        ("^A*C$", ["AC", "AGGTC", "ACAC"], ["CAC", "ACA"]),
        ("*A*", ["A", "TAT"], ["TT"]),
        ("A??", ["ATT"], ["TTAT"]),
        (r"\?\*", ["A?*C"], ["A?C", "AC"]),
        (r"\^A\$$", ["C^A$"], ["^A$C", "A"]),
        (r"A\\?C", ["A\\TC"], ["A\\C"]),
    ],
)
def test_a_pattern_is_found_in_sequences_that_have_it(pattern, with_it, without):
    assert [text for text in with_it if not holds(pattern, text)] == []
    assert [text for text in without if holds(pattern, text)] == []


def test_what_follows_the_end_is_no_part_of_a_sequence():
    ids = GENES.encode(["CC"], 7).ids
    ids[0, 4:] = GENES.encode(["AGC"], 3).ids[0]
    assert not Pattern.read("A?C", GENES, 7).holds(ids)[0]


def test_a_question_mark_is_a_word_where_tokens_are_words():
    for pattern in ("the ? dog", "^the ? ? sleeps.$", "the * sleeps", "the old *."):
        assert holds(pattern, "the old dog sleeps.", WORDS)
    assert not holds("the ? sleeps", "the old dog sleeps.", WORDS)
    assert holds("a ?, the", "a cat, the dog", WORDS)  # the comma keeps to the word before it


@pytest.mark.parametrize(
    "pattern, with_it, without",
    [
        ("the ? dog", ["see the old dog", "in the old dog."], ["see the dog", "see the old old dog", "the old cat"]),
        ("^the ? dog", ["the old dog"], ["see the old dog"]),
        ("old *.$", ["the old dog.", "so old."], ["old dog.", "the old dog. a"]),
        ("? dog", ["the dog"], ["dog", "the", "cat"]),
        ("^a", ["a dog", "a"], ["the a"]),
    ],
)
def test_a_question_mark_is_a_piece_where_tokens_are_pieces(pattern, with_it, without):
    seen = Tokenizer.train("bpe", [*with_it, *without] * 2 + ["the old dog", "an old dog"] * 9, 50)
    assert {" old", " dog", "the"} <= set(seen.tokens)
    assert [text for text in with_it if not holds(pattern, text, seen)] == []
    assert [text for text in without if holds(pattern, text, seen)] == []


@pytest.mark.parametrize(
    "pattern, tokenizer, complaint",
    [
        ("AXC", GENES, "'X' is no token of this run; it has $*?ACGT"),
        ("??", GENES, "nothing is fixed"),
        ("^*$", GENES, "nothing is fixed"),
        ("A" * 5 + "?" * 5, GENES, "10 tokens, and a sequence of this run has at most 9"),
        ("the wolf", WORDS, "'wolf' is no token of this run"),
        ("A C", GENES, "' ' is no token of this run"),
        ("the öl", PIECES, "'ö' is no token of this run"),
        ("dog", BYTES, "cannot read patterns with the tokenizer of this run"),
    ],
)
def test_a_bad_pattern_is_one_line(pattern, tokenizer, complaint):
    with pytest.raises(UserError) as error:
        Pattern.read(pattern, tokenizer, LENGTH)
    assert complaint in str(error.value) and str(error.value).startswith("--fix")


def by_token(log):
    return dict(enumerate(np.moveaxis(log, 2, 0)))


def test_a_pattern_stands_where_it_is_likeliest_and_its_pieces_keep_their_order():
    pattern = Pattern("", ((3, FREE, 4), (5,)), False, False, GENES)
    log = np.full((3, 8, 6), -9.0)
    log[0, 2, 3] = log[0, 4, 4] = log[0, 3, 5] = log[0, 6, 5] = 0  # the 5 at place 3 is within the first piece
    log[1, 5, 3] = log[1, 7, 4] = log[1, 1, 5] = log[1, 1, 3] = 0  # nothing can follow a piece at the end
    log[2, :, 5], log[2, 5, 5] = -99, 0
    log[2, 4, 3] = log[2, 6, 4] = 0  # the best place of the first piece, but for the 5 within
    log[2, 1, 3] = log[2, 3, 4] = -1
    going, none = np.zeros((3, 8)), np.zeros((3, 2, 8))
    found = places(pattern, by_token(log), going, none)
    assert found[[0, 2]].tolist() == [[2, 6], [1, 5]] and found[1, 0] == 1 and found[1, 1] >= 4
    # An end that is likely at place 3 makes all later places dear.
    going[:, 3] = -50
    log[0, 0, 3] = -1
    early = Pattern("", ((3,),), False, False, GENES)
    assert places(early, by_token(log[:1]), going[:1], none[:1, :1]).tolist() == [[2]]
    first = Pattern("", ((3,),), True, False, GENES)
    assert places(first, by_token(log[:1]), going[:1], none[:1, :1]).tolist() == [[0]]


def test_places_are_drawn_in_proportion_to_their_probabilities():
    pattern = Pattern("", ((1,),), False, False, GENES)
    p = np.array([0.6, 0.3, 0.1])
    log = np.zeros((20_000, 3, 2))
    log[:, :, 1] = np.log(p)
    gumbel = np.random.default_rng(3).gumbel(size=(20_000, 1, 3))
    found = places(pattern, by_token(log), np.zeros((20_000, 3)), gumbel)[:, 0]
    np.testing.assert_allclose(np.bincount(found) / 20_000, p, atol=0.02)


@pytest.fixture(scope="module")
def genes(tmp_path_factory):
    """A tiny run on genes with a discriminator."""
    output = tmp_path_factory.mktemp("runs") / "genes"
    options = ["--corpus.size=300", "--tokenizer.vocabulary=7", "--reranking.candidates=3"]
    assert main(["train", "--config=dna.yaml", *SIZES, *options, f"--output={output}"]) == 0
    return output


@pytest.fixture(scope="module")
def revised(tmp_path_factory):
    """A tiny run on sentences with a reviser, and without a discriminator."""
    output = tmp_path_factory.mktemp("runs") / "revised"
    assert main(["train", *TINY, "--revision.passes=2", "--revision.share=0.5", f"--output={output}"]) == 0
    return output


@pytest.mark.parametrize("pattern", ["A???C", "^TTT*CG", "GGG$", "ACACAC*TGTG*AA$"])
def test_every_sequence_holds_the_pattern(genes, pattern):
    generator = Generator.from_pretrained(genes)
    price = Price()
    found = list(infill(generator, pattern, 11, candidates=3, seed=2, batch_size=8, price=price))
    length = generator.network.length
    ids = generator.tokenizer.encode(found, length).ids
    assert len(found) == 11 and Pattern.read(pattern, generator.tokenizer, length).holds(ids).all()
    assert price.candidates == 33 and price.written == 33 * 7  # five steps, what was there before and after
    assert len(set(found)) > 1
    again = list(infill(generator, pattern, 11, candidates=3, seed=2, batch_size=8))
    other = list(infill(generator, pattern, 11, candidates=3, seed=4, batch_size=8))
    assert again == found != other
    assert list(infill(generator, pattern, 11, candidates=3, seed=2, batch_size=100)) == found
    assert all(not parameter.requires_grad or parameter.grad is None for parameter in generator.network.parameters())


def test_a_reviser_keeps_the_fixed_words_in_every_pass(revised):
    generator = Generator.from_pretrained(revised)
    generator.network.reviser.copy = -9.0  # this one would change every word
    for passes in (0, 1, 2):
        found = list(infill(generator, "the ? dog", 7, candidates=2, seed=2, passes=passes))
        ids = generator.tokenizer.encode(found, 16).ids
        assert Pattern.read("the ? dog", generator.tokenizer, 16).holds(ids).all()
    assert list(infill(generator, "the ? dog", 7, candidates=2, seed=2)) == found


@pytest.mark.parametrize("passes, times", [(None, 3), (0, 1), (1, 2)])
def test_the_price_of_drawing_counts_drafts_and_revisions(revised, passes, times):
    generator, price = Generator.from_pretrained(revised), Price()
    word = next(iter(generator.sample(1, passes=passes))).split()[0]
    assert list(draw_until(generator, word, 1, price, passes=passes))
    assert price.written == times * price.candidates > 0


def test_steps_make_the_pattern_likelier(genes):
    generator = Generator.from_pretrained(genes)
    noise = generator.network.sample_noise(6, np.random.default_rng(2))
    allowed = torch.zeros(6, 48, 7, dtype=torch.bool)
    allowed[:, :, 3] = True
    pattern = Pattern.read("A", generator.tokenizer, 48)
    filler = infilling._Filler(generator, generator.network, pattern, None, 2, 20, 0.0, Price())
    moved = filler._moved(generator.network, noise, allowed, None)
    before, after = (surprise_of(generator.network(z), allowed).sum(1) for z in (noise, moved))
    assert (after < before).all()
    torch.testing.assert_close(moved.norm(dim=1), noise.norm(dim=1))


def test_the_discriminator_chooses(genes, monkeypatch):
    generator = Generator.from_pretrained(genes)
    discriminator = generator.reranking.discriminator

    def likes_short(ids, condition=None):
        stops = (ids == generator.tokenizer.pad) | (ids == generator.tokenizer.end)
        return -1e6 * (stops.cumsum(dim=1) == 0).sum(dim=1).float()

    plain = list(infill(generator, "A?C", 12, candidates=8, seed=2))
    monkeypatch.setattr(discriminator, "forward", likes_short)
    short = list(infill(generator, "A?C", 12, candidates=8, seed=2))
    lengths = [[len(one.replace("<unk>", "N")) for one in sentences] for sentences in (short, plain)]
    assert all(one <= other for one, other in zip(*lengths, strict=True)) and short != plain


def test_the_other_way_keeps_samples_that_have_the_pattern(genes):
    generator = Generator.from_pretrained(genes)
    price = Price()
    found = list(draw_until(generator, "A?C", 9, price, seed=2, batch_size=7, candidates=1))
    pattern = Pattern.read("A?C", generator.tokenizer, 48)
    stream = generator.sample(price.candidates, seed=2, batch_size=7, candidates=1)
    has = [s for s in stream if pattern.holds(generator.tokenizer.encode([s], 48).ids)[0]]
    assert found == has[:9] and price.candidates < 9000 and price.written == price.candidates
    list(draw_until(generator, "A?C", 2, price := Price(), batch_size=6))
    assert price.candidates < price.written < 3 * price.candidates  # some of them need fewer than three
    with pytest.raises(UserError, match="of 2,000 samples have it, and 2 are wanted"):
        list(draw_until(generator, "ACGT" * 10, 2, seed=2, candidates=1))


def test_the_command_writes_them_and_says_the_price(genes, tmp_path, capsys):
    options = ["sample", str(genes), "--num", "6", "--seed", "2", "--fix", "GG?CC"]
    assert main([*options, "--out", str(tmp_path / "s.fasta")]) == 0
    assert "--fix GG?CC: 32 candidates for each sentence, and 224 sequences written" in capsys.readouterr().err
    with (tmp_path / "s.fasta").open() as file:
        records = list(fasta.read(file, "s.fasta"))
    found = [record.sequence for record in records]
    assert [record.id for record in records] == [f"sample-{i}" for i in range(1, 7)]
    assert found == list(infill(Generator.from_pretrained(genes), "GG?CC", 6, seed=2))
    assert main([*options[:-1], "A?C", "--fix-by", "draw", "--candidates", "1"]) == 0
    drawn = capsys.readouterr().out.splitlines()
    assert drawn == list(draw_until(Generator.from_pretrained(genes), "A?C", 6, seed=2, candidates=1))


def test_a_run_without_a_discriminator_chooses_by_its_critic(revised, tmp_path, capsys):
    assert main(["sample", str(revised), "--num", "5", "--fix", "the ? dog", "--candidates", "4"]) == 0
    found = capsys.readouterr().out.splitlines()
    least = list(infill(Generator.from_pretrained(revised), "the ? dog", 5, candidates=4))
    assert len(found) == 5 and found != least  # without a judge, the least surprise chooses


def test_the_price_is_one_line_whatever_the_pattern_holds(revised, capsys):
    assert main(["sample", str(revised), "--num", "2", "--fix", "the ?\n dog", "--candidates", "4"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and r"--fix the ?\n dog: 4 candidates" in printed.err
    assert len(printed.out.splitlines()) == 2
