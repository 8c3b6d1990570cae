"""Odd input to every command ends in success or in one clear line: see fuzz.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def fuzz(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tests" / "fuzz.py"), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, errors="replace")


@pytest.mark.slow
def test_no_odd_input_ends_a_command_in_anything_but_success_or_one_line():
    done = fuzz()
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:]


@pytest.mark.slow
def test_the_cases_notice_what_they_are_for():
    """A name that no case has is an error, so that --only cannot pass for nothing."""
    assert fuzz("--only", "no case has this name").returncode == 2
