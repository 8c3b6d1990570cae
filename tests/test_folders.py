"""Test that a folder is read as it was checked: every file is read or named, whatever it is called."""

import os

import numpy as np
import pytest
from bars import bars
from bars import load as load_bars
from corpora import load
from PIL import Image

from seqgan_gp.errors import UserError

LINES = [f"sentence number {i}" for i in range(12)]


def put(folder, **files):
    """Write files of lines; __ in a name stands for a dot, and ___ for a slash."""
    for name, lines in files.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))


def numbered(first, last):
    return [f"sentence number {i}" for i in range(first, last)]


def test_only_files_of_the_kind_are_read_and_the_others_are_named(tmp_path, capsys):
    put(tmp_path, books__txt=LINES, LICENSE=["no sentence"], notes__bak=["no sentence"], empty__txt=[])
    (tmp_path / "blank.txt").write_text(" \n\n")
    (tmp_path / "._books.txt").write_bytes(b"\0\5\x16\7")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    put(tmp_path / ".git", a__txt=["no sentence"])
    put(tmp_path / "__MACOSX", a__txt=["no sentence"])
    os.symlink("/nowhere/at/all", tmp_path / "gone.txt")
    corpus = load(tmp_path)
    assert sorted(corpus.train.text + corpus.test.text) == sorted(LINES)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path}: training sentences from books.txt (no name says train or test")
    for part in (
        "LICENSE, notes.bak (no kind that is read here)",
        "empty.txt, blank.txt (empty)",
        "gone.txt (no file)",
    ):
        assert part in line
    hidden = line.split(" (hidden)")[0].split("left out: ")[1]
    assert {*hidden.split(", ")} == {".git/", "__MACOSX/", ".DS_Store", "._books.txt"}


@pytest.mark.parametrize(
    "files, train, test, left_out",
    [
        ({"train__txt": (0, 8), "more__txt": (8, 12)}, (0, 8), None, "more.txt (no train or test in its name"),
        ({"more__txt": (0, 8), "test__txt": (8, 12)}, (0, 8), (8, 12), None),
        ({"train___a__txt": (0, 8), "test__txt": (8, 12)}, (0, 8), (8, 12), None),
        ({"train___test-1__txt": (0, 8), "test___train-1__txt": (8, 12)}, (0, 8), (8, 12), None),
        ({"my_train-2__txt": (0, 8), "my_test-2__txt": (8, 12)}, (0, 8), (8, 12), None),
        ({"train__txt": (0, 8), "validation__txt": (8, 12)}, (0, 8), None, "validation.txt (validation sets are not"),
        ({"test__txt": (0, 12)}, (0, 12), None, None),
        ({"training__txt": (4, 8), "train-b__txt": (0, 4), "evaluation__txt": (8, 12)}, (0, 8), (8, 12), None),
        ({"Trainer__txt": (0, 8), "contest__txt": (8, 12)}, (8, 12, 0, 8), None, None),
        ({"b__txt": (8, 12), "a___c__txt": (4, 8), "a__txt": (0, 4)}, (0, 12), None, None),
    ],
)
def test_every_file_goes_to_a_split_or_is_named(tmp_path, capsys, files, train, test, left_out):
    put(tmp_path, **{name: numbered(*rows) for name, rows in files.items()})
    corpus = load(tmp_path)
    read = sorted(corpus.train.text + (corpus.test.text if test is None else []))
    assert read == sorted(LINES[slice(*train[:2])] + (numbered(*train[2:]) if train[2:] else []))
    if test is not None:
        assert corpus.test.text == LINES[slice(*test)]
    (line,) = capsys.readouterr().err.splitlines()
    assert (f"; left out: {left_out}" in line) if left_out else ("left out" not in line)


def test_files_are_read_in_the_order_of_their_paths(tmp_path):
    put(tmp_path / "train", **{"b-10__txt": numbered(0, 4), "b-9__txt": numbered(4, 8), "c___a__txt": numbered(8, 12)})
    put(tmp_path, test__txt=["one", "two"])
    assert load(tmp_path).train.text == LINES
    put(tmp_path / "other", b__txt=numbered(8, 12), a___c__txt=numbered(4, 8), a__txt=numbered(0, 4))
    assert load(tmp_path / "other", test=str(tmp_path / "test.txt")).train.text == LINES


def test_a_name_that_says_two_splits_is_asked_to_say_one(tmp_path):
    put(tmp_path, **{"train-test__txt": LINES})
    with pytest.raises(UserError, match=r"the name of train-test\.txt says train and test: rename it"):
        load(tmp_path)


def test_held_out_sentences_from_elsewhere_leave_the_split_of_the_folder_out(tmp_path, capsys):
    put(tmp_path / "a", train__txt=numbered(0, 8), test__txt=numbered(8, 12))
    put(tmp_path, b__txt=["one", "two"])
    assert load(tmp_path / "a", test=str(tmp_path / "b.txt")).test.text == ["one", "two"]
    assert "test.txt (held-out ones are given apart)" in capsys.readouterr().err
    assert load(tmp_path / "b.txt", test=str(tmp_path / "a")).test.text == numbered(8, 12)
    assert "train.txt (not held-out)" in capsys.readouterr().err


def test_a_blank_file_of_held_out_sentences_is_none(tmp_path, capsys):
    put(tmp_path, train__txt=LINES, test__txt=[" "])
    corpus = load(tmp_path)
    assert sorted(corpus.train.text + corpus.test.text) == sorted(LINES)
    assert "left out: test.txt (empty)" in capsys.readouterr().err


def test_many_files_are_counted_and_not_all_named(tmp_path, capsys):
    put(tmp_path, **{f"a{i}__txt": LINES[i : i + 1] for i in range(9)})
    load(tmp_path)
    assert "from a0.txt, a1.txt, a2.txt and 6 more (" in capsys.readouterr().err


def test_a_folder_of_nothing_but_empty_files_says_so(tmp_path):
    put(tmp_path, a__txt=[])
    with pytest.raises(UserError, match=r"none but empty ones \(a\.txt\)"):
        load(tmp_path)
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(UserError, match="the corpus is empty"):
        load(tmp_path)


@pytest.mark.parametrize(
    "name", ["corpus [v2]", "a*b?", "two words", "ünïcode 漢字", "train", "x.txt", "50% {a}", "$HOME"]
)
def test_a_name_is_no_pattern(tmp_path, name, capsys):
    put(tmp_path / name, books__txt=LINES)
    put(tmp_path / "corpus v", books__txt=["another"] * 5)
    corpus = load(tmp_path / name)
    assert sorted(corpus.train.text + corpus.test.text) == sorted(LINES)
    for suffix, text in ((".txt", "\n".join(LINES)), (".csv", "text\n" + "\n".join(LINES))):
        path = tmp_path / f"{name} file{suffix}"
        path.write_text(text)
        assert load(path).train == corpus.train


@pytest.mark.parametrize("name", ["pictures [v2]", "a*b?", "ünï"])
def test_pictures_in_a_folder_of_any_name_and_nothing_else_become_images(tmp_path, name, capsys):
    images = bars(30)
    for i, pixels in enumerate(images.pixels):
        to = tmp_path / name / ("train" if i < 20 else "test") / "ud"[images.labels[i]] / f"{i:03} [x].png"
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(to)
    (to.parent / "._029.png").write_bytes(b"\0\5\x16\7")
    (to.parent / "none.png").touch()
    (to.parent / "notes.txt").write_text("no picture")
    train, test = load_bars(tmp_path / name)
    assert (len(train.pixels), len(test.pixels)) == (20, 10) and sorted(np.unique(train.labels)) == [0, 1]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert "._029.png (hidden)" in line and "none.png (empty)" in line and "notes.txt (no kind" in line
