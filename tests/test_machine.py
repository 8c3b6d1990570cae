"""Test threads, memory and denormal numbers."""

import os
import platform
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, train

from seqgan_gp import machine
from seqgan_gp.cli import main
from seqgan_gp.evaluation import training_model
from seqgan_gp.training import experiment


def test_numbers_below_the_precision_of_a_float_are_zero():
    program = (
        "import torch; from seqgan_gp.machine import prepare; tiny = torch.full((5,), 2e-38); assert (tiny / 10).all();"
        "prepare(2); assert not (tiny.repeat(100_000) / 10).any() and torch.get_num_threads() == 2"
    )  # few at first: threads that are there already would keep them
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # no other test in this process is to see it


@pytest.mark.slow  # a machine short of memory takes pages away
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap")
def test_memory_of_large_tensors_is_kept_in_every_thread():
    code = (
        "import resource, torch; from seqgan_gp.machine import prepare, side_by_side; prepare(2)\n"
        "def work(_): return sum(torch.ones(8_000_000).add(1)[0].item() for _ in range(10))\n"  # 32 MB each
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "list(side_by_side(work, range(4))); before = faults()\n"
        "list(side_by_side(work, range(8))); print((faults() - before) * resource.getpagesize() / 2**20)"
    )
    megabytes = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert megabytes < 500  # of 5,000 that they work on


def test_side_by_side_keeps_the_order_and_leaves_the_threads_as_they_were():
    before, taken = torch.get_num_threads(), []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    def slow_at_first(i):
        time.sleep(0.02 if i < 3 else 0)
        return i, torch.get_num_threads()

    try:
        torch.set_num_threads(3)
        assert list(machine.side_by_side(slow_at_first, range(20))) == [(i, 1) for i in range(20)]
        results = machine.side_by_side(slow_at_first, items())
        assert next(results) == (0, 1) and len(taken) <= 5  # not all at once
        results.close()
        with pytest.raises(ZeroDivisionError):
            list(machine.side_by_side(lambda i: 1 // i, [2, 1, 0, 1]))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_threads_are_all_cores_unless_asked(monkeypatch):
    before = torch.get_num_threads()
    try:
        cores = len(os.sched_getaffinity(0))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as accelerate launch sets it
        machine.set_threads(None)
        assert torch.get_num_threads() == cores
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(cores))
        machine.set_threads(None)
        assert torch.get_num_threads() == 1
        monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
        machine.set_threads(None)
        assert torch.get_num_threads() == 3
        machine.set_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("busy, asked, threads", [(0.2, "1", 2), (1.0, "1", 1), (2.0, "", 1), (2.0, "3", 3)])
def test_commands_take_the_cores_that_others_leave_free(monkeypatch, busy, asked, threads):
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "_usable", lambda: {0, 1})
    monkeypatch.setattr(machine, "busy_cores", lambda meanwhile: busy)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    try:
        machine.prepare_command()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("command", ["score", "language model"])
def test_commands_beside_busy_programs_compute_on_one_thread(run, tmp_path, monkeypatch, command):
    monkeypatch.setattr(training_model, "EPOCHS", 1)
    before = torch.get_num_threads()
    (tmp_path / "lines.txt").write_text("the dog sleeps.\n")
    monkeypatch.setattr(machine, "_usable", lambda: {0, 1})
    monkeypatch.setattr(machine, "busy_cores", lambda meanwhile: 2.0)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(2)
    try:
        if command == "score":
            assert main(["score", str(run), str(tmp_path / "lines.txt"), "--out", str(tmp_path / "out.csv")]) == 0
        else:
            training_model.TrainingModel(["a dog sleeps.", "a cat runs."] * 20, "word").fit(["a cat sleeps."] * 40)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "busy, threads, processes, crowd",
    [(0.3, 2, 1, False), (0.6, 2, 1, True), (0.6, 1, 1, False), (2.0, 1, 1, False), (0.3, 2, 2, True)],
)
def test_threads_that_find_no_core_are_named(monkeypatch, busy, threads, processes, crowd):
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "_usable", lambda: {0, 1})
    monkeypatch.setattr(machine, "busy_cores", lambda: busy)
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 0.0, 0.0))  # an install that has just ended
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    try:
        machine.set_threads(threads)
        assert ("--train.threads 1" in (machine.crowded() or "")) == crowd
    finally:
        torch.set_num_threads(before)


def test_a_run_on_a_busy_machine_says_so(tmp_path, monkeypatch, capsys):
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "busy_cores", lambda: 999.0)
    try:
        for threads in (1, 2):
            assert train(tmp_path / str(threads), "--train.steps=1", f"--train.threads={threads}") == 0
            assert ("other programs keep 999.0 of these busy" in capsys.readouterr().out) == (threads == 2)
    finally:
        torch.set_num_threads(before)


STAT = """cpu  1 2 3 4 5 6 7 8 9 10
cpu0 {0} 0 0 {1} 50 0 0 0 3 0
cpu1 {2} 0 0 {3} 0 0 0 0 0 0
cpu7 {4} 0 0 0 0 0 0 0 0 0
intr 12 13
"""


@pytest.mark.parametrize("processes, busy", [(1, 0.7), (2, 0.4), (4, 0.0)])
def test_busy_cores_are_those_that_others_keep_at_work_now(monkeypatch, processes, busy):
    """Core 0 works 30 of 40 ticks and core 1 10 of 40, and 0.3 cores are each process's own. Core 7 is for others."""
    files = iter([STAT.format(900, 100, 5, 800, 1), STAT.format(930, 110, 15, 830, 999)])
    own, wall, waited = iter([7.0, 7.12]), iter([50.0, 50.4]), []
    clocks = {"process_time": lambda: next(own), "perf_counter": lambda: next(wall), "sleep": waited.append}
    monkeypatch.setattr(machine, "_usable", lambda: {0, 1})
    monkeypatch.setattr(machine.Path, "read_text", lambda path: next(files))
    monkeypatch.setattr(machine, "time", SimpleNamespace(**clocks))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert machine.busy_cores() == pytest.approx(busy) and 0.1 < waited[0] < 1


def test_work_fails_as_itself_while_others_are_watched():
    with pytest.raises(ValueError, match="a step"):
        machine.busy_cores(lambda: int("a step"))


def test_a_system_that_does_not_say_what_its_cores_do_counts_as_idle(monkeypatch):
    def missing(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(machine.Path, "read_text", missing)
    assert machine.busy_cores() == 0


def test_a_run_has_the_threads_that_it_is_given_where_accelerate_sets_its_own(tmp_path, monkeypatch):
    """As it does on a host with one of several processes."""
    before, made = torch.get_num_threads(), experiment.Accelerator

    def several_hosts(*arguments, **options):
        torch.set_num_threads(3)
        return made(*arguments, **options)

    monkeypatch.setattr(experiment, "Accelerator", several_hosts)
    try:
        assert train(tmp_path / "run", "--train.steps=1", "--train.threads=2") == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
