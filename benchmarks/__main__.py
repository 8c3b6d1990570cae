"""Run one benchmark and print its table: python -m benchmarks NAME [--json FILE]."""

from __future__ import annotations

import argparse
import ast
import json
import math
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from seqgan_gp.cli import command
from seqgan_gp.errors import UserError
from seqgan_gp.files import atomic_write

BENCHMARKS = (
    "critic-step",
    "training",
    "time-to-quality",
    "sampling",
    "evaluation",
    "processes",
    "gpu",
    "growth",
    "large-corpus",
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {self.prog} --help lists the options")


@command
def main(arguments: list[str]) -> int:
    parser = _Parser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name in BENCHMARKS:
        module = name.replace("-", "_")
        words = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))) or ""
        one = names.add_parser(
            name,
            help=words.splitlines()[0],
            description=words,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.add_argument("--json", metavar="FILE", help="also write the figures here")
        # Import here: the imports of a benchmark take seconds, and the processes in which the benchmark of evaluation
        # measures memory import this file again.
        if arguments[:1] == [name]:
            import_module(f"benchmarks.{module}").add_options(one)
    options = parser.parse_args(arguments)
    _check(options)
    # Open the file first, so that a wrong name does not cost minutes of work.
    with atomic_write(options.json) if options.json else nullcontext() as file:
        figures, table = import_module(f"benchmarks.{options.name.replace('-', '_')}").run(options)
        print(table)
        if file:
            json.dump(figures, file, indent=2)
            file.write("\n")
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise a UserError unless every number is finite and over 0."""
    for name, value in vars(options).items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int | float) and not 0 < one < math.inf:
                raise UserError(f"--{name.replace('_', '-')}: a finite number over 0 is needed, not {one}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
