"""Runs that are resumed after the files of their data were edited, moved or deleted."""

import shutil

import numpy as np
import pytest
from conftest import rows, train

from seqgan_gp import config
from seqgan_gp.cli import main
from seqgan_gp.images import scorer

LINES = [f"the {a} dog {b} the {c} cat." for a in ("old", "red") for b in ("sees", "hears") for c in range(9)]


@pytest.fixture
def started(tmp_path, capsys):
    """A run of three steps on a file of its own, and how to go on with it."""
    (tmp_path / "a.txt").write_text("\n".join(LINES))

    def go_on(source="a.txt", *options: str) -> tuple[int, str]:
        code = train(tmp_path / "run", f"--corpus.train={tmp_path / source}", "--corpus.holdout=8", *options)
        said = capsys.readouterr()
        return code, said.out + said.err

    assert go_on("a.txt", "--train.steps=3")[0] == 0
    return tmp_path, go_on


def test_a_file_that_has_not_changed_is_no_news(started):
    code, said = started[1]("a.txt", "--resume")
    assert code == 0 and "changed" not in said and "copy" not in said


@pytest.mark.parametrize(
    "edit", [lambda lines: [*lines, "a new line."], lambda lines: lines[:-2], lambda lines: lines[::-1]]
)
def test_a_run_says_that_it_goes_on_with_its_own_copy_of_an_edited_file(started, edit):
    folder, go_on = started
    before = (folder / "run" / "corpus" / "train.txt").read_text()
    (folder / "a.txt").write_text("\n".join(edit(LINES)))
    code, said = go_on("a.txt", "--resume")
    assert code == 0 and "the source of the data has changed since the run began: the run goes on with its own" in said
    assert (folder / "run" / "corpus" / "train.txt").read_text() == before


def test_a_run_outlives_the_file_of_its_data(started):
    folder, go_on = started
    (folder / "a.txt").write_bytes(b"\xff\xfe\x00")
    code, said = go_on("a.txt", "--resume")
    assert code == 0 and "the source of the data cannot be read now" in said and rows(folder / "run")[-1]["step"] == 6


def test_the_same_lines_elsewhere_are_the_same_corpus(started):
    folder, go_on = started
    shutil.move(folder / "a.txt", folder / "moved.txt")
    code, said = go_on("moved.txt", "--resume")
    assert code == 0 and "changed" not in said
    assert config.load(folder / "run" / "config.yaml").corpus.train == str(folder / "moved.txt")


def test_other_lines_elsewhere_are_another_corpus(started):
    folder, go_on = started
    (folder / "other.txt").write_text("\n".join(LINES).replace("dog", "cow"))
    code, said = go_on("other.txt", "--resume")
    assert code == 2 and "corpus.train=" in said and "holds other data: resume with the same data" in said
    code, said = go_on("missing.txt", "--resume")
    assert code == 2 and "missing.txt" in said


def test_held_out_lines_are_part_of_the_data(started):
    folder, go_on = started
    (folder / "held.txt").write_text("\n".join(LINES[:8]))
    code, said = go_on("a.txt", "--resume", f"--corpus.test={folder / 'held.txt'}")
    assert code == 2 and "corpus.test" in said


def test_images_are_compared_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(scorer, "STEPS", 5)  # its classifier has nothing to learn here
    rng = np.random.default_rng(5)
    pixels, labels = rng.integers(0, 256, (40, 8, 12), dtype=np.uint8), np.arange(40) % 2
    np.savez(tmp_path / "a.npz", images=pixels, labels=labels)
    sizes = ["--images.height=8", "--images.width=12", "--images.holdout=8", "--generator.channels=3"]
    few = [
        "--report=false",
        "--train.batch_size=4",
        "--train.threads=1",
        "--evaluation.samples=4",
        "--critic.channels=3",
    ]

    def go_on(steps: int, *options: str) -> str:
        command = ["train", "--modality=images", *sizes, *few, f"--output={tmp_path / 'run'}"]
        code = main([*command, f"--images.train={tmp_path / 'a.npz'}", f"--train.steps={steps}", *options])
        assert code == 0
        return capsys.readouterr().out

    go_on(1)
    assert "changed" not in go_on(2, "--resume")
    np.savez(tmp_path / "a.npz", images=pixels, labels=1 - labels)
    assert "the source of the data has changed" in go_on(3, "--resume")
