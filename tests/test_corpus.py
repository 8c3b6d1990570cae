"""Test which sources a corpus takes, and which sentences it holds out."""

import gzip
import itertools
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from corpora import load

from seqgan_gp.errors import UserError

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
    assert sorted(corpus.train.text + corpus.test.text) == sorted(LINES)
    assert len(corpus.test) == 2 and corpus.grammar is None
    assert load(tmp_path / f"corpus.{form}").test == corpus.test


def test_a_tenth_is_held_out_by_default(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"sentence {i}\n" for i in range(50)))
    corpus = load(tmp_path / "a.txt", holdout=None)
    assert (len(corpus.train), len(corpus.test)) == (45, 5)


def test_sentences_are_held_out_at_random_by_the_seed_and_keep_their_order(tmp_path):
    lines = [f"sentence {i:02}" for i in range(60)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    one, again, other = (load(tmp_path / "a.txt", holdout=20, seed=seed) for seed in (1, 1, 2))
    assert (one.train, one.test) == (again.train, again.test) != (other.train, other.test)
    assert sorted(one.train.text + one.test.text) == lines and len(one.test) == 20
    for part in (one.train.text, one.test.text):
        assert part == sorted(part)
    assert one.test.text != lines[:20]


@pytest.mark.parametrize(
    "size, holdout",
    [
        (4, 2),
        (9, 2),
        (10, 2),
        (19, 2),
        (20, 2),
        (39, 3),
    ],
)
def test_two_sentences_at_least_are_held_out_by_default(tmp_path, size, holdout):
    (tmp_path / "a.txt").write_text("".join(f"sentence {i}\n" for i in range(size)))
    assert len(load(tmp_path / "a.txt", holdout=None).test) == holdout


@pytest.mark.parametrize("size, holdout", [(4, 2), (5, 2), (8, 4)])
def test_half_of_the_sentences_at_most_are_held_out(tmp_path, size, holdout):
    (tmp_path / "a.txt").write_text("\n".join(LINES[:size]))
    assert len(load(tmp_path / "a.txt", holdout=holdout).test) == holdout
    with pytest.raises(UserError, match="too few to hold out"):
        load(tmp_path / "a.txt", holdout=holdout + 1)


def test_rows_without_text_are_left_out_and_folders_are_read_to_the_bottom(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    rows = [{"text": text} for text in (LINES[0], None, "  ", *LINES[1:])]
    (tmp_path / "deep" / "er" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = load(tmp_path / "deep")
    assert sorted(corpus.train.text + corpus.test.text) == sorted(LINES)


def test_a_suffix_in_capitals_is_that_of_a_text_file(tmp_path):
    (tmp_path / "A.TXT").write_text("\n".join(LINES))
    corpus = load(tmp_path / "A.TXT")
    assert sorted(corpus.train.text + corpus.test.text) == sorted(LINES)


def test_a_given_test_file_and_a_folder_with_splits(tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(LINES))
    (tmp_path / "test.txt").write_text("one more\nand another\n")
    assert load(tmp_path / "train.txt", test=str(tmp_path / "test.txt")).test.text == ["one more", "and another"]
    corpus = load(tmp_path)
    assert (corpus.train.text, corpus.test.text) == (LINES, ["one more", "and another"])
    # A file goes before the split of a folder, and a folder has a split for the purpose.
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "o.txt").write_text("this one\nand that one\n")
    (tmp_path / "both").mkdir()
    for name in ("train", "test"):
        (tmp_path / "both" / f"{name}.txt").write_text(f"to {name}\nand {name} again\n")
    assert load(tmp_path / "both", test=str(tmp_path / "other" / "o.txt")).test.text == ["this one", "and that one"]
    assert load(tmp_path / "other", test=str(tmp_path / "both")).test.text == ["to test", "and test again"]


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
    assert sorted(corpus.train.text + corpus.test.text) == sorted(cells)


def test_rows_without_text_are_left_out_and_counted(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": null}\n' + '{"text": "b"}\n{"id": 1}\n' * 3)
    corpus = load(tmp_path / "a.jsonl")
    assert sorted(corpus.train.text + corpus.test.text) == ["a", "b", "b", "b"]
    assert "a.jsonl: 4 of 8 rows have no text in column 'text' and are left out" in capsys.readouterr().err


def test_a_csv_may_be_tested_on_a_text_file(tmp_path):
    (tmp_path / "a.csv").write_text("sentence\none\ntwo\n")
    (tmp_path / "t.txt").write_text("\ufeffthree\nfour\n", encoding="utf-8")
    corpus = load(tmp_path / "a.csv", column="sentence", test=str(tmp_path / "t.txt"))
    assert (corpus.train.text, corpus.test.text) == (["one", "two"], ["three", "four"])


def test_a_file_name_is_no_pattern(tmp_path):
    (tmp_path / "b[1]*.txt").write_text("\n".join(LINES))
    (tmp_path / "b1.txt").write_text("other\n" * 9)
    assert "other" not in load(tmp_path / "b[1]*.txt").train.text


def test_line_breaks_inside_a_sentence_become_spaces(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": f"one\ntwo {i}\n"}) for i in range(6)))
    assert load(tmp_path / "a.jsonl").train.text[0].startswith("one two ")


def test_held_out_sentences_of_a_second_grammar_come_from_a_stream_of_their_own():
    alone, second = load("grammar:text"), load("grammar:text", test="grammar:text")
    assert second.train == alone.train and len(second.test) == len(alone.test)
    assert not set(second.test.text) & {*alone.test.text, *alone.train.text}


def test_grammar_corpora_repeat_and_keep_their_test_sentences():
    small, large = load("grammar:text", size=10), load("grammar:text", size=20)
    assert small.test == large.test and large.train.text[:10] == small.train.text
    assert len(small.train) == 10 and len(small.test) == 2 and small.grammar is not None
    stream = small.grammar.sentences(4)
    other = load("grammar:text", size=10, holdout=3, seed=4)
    assert other.test.text == list(itertools.islice(stream, 3))
    assert other.train.text == list(itertools.islice(stream, 10))
    assert len(load("grammar:text", holdout=None).test) == 2000


def test_held_out_sentences_of_the_same_grammar_are_drawn_anew():
    corpus = load("grammar:text", test="grammar:text", size=40, holdout=30, seed=4)
    assert len(corpus.train) == 40 and len(corpus.test) == 30
    assert len(set(corpus.test.text) & set(corpus.train.text)) < 5
    other = load("grammar:dna", test="grammar:text", size=40, holdout=30)
    assert np.isfinite(corpus.grammar.log_probability(other.test.text)).all() and other.train.text[0].startswith("ATG")


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
        ("packed.txt.gz", {}, "too few to hold out"),
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
