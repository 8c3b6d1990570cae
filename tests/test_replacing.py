"""Test --overwrite: the old run goes when the new one has a checkpoint, and nothing of the user's goes at all."""

import json
import os
import shutil
import signal
import sys

import pytest
import torch
from conftest import rows, steps, train, weights
from starts import Moment

from seqgan_gp import artefacts, manifest
from seqgan_gp.cli import main
from seqgan_gp.config.text import TextConfig
from seqgan_gp.errors import UserError
from seqgan_gp.training import folder, replacing, trainer

OTHER = ["--overwrite", "--train.steps=4", "--train.checkpoint_every=2", "--seed=5", "--evaluation.every=4"]


@pytest.fixture
def old(run, tmp_path):
    """A finished run that may be replaced."""
    return shutil.copytree(run, tmp_path / "run")


def contents(run):
    """All files of a folder."""
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_the_old_run_goes_at_the_first_checkpoint_and_leaves_nothing(old, tmp_path, monkeypatch, capsys):
    step, seen = trainer.Trainer.step, []

    def watched(self):
        seen.append((old / replacing.OLD / "metrics.jsonl").exists())
        return step(self)

    monkeypatch.setattr(trainer.Trainer, "step", watched)
    assert train(old, *OTHER) == 0
    assert seen == [True, True, False, False]
    assert f"the run that was here waits in {old / replacing.OLD} until the first checkpoint" in capsys.readouterr().out
    assert steps(old) == [2, 4] and not (old / replacing.WORK).exists()
    assert rows(old)[0]["step"] == 0 and rows(old)[-1]["step"] == 4
    assert sorted(path.name for path in (old / "samples").iterdir()) == ["step-0000004.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("options", [["--corpus.train=missing.txt"], ["--train.critic.lr=1e30"], ["--seed=4"]])
def test_the_old_run_comes_back_where_the_new_one_has_no_checkpoint(old, monkeypatch, capsys, options):
    def fail(self):
        raise UserError("too large for memory")

    if options == ["--seed=4"]:
        monkeypatch.setattr(trainer.Trainer, "step", fail)
    before = contents(old)
    assert train(old, *OTHER, *options) == 2
    said = capsys.readouterr().err
    assert contents(old) == before and "Traceback" not in said
    assert options[0] == "--corpus.train=missing.txt" or "the run that was to be replaced is back" in said


def test_a_kill_at_any_moment_leaves_the_old_run_or_the_new_one(tmp_path):
    """Each child is killed before another change of a file; the next start finds one whole run."""

    def write(text):
        def data(part):
            (part / "corpus").mkdir()
            (part / "corpus" / "train.txt").write_text(text)

        return data

    def begin(run, moment):
        """Make the new run in a fork, which is killed before that change of a file; whether it was."""
        pid = os.fork()
        if pid == 0:
            sys.addaudithook(Moment(moment))
            folder.create(run, TextConfig(), write("new"))
            (run / "checkpoints" / "step-0000009").mkdir()
            replacing.discard(run)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL

    seen = set()
    for fresh in (False, True):
        for moment in range(1, 200):
            run = tmp_path / f"run-{fresh}-{moment}"
            if not fresh:
                folder.create(run, TextConfig(), write("old"))
                (run / "metrics.jsonl").write_text('{"step": 1}\n')
                (run / "checkpoints" / "step-0000001").mkdir()
                manifest.write(run / "checkpoints" / "step-0000001", [], "checkpoint")
                (run / "notes.txt").write_text("mine")
            killed = begin(run, moment)
            replacing.recover(run, keep=False)
            replacing.recover(run, keep=False)
            if folder.is_run(run):
                text = (run / "corpus" / "train.txt").read_text()
                assert manifest.kind_of(run) == "run" and not (run / replacing.WORK).exists()
                artefacts.check_data(run)
                assert ((run / "metrics.jsonl").read_text() == "") == (text == "new")
                new = [9] if (run / "checkpoints" / "step-0000009").exists() else []
                assert steps(run) == ([1] if text == "old" else new)
                seen.add(text)
            else:
                assert fresh and not (run.exists() and list(run.iterdir()))
                seen.add("nothing")
            assert fresh or (run / "notes.txt").read_text() == "mine"
            if not killed:
                break
        else:
            raise AssertionError("there is no end")
    assert seen == {"old", "new", "nothing"}


def test_a_run_killed_before_its_first_checkpoint_gives_the_old_one_back(old, tmp_path, monkeypatch, capsys):
    before = contents(old)

    def copied(self):
        """The folder as a kill in the first step would leave it."""
        shutil.copytree(old, tmp_path / "killed")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "step", copied)
        assert train(old, *OTHER) == 130
    shutil.rmtree(old)
    (tmp_path / "killed").rename(old)
    capsys.readouterr()
    assert main(["sample", str(old)]) == 2
    assert f"the run that it replaces is in {old / replacing.OLD}" in capsys.readouterr().err
    shutil.copytree(old, tmp_path / "again")
    assert train(old) == 2  # a plain start
    said = capsys.readouterr().err
    assert "the run that was to be replaced is back" in said and "already holds a run" in said
    assert contents(old) == before
    # --resume goes on with the new one, and the old one waits on.
    assert train(tmp_path / "again", *OTHER[1:], "--resume") == 0
    assert "waits in" in capsys.readouterr().err and steps(tmp_path / "again") == [2, 4]
    assert not (tmp_path / "again" / replacing.WORK).exists()


