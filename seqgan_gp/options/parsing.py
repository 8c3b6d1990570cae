"""The parser of the program, its types of values, and options that several commands share."""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from .. import names
from ..errors import MOST, UserError, not_at_least


def at_least(least: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(not_at_least(text, least, kind is int))
        if value > MOST:
            raise argparse.ArgumentTypeError(not_at_least(MOST + 1, least, kind is int))
        return value

    return number


def checked(check: Callable[[str], str]) -> Callable[[str], str]:
    def text(given: str) -> str:
        try:
            return check(given)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return text


a_name, a_path = checked(names.named), checked(names.usable_path)


class Parser(argparse.ArgumentParser):
    """Its help may end with a text that takes long to compute, so that only --help waits for it."""

    ending: Callable[[], str] | None = None

    def error(self, message: str) -> NoReturn:
        if wrong := re.fullmatch(r"argument (\S+): invalid choice: (.*) \(choose from (.*)\)", message, re.DOTALL):
            message = f"{wrong[2]} is no {wrong[1].lstrip('-').lower()}; choose {wrong[3].replace(chr(39), '')}"
        raise UserError(f"{message}; {self.prog} --help lists the options")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse as argparse does, but tell of an unknown option here, where the command and its options are known."""
        found, rest = super().parse_known_args(args, namespace)
        wrong = [text.partition("=")[0] for text in rest if text.startswith("-")]
        if late := next((text for text in wrong if text in self._option_string_actions), None):
            self.error(f"{late} stands behind --, where no option is read: move it before --")
        if wrong:
            self.error(f"{wrong[0]} is no option of {self.prog}{names.nearest(wrong[0], self._option_string_actions)}")
        if rest:
            self.error(f"{rest[0]} is one argument too many")
        return found, rest

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self.ending()}" if self.ending else "")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def programs(package: str, kind: str, folder: Path, known: Iterable[str]) -> tuple[Parser, dict[str, Parser]]:
    """A parser of the programs of a package, and that of each by its name. The docstring of a module is its help.

    Args:
        package: the name of the package.
        kind: the word for such a program.
        folder: the folder of the package.
        known: the names of the programs, in the order of the help.
    """

    def words(module: str) -> str:
        source = (folder / f"{module.replace('-', '_')}.py").read_text(encoding="utf-8")
        return ast.get_docstring(ast.parse(source)) or ""  # an import may take seconds

    parser = Parser(prog=f"python -m {package}", description=words("__main__"))
    commands, found = parser.add_subparsers(dest="name", required=True, metavar=kind.upper()), {}
    for name in known:
        about, form = words(name), argparse.RawDescriptionHelpFormatter
        found[name] = commands.add_parser(name, help=about.splitlines()[0], description=about, formatter_class=form)
    return parser, found


def listed(heading: str, meanings: Mapping[str, str]) -> str:
    """A heading, and names with their meanings below it."""
    indent = max(map(len, meanings)) + 4
    width = max(shutil.get_terminal_size().columns - 2, indent + 20)
    lines = [heading]
    for name, meaning in meanings.items():
        first = f"  {name}".ljust(indent)
        lines += textwrap.wrap(meaning, width, initial_indent=first, subsequent_indent=" " * indent)
    return "".join(f"{line}\n" for line in lines)


FILES = "file of lines, .csv, .tsv, .json, .jsonl, .parquet or FASTA (.fa, .fasta, .faa, .fna), also packed (.gz, .zst)"
CANDIDATES: dict[str, Any] = {
    "type": at_least(1, int),
    "metavar": "K",
    "help": "text only: the most candidates for each sentence, which the run's discriminator accepts or refuses one "
    "after another; 1 takes each sentence as the generator writes it (default: as trained)",
}
IMPORT: dict[str, Any] = {
    "type": a_name,
    "dest": "imports",
    "metavar": "MODULE",
    "action": "append",
    "default": [],
    "help": "import a module of your own, which registers parts that the run was trained with; a checkpoint never "
    "imports one by itself",
}
BOOTSTRAP: dict[str, Any] = {
    "type": at_least(0, int),
    "metavar": "N",
    "help": "intervals from N pairs of random halves of samples and reference; 0 for none (default: %(default)s)",
}
