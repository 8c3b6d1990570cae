"""The exception for bad input that the user can mend."""


class UserError(ValueError):
    """Bad input. Its message is one line that names the thing and the remedy; the commands print it and exit with 2."""


def not_at_least(value: object, least: float, whole: bool) -> str:
    """The words for a value that is no such number, in the commands and in the library alike."""
    return f"{value!r} is not a {'whole ' if whole else ''}number of at least {least}"
