"""Test checkpoints and runs that resume from them, also after a crash."""

import json
import shutil
import subprocess

import pytest
import torch
from conftest import rows, train, weights

from seqgan_gp import artefacts, config
from seqgan_gp.cli import main
from seqgan_gp.training import checkpoint, folder


@pytest.mark.parametrize("kind", ["straight-through", "gumbel"])
def test_a_resumed_run_ends_like_one_that_never_stopped(tmp_path, kind):
    options = [f"--relaxation.kind={kind}", "--train.decay_from=1"]
    assert train(tmp_path / "whole", *options) == 0
    assert train(tmp_path / "parts", *options, "--train.steps=3") == 0
    before = rows(tmp_path / "parts")
    # As after a crash: a line of a later step, and one cut short.
    with (tmp_path / "parts" / folder.METRICS).open("a") as file:
        file.write('{"step": 5, "train/penalty": 1.0}\n{"step": 5, "tra')
    assert train(tmp_path / "parts", *options, "--resume") == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(v, parts[k]) for k, v in whole.items())
    assert rows(tmp_path / "parts")[: len(before)] == before
    strip = ("train/steps_per_second", "train/seconds")
    without = [
        [{k: v for k, v in row.items() if k not in strip} for row in rows(tmp_path / r)] for r in ("whole", "parts")
    ]
    # The first part logged step 3 as its last; everything after it is the same.
    assert [r for r in without[0] if r["step"] > 3] == [r for r in without[1] if r["step"] > 3]
    assert config.load(tmp_path / "parts" / "config.yaml").train.steps == 6


def test_the_last_few_checkpoints_are_kept(tmp_path):
    assert train(tmp_path / "run", "--train.checkpoint_every=1", "--train.keep=2") == 0
    assert [p.name for p in artefacts.checkpoints(tmp_path / "run")] == ["step-0000005", "step-0000006"]


def test_a_checkpoint_with_notes_of_the_user_is_kept(tmp_path):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    notes = artefacts.checkpoints(tmp_path / "run")[0] / "notes.txt"
    notes.write_text("the best one")
    assert train(tmp_path / "run", "--train.checkpoint_every=1", "--train.keep=2", "--resume") == 0
    names = [p.name for p in artefacts.checkpoints(tmp_path / "run")]
    assert names == ["step-0000003", "step-0000005", "step-0000006"] and notes.read_text() == "the best one"


def test_a_failed_save_leaves_the_checkpoint_before(tmp_path, monkeypatch, capsys):
    save = artefacts.save

    def full(folder, *parts):
        if "0000006" in folder.name:
            raise OSError(28, "No space left on device")
        save(folder, *parts)

    monkeypatch.setattr(checkpoint.artefacts, "save", full)
    assert train(tmp_path / "run") == 2
    assert "No space left" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-0000003"]
    monkeypatch.undo()
    assert train(tmp_path / "run", "--resume") == 0
    assert artefacts.checkpoints(tmp_path / "run")[-1].name == "step-0000006"


def test_a_damaged_checkpoint_is_named(tmp_path, capsys):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    capsys.readouterr()
    (artefacts.checkpoints(tmp_path / "run")[-1] / "state" / checkpoint.OPTIMIZERS).write_bytes(b"not a state")
    assert train(tmp_path / "run", "--resume") == 2
    error = capsys.readouterr().err
    assert f"{checkpoint.OPTIMIZERS} is damaged" in error and "delete this checkpoint to resume from the one" in error


def test_a_run_resumed_before_its_first_checkpoint_names_real_scores_once(tmp_path):
    assert train(tmp_path / "run", "--train.checkpoint_every=6") == 0
    shutil.rmtree(artefacts.checkpoints(tmp_path / "run")[0])
    early = [json.dumps(row) for row in rows(tmp_path / "run") if row["step"] <= 3]
    (tmp_path / "run" / folder.METRICS).write_text("\n".join([*early, ""]))
    assert train(tmp_path / "run", "--resume") == 0
    assert [row["step"] for row in rows(tmp_path / "run") if "real/jsd_4" in row] == [0]


