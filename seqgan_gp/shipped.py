"""Where the shipped files are: inside the package when installed from a wheel, beside it in a checkout."""

from pathlib import Path

from .errors import UserError

PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder of shipped files `name` ("configs" or "data")."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def find(source: str | Path, name: str, suffix: str, what: str) -> Path:
    """The file that a user means by `source`: a path, or the name (with or without suffix) of a shipped file.

    Raises:
        UserError: neither exists; the message lists the shipped names.
    """
    path = Path(source)
    if path.is_file():
        return path
    shipped = folder(name) / (path.name if path.suffix else path.name + suffix)
    if str(path) == path.name and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in folder(name).glob(f"*{suffix}")))
    raise UserError(f"{what} '{source}' not found: give the path of a file, or one of the shipped names: {names}")
