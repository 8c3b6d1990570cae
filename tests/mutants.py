"""Plant realistic mistakes in the code, one at a time, and report which of them the tests notice.

    python tests/mutants.py [--jobs 2] [--only TEXT] [FILE.yaml ...]

A mutant is an entry of tests/mutants.yaml: a file, a text that occurs in it once, a replacement, the loss to a user,
and the tests that must notice. Each mutant is planted in a copy of the tree, and its tests run there. A mutant that no
test notices lives. Each living mutant shows that a test is missing.

Exit code 0: no mutant lives. 1: some live. 2: an entry is wrong, or its tests fail in the unchanged tree.
"""

from __future__ import annotations

import argparse
import ast
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import yaml

ROOT = Path(__file__).parent.parent
LIST = ROOT / "tests" / "mutants.yaml"
LONGEST = 600  # seconds for the tests of one mutant; a mutant that makes them hang counts as noticed


@functools.cache
def tests_of(file: str) -> set[str]:
    """The functions of a file of tests."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Args:
        file: the path of the file from the root of the tree.
        old: a text that occurs in the file once.
        new: the replacement.
        loses: the loss to a user.
        tests: the tests that notice, as `file.py::name` in tests/.
    """

    file: str
    old: str
    new: str
    loses: str
    tests: tuple[str, ...]

    def check(self) -> None:
        """Raise a ValueError unless the mutant can be planted and its tests exist."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: occurs {text.count(self.old)} times, not once: {self.old}")
        try:
            planted = ast.dump(ast.parse(text.replace(self.old, self.new)))
        except SyntaxError as error:
            raise ValueError(f"{self.file}: {self.new} is not valid Python there ({error})") from None
        if planted == ast.dump(ast.parse(text)):
            raise ValueError(f"{self.file}: {self.new} changes nothing")
        for test in self.tests:
            file, _, name = test.partition("::")
            if name.partition("[")[0] not in tests_of(file):
                raise ValueError(f"{self.file}: there is no test {test}")


def load(path: Path) -> list[Mutant]:
    """The mutants of a file."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


def copy_tree(to: Path) -> None:
    """Copy the files of the tree that git does not ignore, and link the public data if they exist."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (to.parent / "shared").symlink_to(shared)


def run(tests: tuple[str, ...], tree: Path) -> int | None:
    """Run tests of a tree, and return the exit code of pytest; None if they take too long."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider"]
    # Python checks compiled files by modification time, which a mutant can share with the file that it replaces.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *(f"tests/{test}" for test in tests)],
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return None


def noticed(mutants: list[Mutant], jobs: int) -> Iterator[tuple[Mutant, bool, float]]:
    """Plant mutants, `jobs` at a time. Yield each mutant, whether a test notices it, and the seconds of its tests."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for job in range(jobs):
            tree = Path(folder) / str(job) / "tree"
            tree.mkdir(parents=True)
            copy_tree(tree)
            trees.put(tree)

        def plant(mutant: Mutant) -> tuple[Mutant, bool, float]:
            tree, began = trees.get(), time.monotonic()
            path = tree / mutant.file
            text = path.read_text(encoding="utf-8")
            try:
                path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
                code = run(mutant.tests, tree)
            finally:
                path.write_text(text, encoding="utf-8")
                trees.put(tree)
            if code not in (0, 1, 2, None):  # 2: the mutant cannot be imported, so it is noticed
                raise ValueError(f"{mutant.file}: pytest ended with exit code {code} on {', '.join(mutant.tests)}")
            return mutant, code != 0, time.monotonic() - began

        tree = trees.get()
        if run(tuple(sorted({test for mutant in mutants for test in mutant.tests})), tree) != 0:
            raise ValueError("the tests fail in the unchanged tree: mend them first")
        trees.put(tree)
        yield from pool.map(plant, mutants)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("files", nargs="*", type=Path, default=[LIST], metavar="FILE", help="lists of mutants")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time (default: 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only mutants whose file or loss contains this text")
    options = parser.parse_args()
    try:
        mutants = [m for file in options.files for m in load(file) if options.only in f"{m.file} {m.loses}"]
        if not mutants:
            raise ValueError(f"no file and no loss contains {options.only!r}: leave out --only, or give another text")
        for mutant in mutants:
            mutant.check()
        alive = []
        for number, (mutant, killed, seconds) in enumerate(noticed(mutants, options.jobs), 1):
            verdict = "noticed" if killed else "LIVES"
            print(f"{number:3}/{len(mutants)} {verdict:7} {seconds:4.0f} s  {mutant.file}: {mutant.loses}", flush=True)
            if not killed:
                alive.append(mutant)
    except (ValueError, OSError, TypeError, yaml.YAMLError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for mutant in alive:
        print(
            f"\n{mutant.file}: {mutant.loses}\n- {mutant.old}\n+ {mutant.new}\nnot noticed by {', '.join(mutant.tests)}"
        )
    print(f"\n{len(mutants) - len(alive)} of {len(mutants)} mutants are noticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
