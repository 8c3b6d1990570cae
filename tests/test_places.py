"""Test that commands refuse a place that they cannot write to, or would overwrite what they read, before their work."""

import os

import pytest
from untrained import choosing, of_contexts

from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.places import check_files, check_folder

REFERENCE = ["--reference", "reference.txt", "--metrics", "ngrams"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "samples.txt", *REFERENCE, "--json", "samples.txt"], "--json samples.txt is a file that this"),
        (["evaluate", "samples.txt", *REFERENCE, "--json", "./reference.txt"], "--json ./reference.txt is a file that"),
        (
            ["evaluate", "samples.txt", *REFERENCE, "--train", "train.txt", "--json", "link"],
            "--json link is a file that",
        ),
        (["evaluate", "samples.txt", *REFERENCE, "--table", "t.md", "--json", "t.md"], "is the file of --json, too"),
        (["evaluate", "samples.txt", *REFERENCE, "--json", "folder"], "--json folder is a folder"),
        (["compare", "samples.txt", *REFERENCE, "--out", "other.txt"], "--out other.txt is a file"),
        (["compare", "samples.txt", *REFERENCE, "--out", "other.txt/a"], "other.txt is a file, not a folder"),
        (["compare", "samples.txt", *REFERENCE, "--json", "samples.txt"], "--json samples.txt is a file that this"),
        (["sweep", "run", "--out", "other.txt"], "--out other.txt is a file"),
        (["probe", "run", "--out", "other.txt"], "--out other.txt is a file"),
        (["score", "run", "samples.txt", "--out", "samples.txt"], "--out samples.txt is a file that this"),
        (["score", "run", "samples.txt", "--out", "folder"], "--out folder is a folder"),
        (["sample", "run", "--out", "folder"], "--out folder is a folder"),
        (
            ["sample", "answering", "--context", "other.txt", "--out", "other.txt"],
            "--out other.txt is a file that this",
        ),
    ],
)
def test_bad_places_are_refused_before_the_work(files, capsys, monkeypatch, arguments, said):
    (files / "folder").mkdir()
    (files / "link").symlink_to("train.txt")
    choosing(files / "run")
    of_contexts(files / "answering")
    before = {path: path.read_bytes() for path in files.glob("*.txt")}
    for work in ("scorer.Scorer.__call__", "comparison.from_options"):
        monkeypatch.setattr(f"seqgan_gp.evaluation.{work}", lambda *_: pytest.fail("it began to work"))
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line
    assert {path: path.read_bytes() for path in files.glob("*.txt")} == before


def test_good_places_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.json").write_text("{}")
    check_files({"--json": "old.json", "--table": "new/deep/t.md"}, [None, "-", "grammar", "gone.txt"])
    check_files({"--json": os.devnull, "--out": os.devnull}, [os.devnull])
    check_files({"--json": None, "--out": "-"}, ["-"])
    check_folder("--out", "new/deep")
    check_folder("--out", ".")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written to"):
        check_files({"--out": str(tmp_path / "a.txt")})
