"""Finds shipped files: inside the package if it is installed from a wheel, beside it in a checkout."""

from pathlib import Path

from .errors import UserError

PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder of shipped files `name` ("configs" or "data")."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def find(source: str | Path, name: str, suffix: str, what: str) -> Path:
    """Find a file by its path, or a shipped file by its name, with or without suffix.

    Args:
        source: the path or the name.
        name: the folder of shipped files.
        suffix: the suffix of shipped files.
        what: the word for the file in messages.

    Raises:
        UserError: neither exists. The message lists the shipped names.
    """
    path = Path(source)
    if path.is_file():
        return path
    shipped = folder(name) / (path.name if path.suffix else path.name + suffix)
    if str(path) == path.name and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in folder(name).glob(f"*{suffix}")))
    raise UserError(f"{what} '{source}' not found: give the path of a file, or one of the shipped names: {names}")
