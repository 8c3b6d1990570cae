"""Test that a table says the same as Markdown, CSV and LaTeX, whatever its texts are."""

import csv
import io

import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.tabular import Number, Table, check_suffix, write

NAMES = ["a_b", "50% & more", "x|y", "#1 {z}", "~^\\", "$5"]
TABLE = Table(
    ["", "ours_1", "real"],
    [[name, Number(place / 3, 0.01 * place), Number(1234 + place)] for place, name in enumerate(NAMES)]
    + [["plain", Number(0.5), ""], ["none", Number(None), Number(None)], ["test", Number(-0.25, p=0.0004), ""]],
)


def test_markdown_has_a_line_for_each_row():
    lines = TABLE.markdown().splitlines()
    assert lines[:3] == ["|  | ours_1 | real |", "| --- | ---: | ---: |", "| a_b | 0.0000 ± 0.0000 | 1,234 |"]
    assert lines[4].startswith(r"| x\|y | 0.6667 ± 0.0200") and lines[-1] == "| test | -0.2500 (<0.001) |  |"


def test_csv_has_all_digits_and_columns_for_margins_and_chances():
    rows = list(csv.DictReader(io.StringIO(TABLE.csv())))
    assert list(rows[0]) == ["", "ours_1", "ours_1 ±", "ours_1 p", "real"]
    assert [row[""] for row in rows] == [*NAMES, "plain", "none", "test"]
    assert float(rows[1]["ours_1"]) == 1 / 3 and float(rows[1]["ours_1 ±"]) == 0.01 and rows[1]["real"] == "1235"
    assert rows[7]["ours_1"] == rows[7]["real"] == "" and float(rows[8]["ours_1 p"]) == 0.0004


def test_latex_has_the_rules_of_booktabs_escaped_texts_and_numbers_below_one_another():
    lines = TABLE.latex().splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}"
    assert {r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"} < set(lines)
    body = "\n".join(lines)
    assert r" & ours\_1 & real \\" in body
    for text in (r"a\_b & $", r"50\% \& more & $", r"\#1 \{z\} & $", r"\$5 & $", r"\textbackslash"):
        assert text in body
    assert r"a\_b & $0.0000 \pm 0.0000$ & $1{,}234$ \\" in lines
    assert r"plain & $0.5000\phantom{{} \pm 0.0000}$ &  \\" in lines
    assert r"none & -- & -- \\" in lines and r"test & $-0.2500$ ($<$0.001) &  \\" in lines
    assert all(line.count("&") - line.count(r"\&") == 2 for line in lines if line.endswith(r"\\"))


@pytest.mark.parametrize(
    "suffix, begins", [(".md", "|  |"), (".csv", ",ours"), (".tex", r"\begin"), (".TEX", r"\begin")]
)
def test_the_suffix_tells_the_format(tmp_path, suffix, begins):
    write(TABLE, tmp_path / f"t{suffix}")
    text = (tmp_path / f"t{suffix}").read_text()
    assert text.startswith(begins) and text.endswith("\n")


def test_another_suffix_is_refused():
    check_suffix("--table", "a.csv")
    with pytest.raises(UserError, match=r"--table a.xlsx: its name must end in .md, .csv or .tex"):
        check_suffix("--table", "a.xlsx")


def test_markdown_escapes_heads_like_cells():
    assert Table(["a|b", "c"], [["d|e", "f"]]).markdown().splitlines()[::2] == [r"| a\|b | c |", r"| d\|e | f |"]