def test_what_the_user_put_into_the_folder_stays_where_it_is(old, tmp_path, capsys):
    mine = {"notes.txt": "a", "samples/best.txt": "b", "nested/config.yaml": "c", "nested/metrics.jsonl": "d"}
    mine |= {"checkpoints/why.md": "e", "corpus/mine.txt": "f", ".run.part": "g", "seqgan_gp/plan.txt": "h"}
    for name, text in mine.items():
        (old / name).parent.mkdir(exist_ok=True)
        (old / name).write_text(text)
    for name in (".run.part", "run.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("years of work")
    assert train(old, *OTHER) == 0
    assert "your own files stay in the folder, beside the new run: " in capsys.readouterr().out
    found = contents(old)
    assert all(found[name].decode() == text for name, text in mine.items()) and steps(old) == [2, 4]
    for name in (".run.part", "run.old"):
        assert (tmp_path / name / "thesis.txt").read_text() == "years of work"


def test_a_file_of_the_users_that_the_new_run_would_need_or_a_checkpoint_holds_is_named(old, capsys):
    before = contents(old)
    (old / "checkpoints" / "step-0000003" / "notes.txt").write_text("mine")
    assert train(old, *OTHER) == 2
    assert "notes.txt is no file of its checkpoint" in capsys.readouterr().err
    (old / "checkpoints" / "step-0000003" / "notes.txt").unlink()
    (old / "labels.json").write_text("mine")
    assert train(old, *OTHER, "--corpus.train=grammar:types", "--corpus.label=label") == 2
    assert "labels.json is a file of your own: move it" in capsys.readouterr().err
    assert contents(old) == before | {"labels.json": b"mine"}


@pytest.mark.parametrize("marker", [None, "{}", '{"format": "other", "files": {}}', "[1]", "\0"])
def test_a_project_that_looks_like_a_run_is_none(old, capsys, marker):
    (old / manifest.MANIFEST).unlink()
    if marker:
        (old / manifest.MANIFEST).write_text(marker)
    before = contents(old)
    assert train(old, *OTHER) == 2
    assert "has no manifest.json of a run" in capsys.readouterr().err and contents(old) == before


@pytest.mark.parametrize("name", ["../notes.txt", "/etc/hostname", "..", "link/notes.txt"])
def test_a_manifest_cannot_name_files_outside_its_folder(old, tmp_path, capsys, name):
    (tmp_path / "outside").mkdir()
    for place in (tmp_path, tmp_path / "outside"):
        (place / "notes.txt").write_text("mine")
    (old / "link").symlink_to(tmp_path / "outside")
    found = json.loads((old / manifest.MANIFEST).read_text())
    found["files"][name] = {"size": 4, "sha256": "0"}
    (old / manifest.MANIFEST).write_text(json.dumps(found))
    train(old, *OTHER, "--train.steps=2")
    for place in (tmp_path, tmp_path / "outside"):
        assert (place / "notes.txt").read_text() == "mine"


def test_a_second_overwrite_of_a_run_without_a_checkpoint_keeps_the_first(old, monkeypatch):
    folder.create(old, TextConfig(), lambda part: (part / "a.txt").write_text("new"))  # and then it was killed
    assert train(old, *OTHER) == 0
    assert steps(old) == [2, 4] and not (old / replacing.WORK).exists() and not (old / "a.txt").exists()


def test_run_options_are_not_read_from_files(tmp_path, capsys):
    for key in ("output: /tmp/other", "overwrite: true", "resume: true", "config: /etc/passwd", "import: [os]"):
        (tmp_path / "mine.yaml").write_text(f"{key}\nseed: 5\n")
        assert main(["train", f"--config={tmp_path / 'mine.yaml'}", f"--output={tmp_path / 'run'}"]) == 2
        error = capsys.readouterr().err
        assert (
            f"mine.yaml: {key.partition(':')[0]} is an option of the command line" in error
            and len(error.splitlines()) == 1
        )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_a_checkpoint_shows_the_contents_of_no_file(run, tmp_path, capsys):
    checkpoint = shutil.copytree(artefacts.checkpoints(run)[-1], tmp_path / "checkpoint")
    (checkpoint / manifest.MANIFEST).unlink()
    for line in ("config: /etc/passwd", "tokenizer: {file: /etc/passwd}", "corpus: {train: /etc/passwd}"):
        (checkpoint / "config.yaml").write_text(f"{line}\n")
        main(["sample", str(checkpoint), "--num=1"])
        said = capsys.readouterr()
        assert "root:" not in said.err + said.out


def test_weights_stay_those_of_the_old_run_until_then(old, monkeypatch):
    before = weights(old)

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.Trainer, "step", stop)
    assert train(old, *OTHER) == 130
    assert all(torch.equal(value, weights(old)[key]) for key, value in before.items())


