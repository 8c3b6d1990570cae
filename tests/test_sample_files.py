"""Test that evaluate and compare read samples and real text like corpora, and one of them from standard input."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet
import pytest
from scored import QUICK, different, put, read

from seqgan_gp.cli import main

SAMPLES = [*different("s", 30), "", "one more"]
FORMS = ["csv", "tsv", "json", "jsonl", "parquet", "txt.gz", "jsonl.gz", "utf-16"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(Path("samples.txt"), SAMPLES)
    put(Path("reference.txt"), different("s", 20) + different("r", 20))
    put(Path("train.txt"), different("t", 30))
    return tmp_path


def turned(name, form, column="text"):
    """The file of lines in another form, whose column is named so."""
    lines = Path(f"{name}.txt").read_text().splitlines()
    path = Path(f"{name}-other.{form}")
    match form.split(".")[0]:
        case "csv" | "tsv":
            with path.open("w", newline="") as file:
                rows = csv.writer(file, delimiter="," if form == "csv" else "\t")
                rows.writerows([["n", column], *([i, line] for i, line in enumerate(lines))])
        case "json":
            path.write_text(json.dumps([{column: line} for line in lines]))
        case "jsonl":
            data = "".join(json.dumps({column: line}) + "\n" for line in lines).encode()
            path.write_bytes(gzip.compress(data) if form.endswith("gz") else data)
        case "parquet":
            pyarrow.parquet.write_table(pyarrow.table({column: lines}), path)
        case "txt":
            path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
        case _:
            path.write_text("".join(f"{line}\n" for line in lines), encoding=form)
    return str(path)


def scores(command):
    assert main([*command, *QUICK, "--json", "scores.json"]) == 0
    return {key: value for key, value in read(Path("scores.json")).items() if key != "settings"}


@pytest.mark.parametrize("form", FORMS)
def test_evaluate_reads_every_form_alike(files, form):
    plain = scores(["evaluate", "samples.txt", "--reference", "reference.txt", "--train", "train.txt"])
    names = [turned(name, form) for name in ("samples", "reference", "train")]
    assert scores(["evaluate", names[0], "--reference", names[1], "--train", names[2]]) == plain


@pytest.mark.parametrize("form", ["csv", "jsonl.gz", "parquet"])
def test_compare_reads_the_column_that_is_named(files, form):
    names = [turned(name, form, "line") for name in ("samples", "reference", "train")]
    tail = ["--bootstrap", "0", "--column", "line"]
    options = ["--reference", names[1], "--real", names[2], *tail]
    systems = scores(["compare", names[0], "samples.txt", *options])["systems"]
    assert len(systems) == 2 and systems["samples"] in [value for key, value in systems.items() if key != "samples"]
    assert main(["evaluate", names[0], "--reference", "reference.txt"]) == 2


def test_a_missing_column_names_those_that_are_there(files, capsys):
    assert main(["evaluate", turned("samples", "csv", "line"), "--reference", "reference.txt"]) == 2
    assert "no column 'text'; pass --column with one of: n, line" in capsys.readouterr().err
    Path("spaces.csv").write_text("my text,id\na b,1\nc d,2\n")
    assert main(["evaluate", "spaces.csv", "--reference", "reference.txt"]) == 2
    assert "pass --column with one of: 'my text', id" in capsys.readouterr().err


def test_a_bad_row_is_named(files, capsys):
    Path("bad.csv").write_text("text,id\na,1\nb,2,3\n")
    assert main(["evaluate", "bad.csv", "--reference", "reference.txt"]) == 2
    assert "bad.csv, row 2 (line 3): 3 cells" in capsys.readouterr().err


def given(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


@pytest.mark.parametrize("form", ["txt", "txt.gz", "jsonl", "utf-16"])
def test_samples_come_from_standard_input(files, monkeypatch, form):
    plain = scores(["evaluate", "samples.txt", "--reference", "reference.txt"])
    data = Path("samples.txt" if form == "txt" else turned("samples", form)).read_bytes()
    given(monkeypatch, data)
    assert scores(["evaluate", "-", "--reference", "reference.txt"]) == plain


@pytest.mark.parametrize("option", ["--reference", "--train", "--real"])
def test_real_text_comes_from_standard_input(files, monkeypatch, option):
    sources = {"--reference": "reference.txt", "--train": "train.txt", "--real": "train.txt"}

    def command():
        options = [word for pair in sources.items() for word in pair]
        return ["compare", "samples.txt", *options, "--bootstrap", "0"]

    plain = scores(command())
    given(monkeypatch, Path(sources[option]).read_bytes())
    sources[option] = "-"
    assert scores(command()) == plain


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "-", "--reference", "-"],
        ["compare", "-", "-", "--reference", "reference.txt"],
        ["compare", "samples.txt", "--reference", "-", "--real", "-"],
        ["sweep", "nowhere", "--reference", "-", "--train", "-"],
    ],
)
def test_standard_input_is_named_once(files, monkeypatch, capsys, command):
    given(monkeypatch, b"one\ntwo\nthree\nfour\n")
    assert main([*command, *QUICK]) == 2
    assert "- is given twice" in capsys.readouterr().err


@pytest.mark.parametrize("data, complaint", [(b"", "standard input: the file is empty"), (b"\x1f\x8b\x08", "damaged")])
def test_bad_standard_input_is_one_line(files, monkeypatch, capsys, data, complaint):
    given(monkeypatch, data)
    assert main(["evaluate", "-", "--reference", "reference.txt"]) == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


def test_a_real_pipe_is_read(files):
    command = [sys.executable, "-m", "seqgan_gp", "evaluate", "-", "--reference", "reference.txt", *QUICK]
    root = Path(__file__).parent.parent
    done = subprocess.run(
        command, input=Path("samples.txt").read_bytes(), capture_output=True, env=os.environ | {"PYTHONPATH": str(root)}
    )
    assert done.returncode == 0 and b"32 sentences of standard input against all 40" in done.stdout
