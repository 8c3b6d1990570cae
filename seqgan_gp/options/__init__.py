"""The options of the commands but train, whose options are the keys of its config.

One file describes a command, or a few that are alike, and names the function that carries it out.
"""

from __future__ import annotations

import argparse

from .. import __version__
from . import probe, push, report, sample, score, scoring
from .parsing import Parser

COMMANDS = (sample, score, scoring, probe, report, push)


def new_parser() -> argparse.ArgumentParser:
    """The parser of the program. Its `function` is that of the command, as `package.module:function`."""
    parser = Parser(
        prog="seqgan-gp",
        description="Wasserstein GANs with gradient penalty on text and other discrete sequences.",
        epilog="Several devices: accelerate launch -m seqgan_gp train --config text.yaml (run.py in a checkout).",
    )
    parser.add_argument("--version", action="version", version=f"seqgan-gp {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    commands.add_parser(
        "train", help="train a generator and its critic; train --help lists every field", add_help=False
    )
    for command in COMMANDS:
        command.add(commands)
    return parser
