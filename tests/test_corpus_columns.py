"""Test the columns of a corpus that hold labels or contexts."""

import json

import datasets
import pytest
from corpora import load

from seqgan_gp.errors import UserError
from seqgan_gp.text.pairs import Pairs

ROWS = [("hello there", "0"), ("hi, you", "1"), ("good day", "0"), ("bye", "1"), ("so long", "1"), ("morning", "0")]


def write(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(("text", "kind"), row, strict=True))) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        datasets.Dataset.from_dict(dict(zip(("text", "kind"), zip(*rows, strict=True), strict=True))).to_parquet(path)
    else:
        quoted = ("".join(f'"{text}",{kind}\n' for text, kind in rows)).replace("None", "")
        path.write_text("text,kind\n" + quoted)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("kind", [str, int])
def test_labels_come_from_a_column_of_text_or_of_numbers(tmp_path, suffix, kind):
    path = write(tmp_path / f"a{suffix}", [(text, kind(label)) for text, label in ROWS])
    corpus = load(path, given="kind")
    pairs = [pair for part in (corpus.train, corpus.test) for pair in zip(part.text, part.given, strict=True)]
    assert sorted(pairs) == sorted(ROWS) and len(corpus.test) == 2


def test_classes_with_names_come_by_name(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"text": [text for text, _ in ROWS], "kind": [int(label) for _, label in ROWS]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    corpus = load(tmp_path / "a.parquet", given="kind")
    assert set(corpus.train.given) == {"no", "yes"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_without_a_label_or_a_side_are_named(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", [*ROWS[:3], ("bye", None), *ROWS[4:]])
    with pytest.raises(UserError, match=r"column 'kind' is empty in 1 of 6 rows, first in row 4: fill it in"):
        load(path, given="kind")
    path = write(tmp_path / f"b{suffix}", [*ROWS[:2], (" ", "1"), *ROWS[3:]])
    with pytest.raises(UserError, match=r"column 'text' is empty in 1 of 6 rows, first in row 3"):
        load(path, given="kind")


def test_columns_that_are_not_there_are_named(tmp_path):
    path = write(tmp_path / "a.csv", ROWS)
    with pytest.raises(UserError, match=r"no column 'sort'; pass --corpus.label or --corpus.context .*: text, kind"):
        load(path, given="sort")
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\nfour\n")
    with pytest.raises(UserError, match=r"a.txt: lines of text have no column 'kind': give a file of .csv"):
        load(tmp_path / "a.txt", given="kind")
    with pytest.raises(UserError, match="no column 'kind': what it tells of its sentences is label"):
        load("grammar:types", given="kind")


def test_what_each_sentence_is_given_stays_with_it(tmp_path):
    rows = [(f"sentence {i}", f"{i % 4:02}") for i in range(40)]  # two digits: a number would lose one of them
    (tmp_path / "a.csv").write_text("text,kind\n" + "".join(f"{text},{kind}\n" for text, kind in rows))
    corpus = load(tmp_path / "a.csv", holdout=15, seed=3, given="kind")
    for part in (corpus.train, corpus.test):
        assert set(zip(part.text, part.given, strict=True)) <= set(rows)
    assert len(corpus.test) == 15 and len(corpus.train) == 25
    assert load(tmp_path / "a.csv", holdout=15, seed=3).test.text == corpus.test.text  # what is given changes no split


def test_a_class_that_is_missing_is_named(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"text": [text for text, _ in ROWS], "kind": [0, 1, -1, 1, 0, 1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="column 'kind' is empty in 1 of 6 rows, first in row 3"):
        load(tmp_path / "a.parquet", given="kind")


def test_a_grammar_tells_what_its_sentences_are_given():
    corpus = load("grammar:dialogue", given="context", size=30, holdout=20, seed=4)
    for part in (corpus.train, corpus.test):
        assert all(Pairs(corpus.grammar).agree(part.given, part.text)) and part.given != part.text
    assert (len(corpus.train), len(corpus.test)) == (30, 20)
    labelled = load("grammar:types", given="label", size=30, holdout=20, seed=4)
    for part in (labelled.train, labelled.test):
        assert labelled.grammar.label_probability(part.given, part.text).tolist() == pytest.approx([1] * len(part))
    assert labelled.train.text == load("grammar:types", size=30, holdout=20, seed=4).train.text
    again = load("grammar:types", given="label", size=30, holdout=20, seed=5)
    assert again.train.text != labelled.train.text
