"""Words, tokenizers, corpora and batches."""

import gzip
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.text.corpus import load_corpus
from seqgan_gp.text.tokenizer import END, PAD, UNKNOWN, Tokenizer
from seqgan_gp.text.words import join, read_lines, words
from seqgan_gp.training.batches import Batches

SENTENCES = ["The cat's hat, it is red.", "a well-known  dog barks !", "so: 3 (three) déjà-vu", "ΑΒΓ 漢字 <pad> x"]


def test_words_are_lower_case_with_punctuation_apart():
    assert words("The cat's t-shirt, it is red.") == ("the", "cat", "'s", "t-shirt", ",", "it", "is", "red", ".")
    assert words("  ") == ()
    assert words(join(words("today, the dog sleeps."))) == words("today, the dog sleeps.")
    assert join(["today", ",", "the", "dog", "sleeps", "."]) == "today, the dog sleeps."


def test_lines_are_read_with_the_empty_ones(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("a b\r\n\nc\u2028d\n".encode())
    assert read_lines(path) == ["a b", "", "c\u2028d"]


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
def test_decoding_gives_the_sentence_back(kind, tmp_path):
    tokenizer = Tokenizer.train(kind, SENTENCES * 3, 400)
    encoded = tokenizer.encode(SENTENCES, 40)
    expected = [" ".join(s.split()) for s in SENTENCES] if kind == "word" else SENTENCES
    assert tokenizer.decode(encoded.ids) == expected
    assert (encoded.truncated, encoded.unknown) == (0, 0.0)
    assert encoded.ids.shape == (4, 40) and encoded.ids.dtype == np.int64
    tokenizer.save(tmp_path / "tokenizer.json")
    assert (Tokenizer.load(tmp_path / "tokenizer.json").encode(SENTENCES, 40).ids == encoded.ids).all()


def test_special_tokens_are_explicit():
    tokenizer = Tokenizer.train("word", ["a b c", "a b"], 10)
    assert tokenizer.tokens[:3] == [PAD, UNKNOWN, END]
    ids = tokenizer.encode(["a b", "a zebra"], 5).ids
    assert ids[0].tolist()[2:] == [tokenizer.end, tokenizer.pad, tokenizer.pad]
    assert ids[1, 1] == tokenizer.unknown
    assert tokenizer.decode(ids) == ["a b", f"a {UNKNOWN}"]


def test_too_long_sentences_are_cut_and_counted():
    tokenizer = Tokenizer.train("word", ["a b c d"], 10)
    encoded = tokenizer.encode(["a b c d", "a b c", "a b"], 3)
    # Three words fill three positions: the sentence is whole, but its end token is lost with it.
    assert encoded.truncated == 2
    assert tokenizer.end not in encoded.ids[0]
    assert tokenizer.decode(encoded.ids) == ["a b c", "a b c", "a b"]


def test_lowercase_and_the_most_frequent_words_are_kept():
    tokenizer = Tokenizer.train("word", ["The the THE cat cat dog"], 5, lowercase=True)
    assert len(tokenizer) == 5
    encoded = tokenizer.encode(["THE cat dog"], 6)
    assert tokenizer.decode(encoded.ids) == [f"the cat {UNKNOWN}"]
    assert encoded.unknown == pytest.approx(1 / 4)


def test_well_formed_is_nothing_but_padding_after_the_end():
    tokenizer = Tokenizer.train("word", ["a b"], 10)
    a, end, pad = tokenizer.encode(["a"], 3).ids[0]
    ids = np.array([[a, end, pad], [a, pad, pad], [a, a, a], [a, end, a], [pad, a, pad], [a, end, end]])
    assert tokenizer.well_formed(ids).tolist() == [True, True, True, False, False, False]


def test_bpe_needs_room_for_its_alphabet():
    with pytest.raises(UserError, match=r"--tokenizer.vocabulary \d+"):
        Tokenizer.train("bpe", ["abcdefghijklmnopqrstuvwxyz"], 10)
    with pytest.raises(UserError, match="vocabulary is 3"):
        Tokenizer.train("word", ["a"], 3)


def test_a_foreign_tokenizer_gets_the_missing_tokens(tmp_path):
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers

    backend = Backend(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.save(str(tmp_path / "t.json"))
    tokenizer = Tokenizer.load(tmp_path / "t.json")
    assert len(tokenizer) == 6
    encoded = tokenizer.encode(["a b zebra"], 5)
    assert encoded.ids[0].tolist() == [0, 1, 2, tokenizer.end, tokenizer.pad]
    assert encoded.unknown == pytest.approx(1 / 4)
    with pytest.raises(UserError, match="6 tokens, more than"):
        tokenizer.check_size(5)


def test_a_tokenizer_with_gaps_in_its_ids_is_refused(tmp_path):
    from tokenizers import Tokenizer as Backend
    from tokenizers import models

    Backend(models.WordLevel({"a": 0, "b": 10, "[UNK]": 3}, unk_token="[UNK]")).save(str(tmp_path / "t.json"))
    with pytest.raises(UserError, match="gaps"):
        Tokenizer.load(tmp_path / "t.json")


def test_a_decoded_sentence_is_one_line():
    tokenizer = Tokenizer.train("bpe", ["a\nb"], 50)
    assert tokenizer.decode(tokenizer.encode(["a\nb"], 8).ids) == ["a b"]


def test_a_file_that_is_no_tokenizer(tmp_path):
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(UserError, match=r"t\.json"):
        Tokenizer.load(tmp_path / "t.json")
    with pytest.raises(UserError, match="no such"):
        Tokenizer.load(tmp_path / "none.json")


def load(train, **changes):
    return load_corpus(
        **{"train": str(train), "test": None, "column": "text", "size": 50, "holdout": 2, "seed": 0} | changes
    )


LINES = [f"sentence number {i}" for i in range(10)]


def write(folder, form):
    path = folder / f"corpus.{form}"
    if form == "txt":
        path.write_text("\n".join(LINES) + "\n\n")
    elif form in ("csv", "tsv"):
        comma = "," if form == "csv" else "\t"
        path.write_text("\n".join([f"id{comma}text", *(f"{i}{comma}{s}" for i, s in enumerate(LINES))]))
    elif form == "json":
        path.write_text(json.dumps([{"text": s, "id": i} for i, s in enumerate(LINES)]))
    elif form == "jsonl":
        path.write_text("\n".join(json.dumps({"text": s}) for s in LINES))
    else:
        pyarrow.parquet.write_table(pyarrow.table({"text": LINES}), path)
    return path


@pytest.mark.parametrize("form", ["txt", "csv", "tsv", "json", "jsonl", "parquet"])
def test_every_format_holds_out_sentences(tmp_path, form):
    corpus = load(write(tmp_path, form))
    assert sorted(corpus.train + corpus.test) == sorted(LINES)
    assert len(corpus.test) == 2 and corpus.grammar is None
    assert load(tmp_path / f"corpus.{form}").test == corpus.test


def test_a_tenth_is_held_out_by_default(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"sentence {i}\n" for i in range(50)))
    corpus = load(tmp_path / "a.txt", holdout=None)
    assert (len(corpus.train), len(corpus.test)) == (45, 5)


def test_a_given_test_file_and_a_folder_with_splits(tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(LINES))
    (tmp_path / "test.txt").write_text("one more\nand another\n")
    assert load(tmp_path / "train.txt", test=str(tmp_path / "test.txt")).test == ["one more", "and another"]
    corpus = load(tmp_path)
    assert (corpus.train, corpus.test) == (LINES, ["one more", "and another"])


def test_a_folder_of_several_kinds_is_refused_rather_than_half_read(tmp_path):
    write(tmp_path, "txt")
    write(tmp_path, "csv")
    with pytest.raises(UserError, match="several kinds"):
        load(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match="none of"):
        load(tmp_path / "sub")


def test_cells_that_look_like_numbers_or_missing_values_are_text(tmp_path):
    cells = ["NA", "null", "None", "007", "1e5", "nan", "x"]
    (tmp_path / "a.csv").write_text("password\n" + "\n".join(cells))
    corpus = load(tmp_path / "a.csv", column="password")
    assert sorted(corpus.train + corpus.test) == sorted(cells)


def test_a_csv_may_be_tested_on_a_text_file(tmp_path):
    (tmp_path / "a.csv").write_text("sentence\none\ntwo\n")
    (tmp_path / "t.txt").write_text("\ufeffthree\nfour\n", encoding="utf-8")
    corpus = load(tmp_path / "a.csv", column="sentence", test=str(tmp_path / "t.txt"))
    assert (corpus.train, corpus.test) == (["one", "two"], ["three", "four"])


def test_a_file_name_is_no_pattern(tmp_path):
    (tmp_path / "b[1]*.txt").write_text("\n".join(LINES))
    (tmp_path / "b1.txt").write_text("other\n" * 9)
    assert "other" not in load(tmp_path / "b[1]*.txt").train


def test_line_breaks_inside_a_sentence_become_spaces(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": f"one\ntwo {i}\n"}) for i in range(6)))
    assert load(tmp_path / "a.jsonl").train[0].startswith("one two ")


def test_grammar_corpora_repeat_and_keep_their_test_sentences():
    small, large = load("grammar:text", size=10), load("grammar:text", size=20)
    assert small.test == large.test and large.train[:10] == small.train
    assert len(small.train) == 10 and len(small.test) == 2 and small.grammar is not None


def test_bad_corpora_name_the_thing_and_the_remedy(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "latin.txt").write_bytes("fine\nfine too\ncaf\xe9\n".encode("latin1"))
    (tmp_path / "packed.txt.gz").write_bytes(gzip.compress(b"one sentence\n"))
    (tmp_path / "short.txt").write_text("a\nb\nc\n")
    (tmp_path / "broken.json").write_text("[{")
    pyarrow.parquet.write_table(pyarrow.table({"text": [1, 2, 3, 4]}), tmp_path / "numbers.parquet")
    write(tmp_path, "csv")
    for train, options, complaint in [
        ("none.txt", {}, "no such file"),
        ("empty.txt", {}, "empty"),
        ("latin.txt", {}, "line 3: not UTF-8"),
        ("packed.txt.gz", {}, "unpack it first"),
        ("short.txt", {}, "--corpus.test FILE"),
        ("corpus.csv", {"holdout": 6}, "--corpus.holdout 2"),
        ("broken.json", {}, "cannot be loaded"),
        ("numbers.parquet", {}, "int64, not text"),
        ("", {}, "empty"),
        ("corpus.csv", {"column": "sentence"}, "one of: id, text"),
        ("corpus.csv", {"test": "no/such/place"}, "not found"),
    ]:
        with pytest.raises(UserError, match=complaint) as error:
            load(tmp_path / train if train else "", **options)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("rows, size", [(10, 4), (3, 8), (8, 8)])
def test_batches_draw_every_row_once_an_epoch(rows, size):
    batches = Batches(rows, size, seed=1)
    drawn = np.concatenate([batches[t] for t in range(3 * rows)])
    for epoch in range(len(drawn) // rows):
        assert sorted(drawn[epoch * rows : (epoch + 1) * rows]) == list(range(rows))
    assert (Batches(rows, size, seed=1)[5] == batches[5]).all()  # out of order, from anew: the same
    assert not (drawn[:rows] == drawn[rows : 2 * rows]).all()
