"""The kind and the number of tokens that a run chooses for its corpus."""

import random

import numpy as np
import pytest
from conftest import train

from seqgan_gp.artefacts import read_config
from seqgan_gp.cli import main
from seqgan_gp.config.text import TextConfig
from seqgan_gp.text.choices import kind_of
from seqgan_gp.text.tokenizer import Tokenizer


def lines(words: int, letters: str = "abcdefghij") -> list[str]:
    """Sentences of so many different words, each word in two of them."""
    known = [letters[i % 7] + "".join(letters[int(d)] for d in str(i)) for i in range(words)]
    drawn = random.Random(0).sample(known * 2, 2 * words)
    return [" ".join(drawn[start : start + 8]) + "." for start in range(0, len(drawn), 8)]


def test_words_in_another_case_are_other_words_unless_case_is_folded():
    sentences = lines(600) + [line.upper() for line in lines(600)]
    assert (kind_of(sentences), kind_of(sentences, lowercase=True)) == ("bpe", "word")


@pytest.mark.parametrize(
    "sentences, vocabulary, kind",
    [
        (lines(900), None, "word"),
        (lines(1_100), None, "bpe"),
        (lines(1_100), 1_200, "word"),
        (lines(900), 500, "bpe"),
        (lines(996), None, "word"),  # with the mark and the special tokens, 1,000
        (lines(997), None, "bpe"),
        (lines(40), 15, "word"),  # characters alone would take most of the room
        (["".join(line.split()) for line in lines(1_100)], None, "character"),
    ],
)
def test_words_that_do_not_fit_become_pieces(sentences, vocabulary, kind):
    assert kind_of(sentences, vocabulary) == kind


def test_a_script_with_more_characters_than_there_is_room_for_has_no_pieces():
    hangul = [chr(0xAC00 + i) for i in range(600)]
    sentences = [f"{a}{b} {c}" for a, b, c in zip(hangul, hangul[7:], hangul[50:], strict=False)]
    assert kind_of(sentences * 2) == "word" and kind_of(sentences * 2, 1_300) == "word"
    assert kind_of([line[:2] + " " + line for line in sentences[:200]] * 2, 450) == "word"
    assert kind_of(lines(1_100, "абвгдежзик")) == "bpe"


def test_pieces_keep_characters_whole():
    """Whatever a generator writes, each of its tokens is text."""
    sentences = [*lines(300, "абвгдежзик"), *lines(300, "ﬁéüñçøåšžł"), "हिन्दी भाषा में 12.5 + 𝒳"] * 2
    tokenizer = Tokenizer.train("bpe", sentences, 900)
    encoded = tokenizer.encode(sentences, 80)
    assert tokenizer.decode(encoded.ids) == sentences and encoded.unknown == 0
    drawn = np.random.default_rng(0).integers(3, len(tokenizer), (200, 30))
    known = set("".join(sentences))
    assert all(known.issuperset(sentence) for sentence in tokenizer.decode(drawn))


def test_a_run_says_what_it_chose_and_keeps_it_when_it_goes_on(tmp_path, capsys):
    (tmp_path / "many.txt").write_text("\n".join(lines(1_100)))
    options = [f"--corpus.train={tmp_path / 'many.txt'}", "--corpus.holdout=20", "--tokenizer.kind=null"]
    options += ["--tokenizer.vocabulary=null", "--train.batch_size=4"]
    assert train(tmp_path / "run", *options, "--train.steps=1") == 0
    chosen = "chosen from the data: critic.dilation=1, tokenizer.kind=bpe, tokenizer.vocabulary=1000"
    assert f"{chosen}; options of the same names set them" in capsys.readouterr().out.splitlines()
    (saved,) = (tmp_path / "run" / "checkpoints").iterdir()
    tokens = read_config(saved, TextConfig).tokenizer
    assert (tokens.kind, tokens.vocabulary) == ("bpe", 1_000)
    assert train(tmp_path / "run", *options, "--train.steps=2", "--resume") == 0
    assert train(tmp_path / "run", *options, "--train.steps=3", "--resume", "--tokenizer.vocabulary=900") == 2
    assert "tokenizer.vocabulary" in capsys.readouterr().err


@pytest.mark.parametrize("given, passes", [("null", 0), ("1", 1)])
def test_pieces_have_a_recipe_of_their_own_unless_somebody_asks_for_another(given, passes, tmp_path, capsys):
    (tmp_path / "many.txt").write_text("\n".join(lines(1_100)))
    options = [f"--corpus.train={tmp_path / 'many.txt'}", "--corpus.holdout=20", "--tokenizer.vocabulary=null"]
    options += [
        "--train.batch_size=4",
        f"--revision.passes={given}",
        "--revision.share=0.2",
        "--reranking.candidates=2",
    ]
    for kind, expected in (("null", passes), ("word", 3 if given == "null" else 1)):
        run = tmp_path / kind
        assert train(run, *options, f"--tokenizer.kind={kind}", "--train.steps=5") == 0
        out = capsys.readouterr().out
        assert (f"revision.passes={expected}" in out) == (given == "null")
        share = 0.4 if expected else 0.25  # without a reviser the generator needs more of the steps
        assert f"reranking.share={share};" in out
        config = read_config(max((run / "checkpoints").iterdir()), TextConfig)
        assert config.revision.passes == expected and (config.reviser is None) == (expected == 0)
        assert config.critic.dilation == (1 if kind == "null" else 3)
        assert config.reranker.share == share and config.ends[1] == 1 - share
        assert main(["sample", str(run), "--num=2", "--passes=1"]) == (0 if expected else 2)
        assert train(run, *options, f"--tokenizer.kind={kind}", "--train.steps=6", "--resume") == 0
    capsys.readouterr()
    assert train(tmp_path / "mle", *options, "--tokenizer.kind=null", "--train.steps=2", "--method=likelihood") == 0
    assert "revision.passes" not in capsys.readouterr().out  # it has no reviser to choose for


def test_few_words_and_characters_count_their_own_tokens(tmp_path, capsys):
    for name, sentences, said in (("few", lines(60), "word"), ("genes", ["ACGT", "GGTA", "CA"] * 20, "character")):
        (tmp_path / "corpus.txt").write_text("\n".join(sentences))
        options = [f"--corpus.train={tmp_path / 'corpus.txt'}", "--corpus.holdout=2", "--tokenizer.kind=null"]
        assert train(tmp_path / name, *options, "--tokenizer.vocabulary=null", "--train.steps=1") == 0
        size = len(Tokenizer.load(tmp_path / name / "tokenizer.json"))
        assert f"tokenizer.kind={said}, tokenizer.vocabulary={size}" in capsys.readouterr().out
