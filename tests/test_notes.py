"""Lines beside the scores: files that hold the same sentences, and orders of BLEU that lines are too short for."""

import pytest
from scored import QUICK, different, put, read

from seqgan_gp.cli import main
from seqgan_gp.evaluation import notes
from seqgan_gp.scoring import Real, score

NUMBERED = [f"sentence number {i} stands here" for i in range(40)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "train.txt", NUMBERED)
    put(
        tmp_path / "again.txt", [f"  {line} " for line in NUMBERED[::-1]]
    )  # the same by another name and in another order
    put(tmp_path / "held-out.txt", different("h", 30))
    put(tmp_path / "held-out.csv", ["say", *different("h", 30)])
    put(tmp_path / "samples.txt", different("s", 20))
    put(tmp_path / "most.txt", [*NUMBERED[:13], *different("m", 7)])
    put(tmp_path / "holes.txt", ["", *different("o", 20), " ", ""])
    put(tmp_path / "few.txt", [*NUMBERED[:7], *different("f", 13)])
    return tmp_path


SAME = "hold the same sentences"


@pytest.mark.parametrize(
    "arguments, lines",
    [
        (
            ["compare", "samples.txt", "--reference", "train.txt", "--train", "train.txt"],
            [f"--reference train.txt and --train train.txt {SAME}: real text is scored against itself"],
        ),
        (
            ["compare", "samples.txt", "--reference", "again.txt", "--train", "train.txt"],
            [f"--reference again.txt and --train train.txt {SAME}: real text is scored against itself"],
        ),
        (
            ["compare", "samples.txt", "--reference", "train.txt", "--real", "again.txt"],
            [f"--reference train.txt and --real again.txt {SAME}: real text is scored against itself"],
        ),
        (
            ["compare", "samples.txt", "--reference", "held-out.txt", "--train", "train.txt", "--real", "train.txt"],
            [f"--train train.txt and --real train.txt {SAME}: real text is nothing new"],
        ),
        (
            ["compare", "samples.txt", "--reference", "most.txt", "--train", "train.txt"],
            ["65% of the sentences of --reference most.txt are in --train train.txt too: real text is scored"],
        ),
        (
            ["evaluate", "again.txt", "--reference", "train.txt"],
            [f"again.txt and --reference train.txt {SAME}: the samples are scored against themselves"],
        ),
        (
            ["evaluate", "most.txt", "--reference", "train.txt"],
            ["65% of the sentences of most.txt are in --reference train.txt too: the samples are scored"],
        ),
        (
            ["evaluate", "most.txt", "--reference", "held-out.txt", "--train", "train.txt"],
            ["65% of the sentences of most.txt are in --train train.txt too: the samples repeat the training"],
        ),
        (
            ["compare", "train.txt", "again.txt", "--reference", "held-out.txt"],
            [f"train.txt and again.txt {SAME}: the two systems say the same"],
        ),
        (["compare", "few.txt", "--reference", "held-out.txt", "--train", "train.txt"], []),
        (["compare", "samples.txt", "--reference", "held-out.txt", "--train", "train.txt"], []),
        (["evaluate", "few.txt", "--reference", "train.txt"], []),
        (
            ["evaluate", "holes.txt", "--reference", "train.txt"],
            ["3 of the 23 lines of holes.txt are empty, and are scored as samples without words: leave them out"],
        ),
    ],
)
def test_files_that_hold_the_same_sentences_are_named(here, capsys, arguments, lines):
    extra = ["--bootstrap", "0"] if arguments[0] == "compare" else ["--json", "s.json"]
    assert main([*arguments, *QUICK, *extra]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(said) == len(lines)
    for line, expected in zip(said, lines, strict=True):
        assert line.startswith(f"warning: {expected}")
    if arguments[0] == "compare":  # a table that is passed on says it too
        table = (here / "comparison" / "table.md").read_text()
        assert all(expected in table for expected in lines)
        assert read(here / "comparison" / "scores.json")["settings"]["warnings"] == [
            s[len("warning: ") :] for s in said
        ]


@pytest.mark.parametrize("command", ["evaluate", "compare"])
@pytest.mark.parametrize(
    "arguments, lines",
    [
        (["held-out.txt", "--size=21"], ["--size is 21, and there are 20 samples: all of these count"]),
        (["held-out.txt", "--size=20"], []),
        (["held-out.txt", "--column=say"], ["--column say has no effect: plain text has no columns"]),
        (["held-out.csv", "--column=say"], []),
    ],
)
def test_options_without_an_effect_are_named(here, capsys, command, arguments, lines):
    assert main([command, "samples.txt", *QUICK, "--reference", *arguments, "--json=s.json", "--bootstrap=0"]) == 0
    assert capsys.readouterr().err.splitlines() == [f"warning: {line}" for line in lines]


def test_a_file_beside_itself_is_not_asked_for_blank_lines():
    assert notes.same_sentences([(notes.SAMPLES, "a", ["", " "]), (notes.REFERENCE, "b", ["", "x"])]) == []


# --- short lines


def line_of(n, i=0):
    return " ".join(f"w{i}{letter}" for letter in "abcdefg"[:n])


@pytest.mark.parametrize("longest", [1, 2, 3, 4])
def test_orders_that_no_line_has_are_undefined_in_every_column(tmp_path, monkeypatch, capsys, longest):
    monkeypatch.chdir(tmp_path)
    lines = [line_of(longest, i % 5) for i in range(20)] + ["x"]
    put(tmp_path / "a.txt", lines)
    options = ["--reference", "a.txt", "--unit", "word", *QUICK, "--json", "s.json", "--bootstrap", "2"]
    assert main(["evaluate", "a.txt", *options]) == 0
    out, scores = capsys.readouterr().out, read(tmp_path / "s.json")
    for column in (scores, scores["matched"], scores["real"]):
        for kind in ("bleu", "backward_bleu", "f_bleu", "self_bleu"):
            for n in range(2, 6):
                assert (column[f"{kind}_{n}"] is None) == (n > longest), (kind, n)
        assert [column[f"jsd_{n}"] is None for n in range(1, 5)] == [n > longest for n in range(1, 5)]
    assert "n-grams need a line of n tokens" in out


def test_one_side_without_an_order_is_as_undefined_as_a_divergence():
    short, long = [line_of(2, i) for i in range(6)], [line_of(6, i) for i in range(6)]
    for samples, reference in ((short, long), (long, short)):
        values = score(samples, Real(reference))
        for n in (3, 4):
            assert values[f"bleu_{n}"] is values[f"backward_bleu_{n}"] is values[f"f_bleu_{n}"] is values[f"jsd_{n}"]
            assert values[f"bleu_{n}"] is None
            assert (values[f"self_bleu_{n}"] is None) == (samples is short)
        assert values["bleu_2"] is not None


def test_identical_short_lines_score_as_long_ones_in_the_orders_that_they_have():
    for n in (2, 3, 5):
        values = score([line_of(n, i % 2) for i in range(8)], Real([line_of(n, i % 2) for i in range(8)]))
        defined = [values[f"{kind}_{order}"] for kind in ("bleu", "self_bleu") for order in range(2, n + 1)]
        assert defined == [1.0] * len(defined)


def test_where_short_lines_stand_among_long_ones_a_note_says_what_they_cost(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mixed = [line_of(2 if i % 3 == 0 else 6, i) for i in range(12)]
    put(tmp_path / "a.txt", mixed)
    put(tmp_path / "long.txt", [line_of(6, i) for i in range(12)])
    for samples, reference, said in (("a.txt", "a.txt", True), ("long.txt", "long.txt", False)):
        assert main(["compare", samples, "--reference", reference, *QUICK, "--bootstrap", "0"]) == 0
        out, scores = capsys.readouterr().out, read(tmp_path / "comparison" / "scores.json")
        notes = scores["settings"]["notes"]
        assert len(notes) == said
        for note in notes:
            assert note.startswith("33% of a.txt have fewer than 3 words: smoothing gives such lines 0.1")
            assert out.index("length_distance") < out.index(note)
            assert note in (tmp_path / "comparison" / "table.md").read_text()
    assert score(mixed, Real(mixed))["bleu_4"] < 1
    others = ["--metrics", "composition", "--bootstrap", "0"]
    assert main(["compare", "a.txt", "--reference", "a.txt", *others]) == 0
    assert "have fewer than" not in capsys.readouterr().out  # nothing of BLEU is there


def test_a_rank_that_nobody_has_is_no_rank(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.txt", [line_of(2, i) for i in range(8)])
    put(tmp_path / "b.txt", [line_of(2, i) for i in range(8, 16)])
    assert main(["compare", "a.txt", "--reference", "b.txt", *QUICK, "--bootstrap", "0"]) == 0
    assert "not ranked: f_bleu_4 is not defined for these sentences; give another --rank" in capsys.readouterr().out
