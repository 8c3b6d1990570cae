"""The commands as a user types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqgan_gp.cli import main
from seqgan_gp.text.grammar import Grammar

KEYS = {"count", "unique", "novel", "mean_length"}
KEYS |= {f"{k}_{n}" for k in ("bleu", "self_bleu") for n in range(2, 6)} | {f"jsd_{n}" for n in range(1, 5)}


@pytest.fixture
def files(tmp_path):
    stream = Grammar.load("text").sentences(0)
    for name, number in (("train", 300), ("reference", 200)):
        (tmp_path / f"{name}.txt").write_text("".join(f"{next(stream)}\n" for _ in range(number)))
    lines = (
        (tmp_path / "train.txt").read_text().splitlines()[:50] + ["", "dog dog dog"] + [next(stream) for _ in range(48)]
    )
    (tmp_path / "samples.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_evaluate_writes_every_key_beside_real_text(files, capsys):
    out = files / "scores.json"
    options = ["--reference", str(files / "reference.txt"), "--train", str(files / "train.txt"), "--json", str(out)]
    assert main(["evaluate", str(files / "samples.txt"), *options]) == 0
    scores = json.loads(out.read_text())
    assert set(scores) == KEYS | {"real"} and set(scores["real"]) == KEYS
    assert (scores["count"], scores["real"]["count"]) == (100, 100)
    assert scores["novel"] == pytest.approx(0.5, abs=0.02)
    table = capsys.readouterr().out
    for key in KEYS:
        assert f"{key} " in table
    assert "100 sentences" in table and "smoothing method 1" in table
    assert "differ in number" not in table  # 100 samples, and halves of 100


def test_evaluate_with_a_grammar_needs_no_reference(files, capsys):
    out = files / "scores.json"
    assert main(["evaluate", str(files / "samples.txt"), "--grammar", "text", "--json", str(out)]) == 0
    scores = json.loads(out.read_text())
    assert scores["grammatical"] == 0.98 and scores["real"]["grammatical"] == 1.0
    assert scores["real"]["count"] == 100
    # Entropy per token: samples of the language itself are as probable as other samples of it.
    assert scores["oracle_nll"] == pytest.approx(scores["real"]["oracle_nll"], rel=0.1)
    assert scores["novel"] is None


def test_evaluate_by_characters(files):
    out = files / "scores.json"
    options = ["--reference", str(files / "reference.txt"), "--unit", "character", "--json", str(out)]
    assert main(["evaluate", str(files / "samples.txt"), *options]) == 0
    assert json.loads(out.read_text())["mean_length"] > 20


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["missing.txt", "--grammar", "text"], "missing.txt: no such file"),
        (["samples.txt"], "--reference"),
        (["samples.txt", "--grammar", "txet"], "text"),
        (["empty.txt", "--grammar", "text"], "empty"),
        (["one.txt", "--grammar", "text"], "at least 2"),
        (["latin.txt", "--grammar", "text"], "line 2: not UTF-8"),
        (["samples.txt", "--reference", "."], "cannot be read"),
    ],
)
def test_evaluate_bad_input(files, capsys, monkeypatch, options, complaint):
    monkeypatch.chdir(files)
    (files / "empty.txt").write_text("\n\n")
    (files / "one.txt").write_text("one\n")
    (files / "latin.txt").write_bytes("a\ncaf\xe9\n".encode("latin1"))
    assert main(["evaluate", *options, "--json", "out.json"]) == 2
    error = capsys.readouterr().err
    assert complaint in error and len(error.strip().splitlines()) == 1
    assert not (files / "out.json").exists()


def test_sample_streams_the_same_file_for_the_same_seed(run, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        command = [
            "sample",
            str(run),
            "--num",
            "3000",
            "--out",
            str(tmp_path / name),
            "--seed",
            str(seed),
            "--batch-size",
            "500",
        ]
        assert main(command) == 0
    a, b, c = ((tmp_path / name).read_text() for name in "abc")
    assert len(a.splitlines()) == 3000
    assert a == b != c


def test_sample_to_the_terminal_and_at_another_temperature(run, capsys):
    assert main(["sample", str(run), "--num", "4"]) == 0
    cold = capsys.readouterr().out
    assert main(["sample", str(run), "--num", "4", "--temperature", "3"]) == 0
    hot = capsys.readouterr().out
    assert len(cold.splitlines()) == len(hot.splitlines()) == 4
    assert cold != hot


@pytest.mark.parametrize("option, value", [("--num", "0"), ("--temperature", "-1"), ("--batch-size", "x")])
def test_sample_refuses_senseless_numbers(run, option, value, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(run), option, value])
    assert stop.value.code == 2
    assert option in capsys.readouterr().err


def test_sample_leaves_nothing_half_written(run, tmp_path, capsys, monkeypatch):
    assert main(["sample", str(tmp_path / "none"), "--out", str(tmp_path / "samples.txt")]) == 2
    assert "no such run" in capsys.readouterr().err

    def broken(self, ids):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqgan_gp.text.tokenizer.Tokenizer.decode", broken)
    assert main(["sample", str(run), "--out", str(tmp_path / "samples.txt")]) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_devices_pipes_and_links_are_written_to_and_not_replaced(run, tmp_path, capsys):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    assert main(["sample", str(run), "--num", "3", "--out", str(tmp_path / "link.txt")]) == 0
    assert (tmp_path / "link.txt").is_symlink() and len((tmp_path / "real.txt").read_text().splitlines()) == 3
    assert main(["sample", str(run), "--num", "3", "--out", "/dev/null"]) == 0
    assert not Path("/dev/null").is_file()
    assert main(["sample", str(run), "--num", "3", "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_help_is_quick_to_import():
    # Nothing heavy before it is needed: torch alone takes two seconds.
    heavy = "{'torch', 'nltk', 'datasets', 'tokenizers', 'matplotlib'}"
    code = f"import sys; from seqgan_gp import cli; cli._parser(); assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["sample", "--help"], ["evaluate", "--help"], ["train", "--help"], ["--version"]]
)
def test_help_of_every_command(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert "seqgan-gp" in capsys.readouterr().out


def test_unknown_attributes_of_the_package():
    import seqgan_gp

    with pytest.raises(AttributeError, match="nonesuch"):
        seqgan_gp.nonesuch  # noqa: B018