def linked(path, tmp_path):
    """Move a folder elsewhere, and leave a link in its place."""
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    return contents(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/step-0000006", "samples"])
def test_files_behind_a_link_are_not_replaced(old, tmp_path, capsys, name):
    elsewhere, before = linked(old / name, tmp_path), contents(old)
    assert train(old, *OTHER) == 2
    assert f"{old / name} is a link, and --overwrite replaces no files elsewhere" in capsys.readouterr().err
    assert contents(tmp_path / "elsewhere") == elsewhere and contents(old) == before


def test_an_old_checkpoint_on_another_disk_is_no_obstacle_to_the_next_ones(old, tmp_path):
    elsewhere = linked(old / "checkpoints" / "step-0000003", tmp_path)
    more = ["--resume", "--train.steps=14", "--train.checkpoint_every=2", "--train.keep=2"]
    assert train(old, *more) == 0
    assert steps(old) == [3, 12, 14] and contents(tmp_path / "elsewhere") == elsewhere


def test_unfinished_folders_with_other_names_are_the_users(old):
    for name in (".step-mine.part", ".step-0000001.part"):
        (old / "checkpoints" / name).mkdir()
        (old / "checkpoints" / name / "notes.txt").write_text("precious")
    ours = old / "checkpoints" / ".step-0000007.0123abcd.part"
    ours.mkdir()
    assert train(old, "--resume", "--train.steps=8") == 0
    assert not ours.exists() and (old / "checkpoints" / ".step-mine.part" / "notes.txt").exists()
    assert (old / "checkpoints" / ".step-0000001.part" / "notes.txt").exists()
