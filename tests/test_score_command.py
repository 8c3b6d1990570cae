"""Test the command score: candidates of a file, ranked by what a run has learned."""

import csv
import json

import numpy as np
import pytest
import torch
from conftest import SIZES
from nltk.metrics.distance import edit_distance

from seqgan_gp import Critic
from seqgan_gp.cli import main
from seqgan_gp.notices import silenced
from seqgan_gp.pretrained import Discriminator


@pytest.fixture(scope="module")
def peptides(tmp_path_factory):
    """A tiny run on peptides with a discriminator."""
    output = tmp_path_factory.mktemp("runs") / "peptides"
    options = ["--corpus.size=300", "--corpus.holdout=90", "--tokenizer.vocabulary=23", "--reranking.candidates=3"]
    assert main(["train", "--config=peptides.yaml", *SIZES, *options, f"--output={output}"]) == 0
    return output


@pytest.fixture
def candidates(peptides, tmp_path):
    """Records of held-out peptides, of a letter that no peptide has, and of one that is too long."""
    sequences = (peptides / "corpus" / "test.txt").read_text().splitlines()[:30]
    sequences += ["MKXLLA", "ACDEFGHIKL" * 5]
    path = tmp_path / "c.fasta"
    path.write_text("".join(f">pep_{i} made by us\n{s[:20]}\n{s[20:]}\n" for i, s in enumerate(sequences)))
    return path, sequences


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_candidates_are_ranked_by_the_discriminator(peptides, candidates, tmp_path, capsys):
    path, sequences = candidates
    assert main(["score", str(peptides), str(path), "--out", str(tmp_path / "s.csv")]) == 0
    told = capsys.readouterr().err
    assert "(such as 'X')" in told and "1 candidates are longer than 40 tokens" in told
    found = rows(tmp_path / "s.csv")
    assert list(found[0]) == ["id", "text", "discriminator", "critic", "percentile", "unknown", "cut"]
    assert sorted(row["id"] for row in found) == sorted(f"pep_{i}" for i in range(32))
    scores = [float(row["discriminator"]) for row in found]
    assert scores == sorted(scores, reverse=True)
    texts = [row["text"] for row in found]
    assert all(sequences[int(row["id"].removeprefix("pep_"))] == row["text"] for row in found)
    discriminator = Discriminator.from_pretrained(peptides)
    for column, judge in (("discriminator", discriminator), ("critic", Critic.from_pretrained(peptides))):
        with torch.no_grad(), silenced():
            np.testing.assert_allclose([float(row[column]) for row in found], judge(texts), atol=1e-4)
    percentiles = [float(row["percentile"]) for row in found]
    with silenced():
        np.testing.assert_allclose(percentiles, discriminator.percentiles(texts), atol=1.2)  # a tie is half of 1 in 90
    flags = {row["id"]: (row["unknown"], row["cut"]) for row in found}
    assert flags.pop("pep_30") == ("1", "False") and flags.pop("pep_31") == ("0", "True")
    assert set(flags.values()) == {("0", "False")}


def test_the_best_go_to_fasta_with_their_own_headers(peptides, candidates, tmp_path):
    path, _ = candidates
    assert main(["score", str(peptides), str(path), "--out", str(tmp_path / "all.csv")]) == 0
    best = rows(tmp_path / "all.csv")[:3]
    assert main(["score", str(peptides), str(path), "--top", "3", "--out", str(tmp_path / "best.fasta")]) == 0
    records = (tmp_path / "best.fasta").read_text().split(">")[1:]
    assert len(records) == 3
    for record, row in zip(records, best, strict=True):
        header, *lines = record.splitlines()
        assert header.startswith(f"{row['id']} made by us discriminator={row['discriminator']} critic=")
        assert "".join(lines) == row["text"]


