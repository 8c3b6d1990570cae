"""The exception for bad input that the user can mend."""

MOST = 2**63 - 1  # the largest whole number that arrays and files count with
LONGEST = 500  # characters of a message


class UserError(ValueError):
    """Bad input. Its message is one line that names the thing and the remedy; the commands print it and exit with 2."""

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """A text as one line that a terminal can show, whatever a user's input put into it.

    Line ends, control characters and bytes that are not UTF-8 are escaped. A long text loses its middle, since it
    begins with the name of the thing and ends with the remedy.
    """
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 + 5 :]}"


def not_at_least(value: object, least: float, whole: bool) -> str:
    """The words for a value that is no such number, in the commands and in the library alike."""
    if isinstance(value, int) and value > MOST:
        return f"a number over {MOST} is too large"
    return f"{value!r} is not a {'whole ' if whole else ''}number of at least {least}"
