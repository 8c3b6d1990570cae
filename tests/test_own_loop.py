"""Test the method without the rest of the package, as in docs/own_loop.md."""

import re
import subprocess
import sys

import torch
from conftest import ROOT


def test_the_loop_of_the_page_runs_as_printed_and_learns():
    page = (ROOT / "docs" / "own_loop.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 30
    names: dict = {}
    exec(program, names)
    assert names["norms"].shape == (names["batch"],)
    with torch.no_grad():
        tokens = names["generator"](torch.randn(200, 16)).argmax(-1)
    assert (tokens < names["vocabulary"] // 2).float().mean() > 0.8


def test_the_method_imports_nothing_of_the_rest():
    code = (
        "import sys; from seqgan_gp import adversarial; "
        "print(*sorted(m for m in sys.modules if m.startswith('seqgan_gp')), 'accelerate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    rooms = ("constraints", "game", "gradients", "objectives", "penalty", "reranker", "substitutions")
    expected = ["seqgan_gp", "seqgan_gp.adversarial", *(f"seqgan_gp.adversarial.{room}" for room in rooms)]
    assert done.stdout.split() == [*expected, "False"]