def test_a_run_without_a_discriminator_ranks_by_its_critic(run, tmp_path, capsys):
    sentences = (run / "corpus" / "test.txt").read_text().splitlines()[:25]
    (tmp_path / "c.jsonl").write_text(
        "".join(json.dumps({"say": s, "name": f"n {i}"}) + "\n" for i, s in enumerate(sentences))
    )
    options = [str(run), str(tmp_path / "c.jsonl"), "--column", "say", "--id", "name"]
    assert main(["score", *options, "--out", str(tmp_path / "s.jsonl")]) == 0
    found = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert list(found[0]) == ["id", "text", "critic", "percentile", "unknown", "cut"]
    scores = {row["text"]: row["critic"] for row in found}
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    assert {row["id"]: row["text"] for row in found} == {f"n {i}": s for i, s in enumerate(sentences)}
    capsys.readouterr()
    assert main(["score", *options, "--top", "4"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["id", "text", "critic", "percentile", "unknown", "cut"] and len(table) == 6
    assert found[0]["text"] in table[1] and table[-1].startswith("21 more: --top N shows more")


def test_a_rule_leaves_out_and_the_nearest_are_shown(peptides, candidates, tmp_path, capsys):
    path, sequences = candidates
    options = ["--valid", "[ACDEFGHIKLMNPQRSTVWY]{6,39}", "--nearest", "train", "--out", str(tmp_path / "s.csv")]
    assert main(["score", str(peptides), str(path), *options]) == 0
    assert "2 of 32 candidates are not valid by the rule and were left out" in capsys.readouterr().err
    training = (peptides / "corpus" / "train.txt").read_text().splitlines()
    found = rows(tmp_path / "s.csv")
    assert sorted(row["text"] for row in found) == sorted(sequences[:30])
    for row in found[:4]:
        edits = [edit_distance(row["text"], other) for other in training]
        assert int(row["edits"]) == min(edits) and row["nearest"] == training[int(np.argmin(edits))]
        longer = max(len(row["text"]), len(row["nearest"]))
        assert float(row["identity"]) == pytest.approx(100 * (1 - min(edits) / longer), abs=0.05)


def test_percentiles_may_be_among_sentences_of_a_file(peptides, candidates, tmp_path):
    path, _ = candidates
    assert main(["score", str(peptides), str(path), "--out", str(tmp_path / "all.csv")]) == 0
    best = rows(tmp_path / "all.csv")
    (tmp_path / "real.txt").write_text(f"{best[9]['text']}\n{best[10]['text']}\n")
    options = ["--reference", str(tmp_path / "real.txt"), "--out", str(tmp_path / "own.csv")]
    assert main(["score", str(peptides), str(path), *options]) == 0
    assert {row["percentile"] for row in rows(tmp_path / "own.csv")[:9]} == {"100.0"}


BAD = {
    "no file": (["{run}", "none.fasta"], "none.fasta"),
    "an empty file": (["{run}", "{tmp}/empty.fasta"], "empty.fasta"),
    "a rule that refuses all": (
        ["{run}", "{file}", "--valid", "Z+"],
        "none of its 32 sequences is valid by --valid Z+",
    ),
    "a rule that does not compile": (["{run}", "{file}", "--valid", "["], "--valid [: no regular expression"),
    "a column that is not there": (["{run}", "{file}", "--id", "size"], "pass --id with one of: text, header, id"),
    "a picture": (["{run}", "{file}", "--out", "{tmp}/s.parquet"], "samples are written as lines"),
    "a label for a run without": (["{run}", "{file}", "--given", "header"], "leave out --given"),
    "standard input twice": (["{run}", "-", "--nearest", "-"], "- is given twice"),
    "none to keep": (["{run}", "{file}", "--top", "0"], "--top"),
    "no critic": (["{tmp}", "{file}"], "config.yaml"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, peptides, candidates, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.fasta").write_text("")
    options, complaint = BAD[case]
    names = {"run": peptides, "file": candidates[0], "tmp": tmp_path}
    assert main(["score", *(option.format(**names) for option in options)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert complaint in error[-1] and error[-1].startswith("error: ") and "Traceback" not in "".join(error)


def test_standard_input_may_hold_the_candidates(peptides, monkeypatch, capsys, tmp_path):
    real = (peptides / "corpus" / "test.txt").read_text().splitlines()[:3]
    source = tmp_path / "in.txt"
    source.write_text("".join(f"{s}\n" for s in real))
    with source.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert main(["score", str(peptides), "-"]) == 0
    out = capsys.readouterr().out
    assert all(f"candidate-{i}  {s}" in out for i, s in enumerate(real, 1))
