"""Test that text on a single line, or on a few huge ones, is noticed, and is cut as the user asks."""

import gzip

import pytest
from conftest import train
from corpora import load

from seqgan_gp.errors import UserError

STORY = "The dog ran. Mr. Smith saw it! “Why?” he asked. It cost 3.5 pounds... He paid. "


def parts(path, **options):
    corpus = load(path, **options)
    return corpus.train.text, corpus.test.text


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_text_on_a_few_lines_is_named_with_the_ways_to_cut_it(tmp_path, name, lines):
    data = "\n".join([STORY * 40] * lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    count = "one line" if lines == 1 else f"{lines} lines"
    length = f"{(len(STORY) * 40 - 1) * lines:,}"
    with pytest.raises(
        UserError, match=rf"{name}: the corpus is {count} of {length} characters.*--corpus.split sentences"
    ):
        load(tmp_path / name)


def test_sentences_end_at_their_marks_and_not_at_abbreviations(tmp_path):
    (tmp_path / "a.txt").write_text(STORY * 9)
    train, test = parts(tmp_path / "a.txt", split="sentences")
    sentences = ["The dog ran.", "Mr. Smith saw it!", "“Why?” he asked.", "It cost 3.5 pounds...", "He paid."]
    assert sorted(train + test) == sorted(sentences * 9)


def test_chinese_and_hindi_sentences_end_at_their_own_marks(tmp_path):
    (tmp_path / "a.txt").write_text("今天天气很好。他在看书！「走吧。」她说？मैं घर जाता हूँ। यह अच्छा है। " * 3)
    train, test = parts(tmp_path / "a.txt", split="sentences")
    expected = ["今天天气很好。", "他在看书！", "「走吧。」", "她说？", "मैं घर जाता हूँ।", "यह अच्छा है।"]
    assert {*train, *test} == {*expected}


def test_lines_that_an_editor_has_broken_are_joined_before_they_are_cut(tmp_path):
    (tmp_path / "a.txt").write_text(
        "A line that\ngoes on. And\nanother.\n\nA title\n\nThe end. " + "X" * 250 + "\nLast.\n"
    )
    train, test = parts(tmp_path / "a.txt", split="sentences")
    expected = ["A line that goes on.", "And another.", "A title", "The end.", "X" * 250, "Last."]
    assert sorted(train + test) == sorted(expected)
    (tmp_path / "b.txt").write_text("ACGT\nACGG\n" * 20)
    train, test = parts(tmp_path / "b.txt", split="characters:16")
    assert {*train, *test} == {"ACGTACGGACGTACGG"}


@pytest.mark.parametrize("holdout", [3, 40])
@pytest.mark.parametrize("how, sep", [("words:7", " "), ("characters:9", "")])
def test_windows_hold_all_of_the_text_once_so_that_none_is_held_out_and_trained_on(tmp_path, how, sep, holdout):
    units = [f"w{i}" for i in range(1000)] if sep else [chr(0x4E00 + i) for i in range(1000)]
    (tmp_path / "a.txt").write_text(sep.join(units))
    train, test = parts(tmp_path / "a.txt", split=how, holdout=holdout)
    assert len(test) == holdout
    seen = [unit for window in (*train, *test) for unit in (window.split() if sep else window)]
    assert sorted(seen) == sorted(units)
    sizes = sorted(len(window.split() if sep else window) for window in (*train, *test))
    assert {*sizes[1:]} == {int(how.split(":")[1])}  # all but the last one


def test_rows_and_records_are_cut_each_by_itself_and_keep_their_label(tmp_path):
    (tmp_path / "a.fa").write_text("".join(f">s{i} x\n{'ACGT' * 4}\n{'GG' * i}\n" for i in range(5)))
    corpus = load(tmp_path / "a.fa", split="characters:8", given="id")
    pairs = [pair for part in (corpus.train, corpus.test) for pair in zip(part.text, part.given, strict=True)]
    assert pairs.count(("ACGTACGT", "s3")) == 2 and ("GGGGGG", "s3") in pairs and len(pairs) == 5 * 2 + 4


def test_huge_lines_are_mentioned_where_there_are_enough_to_train_on(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("\n".join(["word " * 3000] * 2 + ["short one"] * 9))
    load(tmp_path / "a.txt")
    line = capsys.readouterr().err
    assert "2 lines of 11 have over 10,000 characters, the longest 14,999" in line and "--corpus.split" in line
    load(tmp_path / "a.txt", split="words:20")
    assert "10,000" not in capsys.readouterr().err


def test_a_cut_that_leaves_one_piece_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("word " * 5000)
    with pytest.raises(
        UserError, match=r"--corpus.split sentences makes one sentence of 24,999 characters: cut it otherw"
    ):
        load(tmp_path / "a.txt", split="sentences")


@pytest.mark.parametrize("how", ["lines", "words", "words:0", "words:-3", "characters:x", "", "words:1.5"])
def test_a_way_that_there_is_not_is_one_line_and_exit_2(tmp_path, capsys, how):
    (tmp_path / "a.txt").write_text(STORY * 40)
    assert train(tmp_path / "run", f"--corpus.train={tmp_path / 'a.txt'}", f"--corpus.split={how}") == 2
    assert "corpus.split is" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_trains_on_a_novel(tmp_path, capsys):
    (tmp_path / "a.txt").write_text(STORY * 40)
    options = [f"--corpus.train={tmp_path / 'a.txt'}", "--corpus.split=sentences", "--corpus.holdout=9"]
    assert train(tmp_path / "run", *options) == 0
    lines = (tmp_path / "run" / "corpus" / "train.txt").read_text().splitlines()
    assert len(lines) == 191 and {*lines} >= {"The dog ran.", "He paid."}


def test_one_line_is_named_however_short_it_is_for_a_novel(tmp_path):
    (tmp_path / "one.txt").write_text(" ".join(f"sentence number {i}" for i in range(20)))
    with pytest.raises(UserError, match=r"the corpus is one line of 3\d\d characters: cut it with"):
        parts(tmp_path / "one.txt")
