"""python -m benchmarks NAME [--json FILE]: runs one benchmark and prints its table."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from seqgan_gp.cli import command
from seqgan_gp.files import atomic_write

from . import critic_step, evaluation

BENCHMARKS: dict[str, Any] = {"critic-step": critic_step, "evaluation": evaluation}


@command
def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        one = names.add_parser(name, help=(module.__doc__ or "").splitlines()[0], description=module.__doc__)
        one.add_argument("--json", metavar="FILE", help="also write the figures here")
        module.add_options(one)
    options = parser.parse_args(arguments)
    figures, table = BENCHMARKS[options.name].run(options)
    print(table)
    if options.json:
        with atomic_write(options.json) as file:
            json.dump(figures, file, indent=2)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
