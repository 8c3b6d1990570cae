"""Test that FASTA is read record by record, and that samples are written so."""

import csv
import gzip

import pytest
import torch
from conftest import train
from corpora import load
from untrained import checkpoint

from seqgan_gp import Critic
from seqgan_gp.cli import main
from seqgan_gp.errors import UserError
from seqgan_gp.text import fasta

RECORDS = """; a comment
>sp|P1|HBA Haemoglobin OS=Homo OX=9606
MVLSpadk
TNVK

>sp|P2|HBB OS=Mus OX=10090
mvhl
;another
TPEE K
"""


def write(path, number=6):
    path.write_text(
        RECORDS.replace("TNVK", "TNV\r\nK") + "".join(f">s{i} OX={i % 2}\nAC\nGT{'A' * i}\n" for i in range(number))
    )
    return path


def rows(corpus):
    parts = (corpus.train, corpus.test)
    if corpus.train.given is None:
        return sorted(text for part in parts for text in part.text)
    return sorted(pair for part in parts for pair in zip(part.text, part.given, strict=True))


@pytest.mark.parametrize("suffix", [".fa", ".fasta", ".faa", ".fna", ".FA", ".fas", ".ffn", ".frn", ".mpfa"])
def test_the_lines_of_a_record_are_one_sequence(tmp_path, suffix):
    expected = ["MVLSpadkTNVK", "mvhlTPEEK", *(f"ACGT{'A' * i}" for i in range(6))]
    path = write(tmp_path / f"a{suffix}")
    assert rows(load(path)) == sorted(expected)
    (tmp_path / f"b{suffix}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert rows(load(tmp_path / f"b{suffix}.gz", uppercase=True)) == sorted(map(str.upper, expected))
    assert rows(load(path, column="sequence")) == sorted(expected)


def test_labels_come_from_the_header_its_first_word_or_a_pattern(tmp_path):
    path = write(tmp_path / "a.fa")
    assert ("ACGTAA", "s2") in rows(load(path, given="id"))
    assert ("ACGTAA", "s2 OX=0") in rows(load(path, given="header"))
    found = rows(load(path, given="header", label_pattern=r"OX=(\d+)"))
    assert found[0] == ("ACGT", "0") and ("mvhlTPEEK", "10090") in found
    with pytest.raises(
        UserError, match=r"a.fa, row 3 \(line 11\): --corpus.label_pattern 'OS=.*' finds no label in column"
    ):
        load(path, given="header", label_pattern=r"OS=(\w+)")


def test_a_pattern_is_for_the_labels_of_any_file(tmp_path):
    (tmp_path / "a.csv").write_text("text,kind\n" + "".join(f"t {i},class-{i % 2} of it\n" for i in range(8)))
    assert {label for _, label in rows(load(tmp_path / "a.csv", given="kind", label_pattern=r"-(\d)"))} == {"0", "1"}


def test_a_sequence_before_the_first_header_is_named(tmp_path):
    (tmp_path / "a.fa").write_text("\nACGT\n>x\nAC\n")
    with pytest.raises(UserError, match=r"a.fa, line 2: a FASTA record begins with a header"):
        load(tmp_path / "a.fa")


def test_records_under_the_name_of_another_form_are_refused(tmp_path, run, capsys):
    for name in ("a.txt", "a.seq"):
        (tmp_path / name).write_text(f">one of us\n{'ACGT' * 4}\n>two\n{'AC' * 9}\n")
        with pytest.raises(UserError, match=rf"{name}: these lines are FASTA, .* call the file .fasta"):
            load(tmp_path / name)
        assert main(["score", str(run), str(tmp_path / name)]) == 2
        assert f"{tmp_path / name}: these lines are FASTA" in capsys.readouterr().err
    (tmp_path / "mail.txt").write_text("> so you said\nyes, I did.\n> when?\nyesterday.\nno.\nno?\n")
    assert len(rows(load(tmp_path / "mail.txt"))) == 6


def test_what_a_run_learned_in_capitals_it_reads_in_either_case(tmp_path, capsys):
    source, run = tmp_path / "a.fasta", tmp_path / "run"
    records = [(f"p{i} OX={i % 2}", "ACDE"[i % 4] * 3 + "MKL" * (1 + i % 3)) for i in range(60)]
    source.write_text("".join(f">{header}\n{sequence.lower()}\n" for header, sequence in records))
    labels = "--corpus.label=header", r"--corpus.label_pattern=OX=(\d)", "--condition.features=8"
    assert train(run, f"--corpus.train={source}", "--corpus.uppercase=true", "--corpus.holdout=20", *labels) == 0
    critic, texts = Critic.from_pretrained(run), [sequence for _, sequence in records]
    given = [header[-1] for header, _ in records]
    scores = critic(texts, given)
    assert torch.equal(critic([text.lower() for text in texts], given), scores)
    command = ["score", str(run), str(source), "--given=header", "--nearest=train", f"--out={tmp_path / 's.csv'}"]
    capsys.readouterr()
    assert main(command) == 0
    assert "unknown" not in capsys.readouterr().err
    with (tmp_path / "s.csv").open() as file:
        found = list(csv.DictReader(file))
    assert {row["id"] for row in found} == {header.split()[0] for header, _ in records}  # names of FASTA stay
    for row in found:
        number = int(row["id"][1:])
        assert row["label"] == given[number] and float(row["critic"]) == pytest.approx(scores[number].item(), abs=1e-4)
    assert min(int(row["edits"]) for row in found) == 0
    # Its own samples in FASTA have their label behind their name, and score finds it there.
    assert main(["sample", str(run), "--num=6", f"--out={tmp_path / 'o.fasta'}"]) == 0
    assert main(["score", str(run), str(tmp_path / "o.fasta"), "--given=header", f"--out={tmp_path / 'o.csv'}"]) == 0
    with (tmp_path / "o.csv").open() as file:
        assert {row["id"] for row in csv.DictReader(file)} == {f"sample-{i}" for i in range(1, 7)}


def test_capitals_are_made_in_any_corpus(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"straße {i}\n" for i in range(6)))
    assert rows(load(tmp_path / "a.txt", uppercase=True)) == [f"STRASSE {i}" for i in range(6)]


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--corpus.label_pattern=(a)"], "without corpus.label"),
        (["--corpus.label=header", "--corpus.label_pattern=(a"], "is no regular expression"),
        (["--corpus.label=header", "--corpus.label_pattern=a"], "has no group"),
        (["--corpus.train=grammar:text", "--corpus.uppercase=true"], "leave it out with a grammar"),
        (["--corpus.uppercase=true", "--tokenizer.lowercase=true"], "tokenizer.lowercase"),
        (["--corpus.label=header", "--corpus.label_pattern=OX=(7)"], "finds no label"),
    ],
)
def test_keys_that_cannot_work_are_one_line_and_exit_2(tmp_path, capsys, options, complaint):
    path = write(tmp_path / "a.fa")
    assert train(tmp_path / "run", f"--corpus.train={path}", *options) == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("untrained") / "run")