def test_a_save_that_was_killed_is_no_obstacle_to_the_next(tmp_path):
    assert train(tmp_path / "run", "--train.steps=3") == 0
    part = tmp_path / "run" / artefacts.CHECKPOINTS / ".step-0000006.0123abcd.part"
    part.mkdir()
    (part / "half").touch()
    assert train(tmp_path / "run", "--resume") == 0
    last = artefacts.checkpoints(tmp_path / "run")[-1]
    assert last.name == "step-0000006" and not (last / "half").exists() and not part.exists()


def test_unfinished_files_of_a_killed_run_go_when_it_resumes(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    for name in (".metrics.jsonl.0123abcd.part", "samples/.step-0000006.png.0123abcd.part", ".mine.part"):
        (copy / name).write_text("half")
    left = copy / artefacts.CHECKPOINTS / ".step-0000003.0123abcd.part"  # the last step deletes the oldest checkpoint
    left.mkdir()
    (left / "half").touch()
    assert train(copy, "--resume") == 0
    assert [path.name for path in copy.rglob("*.part")] == [".mine.part"]


@pytest.mark.parametrize(
    "lost", [["config.yaml"], ["metrics.jsonl"], ["config.yaml", "metrics.jsonl", "manifest.json"]]
)
def test_a_run_that_has_lost_files_says_how_to_bring_them_back(run, tmp_path, capsys, lost):
    copy = shutil.copytree(run, tmp_path / "a run")
    for name in lost:
        (copy / name).unlink()
    assert train(copy, "--resume") == 2
    message = capsys.readouterr().err
    assert "holds no run to resume: it has checkpoints, but has lost files" in message
    subprocess.run(message.split("belong to a run; ")[1].split(" brings them back")[0], shell=True, check=True)
    assert train(copy, "--resume") == 0


def test_a_run_resumed_without_a_config_takes_its_own_options(tmp_path, capsys):
    options = ["--generator.width=6", "--penalty.weight=3", "--train.keep=5"]
    assert train(tmp_path / "whole", *options, "--train.steps=4") == 0
    assert train(tmp_path / "parts", *options, "--train.steps=2") == 0
    assert main(["train", "--resume", f"--output={tmp_path / 'parts'}", "--train.steps=4"]) == 0
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys() and all(torch.equal(v, parts[k]) for k, v in whole.items())
    assert config.load(tmp_path / "parts" / "config.yaml") == config.load(tmp_path / "whole" / "config.yaml")
    capsys.readouterr()
    assert main(["train", "--resume", str(tmp_path / "parts")]) == 2
    assert f"a run folder is --output {tmp_path / 'parts'}\n" in capsys.readouterr().err


@pytest.mark.parametrize("lost", ["moved", "emptied"])
def test_a_run_that_lost_its_checkpoints_is_not_trained_anew(tmp_path, capsys, lost):
    copy = tmp_path / "run"
    assert train(copy, "--train.checkpoint_every=3") == 0
    (copy / "checkpoints").rename(tmp_path / "elsewhere")
    if lost == "emptied":
        (copy / "checkpoints").mkdir()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert train(copy, "--resume") == 2
    error = capsys.readouterr().err
    assert "holds no checkpoint: put it back" in error and "--overwrite" in error
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_a_run_killed_before_its_first_checkpoint_begins_anew_and_says_so(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copy / "checkpoints")
    rows_before = [row for row in rows(copy) if row["step"] < 3]
    (copy / folder.METRICS).write_text("".join(f"{json.dumps(row)}\n" for row in rows_before))
    assert train(copy, "--resume") == 0
    assert "it has no checkpoint yet, and begins anew" in capsys.readouterr().out
    assert all(torch.equal(v, weights(copy)[k]) for k, v in weights(run).items())
