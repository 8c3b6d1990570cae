"""Test that a bad row of .csv, .tsv and JSON is named with its line, and that no cell becomes another's."""

import json

import pyarrow
import pyarrow.parquet
import pytest
from corpora import load

from seqgan_gp.errors import UserError

ROWS = [f"hello {i},{i}" for i in range(8)]


def table(*rows, header="text,id"):
    return "".join(f"{row}\n" for row in (header, *rows))


@pytest.mark.parametrize(
    "text, complaint",
    [
        (table(*(f"{row}," for row in ROWS)), r"row 1 \(line 2\): 3 cells, and the header has 2"),
        (table(*ROWS[:4], "hello, you,4", *ROWS), r"row 5 \(line 6\): 3 cells, and the header has 2: put a cell that"),
        (table(*(f"{i},hello,{i}" for i in range(8))), r"row 1 \(line 2\): 3 cells"),
        (table("hello, you", header="text"), r"row 1 \(line 2\): 2 cells, and the header has 1"),
        (table('"two', 'lines",1', "", "a,b,c"), r"row 2 \(line 5\): 3 cells"),
        (table("1,one", "2", header="id,text"), r"row 2 \(line 3\): 1 cell, .* so that column 'text' is missing"),
        (table(*ROWS[:2], '"open,2', *ROWS), r"line 4: a quote is opened there and never closed"),
        (table(*ROWS[:2], '"open,2', '"shut",3', *ROWS), r"line 4: a quote is opened there and closed in the middle"),
        (table('"Hi," he said,1'), r"line 2: a quote is opened there and closed in the middle"),
        (table(*ROWS, "text,id", *ROWS), r"row 9 \(line 10\): the header stands there again: take that line out"),
        (table(*ROWS, header="text,text"), r"line 1: 2 columns are named 'text': rename all but one"),
        (table(*(row.replace(",", ";") for row in ROWS), header="text;id"), r"one of: 'text;id' \(are other marks"),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, complaint):
    for suffix, data in ((".csv", text), (".tsv", text.replace(",", "\t")), (".csv", text.replace("\n", "\r\n"))):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data.encode())
        with pytest.raises(UserError, match=rf"a{suffix}.*{complaint}".replace(";id", "[;\t]id")) as error:
            load(path)
        assert "\n" not in str(error.value)


def test_rows_may_lack_cells_that_are_not_needed(tmp_path):
    (tmp_path / "a.csv").write_text(table(*ROWS, "short", "", *ROWS[:2]))
    assert "short" in load(tmp_path / "a.csv").train.text
    with pytest.raises(UserError, match=r"row 9 \(line 10\): 1 cell, .* column 'id' is missing"):
        load(tmp_path / "a.csv", given="id")


def test_quotes_that_are_well_written_are_none_of_the_text(tmp_path):
    rows = ['"a, b",1', '"he said ""hi""",2', 'the 5" pipe,3', '"two\nlines",4', "plain,5"]
    (tmp_path / "a.csv").write_text(table(*rows))
    corpus = load(tmp_path / "a.csv")
    assert {*corpus.train.text, *corpus.test.text} == {"a, b", 'he said "hi"', 'the 5" pipe', "two lines", "plain"}


def test_a_sentence_may_be_the_name_of_its_column_where_it_stands_alone(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(table("secret", "password", "1234", "qwerty", header="password"))
    corpus = load(tmp_path / "a.csv", column="password")
    assert "password" in corpus.train.text + corpus.test.text
    assert "a.csv, line 3: the same as the header" in capsys.readouterr().err


GOOD = [{"text": f"hello {i}", "kind": i % 2} for i in range(8)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        json.dumps([row["text"] for row in GOOD]),
        json.dumps({"text": [row["text"] for row in GOOD], "kind": [0] * 8}),
        "\n\n".join(map(json.dumps, GOOD)),
        "\r\n".join(map(json.dumps, GOOD)),
    ],
    ids=["list", "texts", "columns", "lines", "lines of Windows"],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_comes_as_rows_columns_and_lines(tmp_path, text, suffix):
    (tmp_path / f"a{suffix}").write_text(text)
    corpus = load(tmp_path / f"a{suffix}")
    assert sorted(corpus.train.text + corpus.test.text) == [row["text"] for row in GOOD]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('{"text": "a"}\n{"text": "b"}\n{"text":\n', "line 3: cannot be loaded as JSON"),
        ("not json\n", "line 1: cannot be loaded as JSON"),
        ("[" * 100_000, "cannot be loaded as JSON"),
        ('{"text": "a"}\n\n{"text": 3}\n', r"row 2 \(line 3\): column 'text' holds a number, not text"),
        ('[{"text": "a"}, {"text": ["b"]}]', "row 2: column 'text' holds a list, not text"),
        ('["a", {"text": "b"}]', "row 1: text, where an object"),
        ('{"data": [{"text": "a"}], "version": 1}', "its rows are inside an object, under data"),
        ('{"text": ["a", "b"], "id": [1]}', r"different numbers of rows \(text 2, id 1\)"),
        ("3", "neither rows nor columns, but a number"),
        ('{"text": "a\\ud800"}\n' * 5, r"row 1 \(line 1\): half of a surrogate pair"),
        ('{"words": "a"}\n{"words": "b"}\n', "no column 'text'; pass --corpus.column with one of: words"),
    ],
)
def test_a_bad_row_of_json_is_named(tmp_path, text, complaint):
    for suffix in (".json", ".jsonl"):
        (tmp_path / f"a{suffix}").write_text(text)
        with pytest.raises(UserError, match=rf"a{suffix}.*{complaint}"):
            load(tmp_path / f"a{suffix}")


def parquet(path, *columns):
    pyarrow.parquet.write_table(pyarrow.table([c for _, c in columns], names=[n for n, _ in columns]), path)


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()], ids=str)
def test_text_of_parquet_may_have_any_kind_and_stand_beside_anything(tmp_path, kind):
    texts = pyarrow.array([row["text"] for row in GOOD], kind)
    beside = pyarrow.array([[("a", 1)]] * 8, pyarrow.map_(pyarrow.string(), pyarrow.int64()))
    parquet(
        tmp_path / "a.parquet",
        ("m", beside),
        ("text", texts),
        ("m", beside),
        ("d", pyarrow.array([5] * 8, "duration[s]")),
    )
    corpus = load(tmp_path / "a.parquet")
    assert sorted(corpus.train.text + corpus.test.text) == [row["text"] for row in GOOD]


def test_columns_of_parquet_are_missed_or_doubled_by_name(tmp_path):
    texts = pyarrow.array([row["text"] for row in GOOD])
    parquet(tmp_path / "a.parquet", ("text", texts), ("text", texts), ("kind", texts))
    with pytest.raises(UserError, match="2 columns are named 'text': rename all but one"):
        load(tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"no column .txt.; pass --corpus\.column with one of: text, text, kind"):
        load(tmp_path / "a.parquet", column="txt")
    assert len(load(tmp_path / "a.parquet", column="kind").train) == 6


def test_a_label_of_json_that_is_no_name_is_refused_with_its_row(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": f"t {k}", "k": k}) + "\n" for k in (1, 2.5, 3)))
    with pytest.raises(UserError, match=r"row 2 \(line 2\): column 'k' holds a number with a point"):
        load(tmp_path / "a.jsonl", given="k")