def sampled(run, path, *options):
    assert main(["sample", str(run), "--num", "7", "--out", str(path), *options]) == 0
    return path.read_text()


def test_samples_are_written_in_the_form_of_their_file_and_read_again(tmp_path, run, capsys):
    lines = sampled(run, tmp_path / "a.txt").splitlines()
    records = list(fasta.read(sampled(run, tmp_path / "a.fasta").splitlines(), "a.fasta"))
    assert [record.id for record in records] == [f"sample-{i}" for i in range(1, 8)]
    assert [record.sequence for record in records] == [line.replace(" ", "") for line in lines]
    assert all(len(line) <= 60 for line in (tmp_path / "a.fasta").read_text().splitlines())
    for name in ("a.jsonl", "a.csv", "a.tsv"):
        sampled(run, tmp_path / name)
        assert main(["evaluate", str(tmp_path / name), "--grammar=text", "--metrics=ngrams"]) == 0
        scores = capsys.readouterr().out.split("\n\n")[1]
        assert main(["evaluate", str(tmp_path / "a.txt"), "--grammar=text", "--metrics=ngrams"]) == 0
        assert capsys.readouterr().out.split("\n\n")[1] == scores


@pytest.mark.parametrize("name", ["a.parquet", "a.json", "a.txt.gz", "a.fasta.zst", "a.xlsx", "a.docx", "a.pt"])
def test_samples_are_not_written_under_a_name_that_says_another_form(tmp_path, run, capsys, name):
    assert main(["sample", str(run), "--out", str(tmp_path / name)]) == 2
    assert "samples are written as" in capsys.readouterr().err and not any(tmp_path.iterdir())


def test_a_long_sequence_is_wrapped_and_its_label_stands_in_the_header():
    assert fasta.write(3, "A" * 61, "enzyme") == f">sample-3 enzyme\n{'A' * 60}\nA\n"
    (record,) = fasta.read(fasta.write(3, "A" * 130).splitlines(), "a")
    assert record.sequence == "A" * 130
    assert fasta.write(1, "") == ">sample-1\n\n"
