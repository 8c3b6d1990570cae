"""The commands as a user types them."""

import subprocess
import sys
from pathlib import Path

import pytest

from seqgan_gp.cli import main


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
    heavy = "{'torch', 'nltk', 'datasets', 'tokenizers', 'matplotlib', 'numpy', 'sklearn'}"
    code = f"import sys; from seqgan_gp import cli; cli._parser(); assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments",
    [[c, "--help"] for c in ("sample", "evaluate", "compare", "sweep", "train")] + [["--help"], ["--version"]],
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
