"""Test full disks and limits of the size of a file: one line that names the path, and nothing half written."""

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, rows, steps, train, weights

from seqgan_gp import Generator, manifest
from seqgan_gp.errors import UserError
from seqgan_gp.files import atomic_write, failing
from seqgan_gp.training import folder, text_evaluator

SIZES = (0, 1, 100, 400, 3_000, 9_000, 12_000, 20_000, 30_000, 50_000)


@contextlib.contextmanager
def limited(size):
    """No file of this process may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def whole(run):
    """Whether all that bears a real name in a run folder is complete."""
    rows(run)  # every line is JSON
    for checkpoint in (run / "checkpoints").iterdir():
        manifest.check(checkpoint, "")
        assert not checkpoint.name.startswith(".")
    return not list(run.rglob("*.part"))


@pytest.fixture(scope="module")
def largest(run):
    """The size of the largest file of a run."""
    return max(path.stat().st_size for path in run.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_of_any_size_at_the_start(tmp_path, capsys, size, largest):
    with limited(size):
        code = train(tmp_path / "run")
    said = [line for line in capsys.readouterr().err.splitlines() if "step/s" not in line]
    if size > largest:
        assert code == 0
        return
    (error,) = [line for line in said if line.startswith("error: ")]
    assert code == 2 and "File too large" in error
    assert str(tmp_path / "run") in error or "the corpus cannot be prepared there" in error
    assert not any("Traceback" in line for line in said)
    if (tmp_path / "run").exists():
        assert whole(tmp_path / "run") and "there is no checkpoint yet; make room" in error
        assert train(tmp_path / "run", "--resume") == 0
    assert [path.name for path in tmp_path.iterdir()] in ([], ["run"])


@pytest.mark.usefixtures("curves")
def test_curves_for_which_there_is_no_room_are_named(tmp_path, capsys):
    with limited(50_000):
        assert train(tmp_path / "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{tmp_path / 'run' / 'curves.png'}: File too large" in error and whole(tmp_path / "run")


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_of_any_size_on_resume_leaves_the_checkpoints_of_before(run, tmp_path, capsys, size, largest):
    copy = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copy / "checkpoints" / "step-0000006")
    with limited(size):
        code = train(copy, "--resume")
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 0 if size > largest else code == 2 and "File too large" in errors[0] and str(copy) in errors[0]
    if code:
        assert steps(copy) == [3] and "step-0000003 is whole; make room" in errors[0]
    assert whole(copy) and len(list(Generator.from_pretrained(copy).sample(3))) == 3
    assert train(copy, "--resume") == 0
    assert all(torch.equal(value, weights(copy)[key]) for key, value in weights(run).items())


def test_an_overwrite_on_a_full_disk_brings_the_old_run_back(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "run")
    for size in SIZES[::2]:
        with limited(size):
            code = train(copy, "--overwrite", "--train.steps=3")
        if code == 0:
            break
        assert code == 2 and steps(copy) == [3, 6] and whole(copy) and not (copy / ".seqgan-gp").exists()
    assert all(torch.equal(value, weights(copy)[key]) for key, value in weights(run).items()) or code == 0


def test_a_row_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "metrics.jsonl").touch()
    file = folder.MetricsFile(tmp_path / "metrics.jsonl", 0)
    file.append({"step": 1})
    with limited(20), pytest.raises(OSError) as error:
        file.append({"step": 2, "train/loss": 0.125})
    assert error.value.errno == errno.EFBIG and str(error.value.filename) == str(tmp_path / "metrics.jsonl")
    file.append({"step": 3})
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 3}\n'


def test_half_of_the_samples_are_none(tmp_path, monkeypatch, capsys):
    def fail(self, sampler, path):
        path.with_suffix(".txt").write_text("half a sen")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(text_evaluator.Evaluator, "__call__", fail)
    assert train(tmp_path / "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    place = tmp_path / "run" / "samples"
    assert f"{place / 'step-0000003'}: No space left on device; there is no checkpoint yet; make room" in error
    assert list(place.iterdir()) == [] and [row["step"] for row in rows(tmp_path / "run")] == [0, 2, 3]


def test_a_failing_disk_is_named_by_the_file_that_was_written(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with limited(3), pytest.raises(OSError) as error, atomic_write(path) as file:
        file.write("four and more")
    assert str(error.value.filename) == str(path) and path.read_text() == "before"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_place_that_takes_no_file_is_named_as_the_user_gave_it(tmp_path):
    (tmp_path / "a.txt").write_text("a file")
    with pytest.raises(UserError, match=r"a\.txt is a file"), atomic_write(tmp_path / "a.txt" / "folder" / "b.txt"):
        pass
    if Path("/proc/self").exists():  # no file of the user's can stand there, whoever the user is
        with pytest.raises(OSError) as error, atomic_write("/proc/self/b.txt"):
            pass
        assert error.value.filename == "/proc/self/b.txt"


def test_errors_of_libraries_are_those_of_the_disk(tmp_path):
    for raised in (RuntimeError("I/O error: File too large (os error 27)"), Exception("No space left (os error 28)")):
        with pytest.raises(OSError) as error, failing(tmp_path):
            raise raised
        assert error.value.errno in (27, 28) and str(error.value.filename) == str(tmp_path)
    with pytest.raises(OSError) as error, failing(tmp_path):
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise ValueError("cannot close the archive")  # noqa: B904
    assert error.value.errno == 28
    with pytest.raises(KeyError), failing(tmp_path):
        raise KeyError("no disk")


def test_files_and_their_names_are_on_the_disk_before_and_after_a_checkpoint_has_its_name(tmp_path, monkeypatch):
    synced, renamed = [], []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))

    def renaming(source, target):
        renamed.append((str(source), str(target), list(synced)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", renaming)
    assert train(tmp_path / "run", "--train.steps=3") == 0
    ((part, checkpoint, before),) = [one for one in renamed if one[1].endswith("step-0000003")]
    names = [*manifest.files_of(tmp_path / "run" / "checkpoints" / "step-0000003"), manifest.MANIFEST]
    assert {f"{part}/{name}" for name in names} | {part, f"{part}/state"} <= set(before)
    assert os.path.dirname(checkpoint) in synced[len(before) :]


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_moment(run, tmp_path):
    """A file system in memory, of several sizes, in a name space of its own, where the machine lets us have one."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c"]
    if subprocess.run([*unshare, f"mount -t tmpfs none {tmp_path}"], capture_output=True).returncode:
        pytest.skip("this machine lets users mount nothing")
    size = sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) // 1024
    for kilobytes in (size // 6, size // 2):
        command = " ".join([sys.executable, str(ROOT / "run.py"), *TINY, f"--output={tmp_path}/run"])
        script = (
            f"mount -t tmpfs -o size={kilobytes}k none {tmp_path} && {command}; code=$?; find {tmp_path}; exit $code"
        )
        done = subprocess.run([*unshare, script], capture_output=True, text=True, cwd=ROOT)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        assert len(errors) == 1 and "No space left on device" in errors[0] and f"{tmp_path}/run" in errors[0]
        assert ".part" not in done.stdout
