"""Run a study, and write its numbers (JSON), its table (Markdown) and figures: python -m studies STUDY [--out DIR]."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from seqgan_gp.cli import command
from seqgan_gp.files import atomic_write
from seqgan_gp.options.parsing import programs

STUDIES = ("toys", "objectives", "trials", "samples", "augmentation", "substitutions")


@command
def main(arguments: list[str]) -> int:
    parser, studies = programs("studies", "study", Path(__file__).parent, STUDIES)
    for name, one in studies.items():
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
