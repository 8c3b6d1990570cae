"""Run one study, and write its numbers (JSON), its table (Markdown) and figures: python -m studies NAME [--out DIR]."""

from __future__ import annotations

import argparse
import ast
import json
import sys
from importlib import import_module
from pathlib import Path

from seqgan_gp.cli import command
from seqgan_gp.files import atomic_write

STUDIES = ("toys", "objectives", "trials", "samples", "augmentation", "substitutions")


@command
def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name in STUDIES:
        words = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))) or ""
        one = names.add_parser(
            name,
            help=words.splitlines()[0],
            description=words,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.add_argument("--out", type=Path, metavar="DIR", help=f"output folder (default: in runs/studies/{name})")
        if arguments[:1] == [name]:  # the imports of a study take seconds
            import_module(f"studies.{name}").add_options(one)
    options = parser.parse_args(arguments)
    read = getattr(options, "file", Path())  # a study that reads a file gets a folder for each file
    out = options.out or Path("runs", "studies", options.name, read.stem)
    figures, table = import_module(f"studies.{options.name}").run(options, out)
    for file, text in (("study.json", json.dumps(figures, indent=2)), ("study.md", table)):
        with atomic_write(out / file) as opened:
            opened.write(f"{text}\n")
    print(f"{table}\n\nwritten to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
