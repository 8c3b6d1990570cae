"""Test the lock of a run folder: who has it is said, and it ends with its process."""

import errno
import json
import multiprocessing
import os
import signal
import socket
import time

import pytest

from seqgan_gp.errors import UserError
from seqgan_gp.training import lock


def hold(path, ready, seconds=60):
    with lock.locked(path):
        ready.set()
        time.sleep(seconds)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of the run."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "run", ready))
    process.start()
    assert ready.wait(30)
    yield process
    process.kill()
    process.join()


def test_the_holder_is_named(tmp_path, holder):
    named = rf"process {holder.pid} on {socket.gethostname()}, since 20\d\d-"
    with pytest.raises(UserError, match=named) as error, lock.locked(tmp_path / "run"):
        pass
    assert "wait for its end, or give another --output DIR" in str(error.value) and "\n" not in str(error.value)
    (tmp_path / "link").symlink_to(tmp_path / "run")  # another name of the folder
    with pytest.raises(UserError, match=f"process {holder.pid}"), lock.locked(tmp_path / "link"):
        pass


def test_a_killed_process_holds_nothing(tmp_path, holder, capsys):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert (tmp_path / ".run.lock").exists()
    with lock.locked(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().err == ""


@pytest.mark.parametrize("record", [b"", b"null", b"[1]", b"{", b'{"process": 1}', b"\xff" * 50])
def test_a_damaged_record_is_no_obstacle(tmp_path, holder, record):
    (tmp_path / ".run.lock").write_bytes(record)
    with pytest.raises(UserError, match="another run is writing to it: wait"), lock.locked(tmp_path / "run"):
        pass


def test_a_run_on_another_host_that_did_not_end_by_itself_is_said(tmp_path, capsys):
    record = {"process": 7, "host": "elsewhere", "since": "2020-01-01"}
    (tmp_path / ".run.lock").write_text(json.dumps(record))
    with lock.locked(tmp_path / "run"):
        assert "a run on elsewhere (process 7) did not end by itself" in capsys.readouterr().err


def take_turns(path, times, collisions):
    """Hold the lock again and again, for no time, and count the times that another process held it, too."""
    done = 0
    while done < times:
        try:
            with lock.locked(path / "run"):
                try:
                    os.close(os.open(path / "inside", os.O_CREAT | os.O_EXCL))
                    time.sleep(0.0005)
                    os.unlink(path / "inside")
                except FileExistsError:
                    collisions.value += 1
                done += 1
        except UserError:
            pass


def test_never_do_two_processes_hold_it(tmp_path):
    """Whoever ends deletes the file of the lock, perhaps after another has opened it."""
    context = multiprocessing.get_context("fork")
    collisions = context.Value("i", 0)
    processes = [context.Process(target=take_turns, args=(tmp_path, 60, collisions)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4 and collisions.value == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_has_a_file_instead(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", fail)
    named = rf"process {os.getpid()} on .*or delete .*run\.lock-file if it has ended"
    with lock.locked(tmp_path / "run"), pytest.raises(UserError, match=named), lock.locked(tmp_path / "run"):
        pass
    with lock.locked(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_users_own_is_not_taken_for_a_lock(tmp_path):
    (tmp_path / ".run.lock").write_text("precious")
    with pytest.raises(UserError, match=r"\.run\.lock is a file of your own"), lock.locked(tmp_path / "run"):
        pass
    assert (tmp_path / ".run.lock").read_text() == "precious"
