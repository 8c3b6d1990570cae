"""Run one benchmark and print its table: python -m benchmarks BENCHMARK [--json FILE]."""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

from seqgan_gp.cli import command
from seqgan_gp.errors import UserError
from seqgan_gp.files import atomic_write
from seqgan_gp.options.parsing import programs

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


@command
def main(arguments: list[str]) -> int:
    parser, benchmarks = programs("benchmarks", "benchmark", Path(__file__).parent, BENCHMARKS)
    for name, one in benchmarks.items():
        one.add_argument("--json", metavar="FILE", help="also write the figures here")
        # Import here: the imports of a benchmark take seconds, and the processes in which the benchmark of evaluation
        # measures memory import this file again.
        if arguments[:1] == [name]:
            import_module(f"benchmarks.{name.replace('-', '_')}").add_options(one)
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
