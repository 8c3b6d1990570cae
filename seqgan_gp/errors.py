"""The exception for bad input that the user can mend, and the line that tells of any error."""

import re

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


# The words of torch, of its library oneDNN and of the system for memory that is not there.
SHORT = (
    *("can't allocate memory", "out of memory", "not enough memory", "cannot allocate memory", "unable to allocate"),
    *("could not create a primitive", "could not create a memory object"),
)
LOWER = (
    "lower --train.batch_size, --tokenizer.length, --tokenizer.vocabulary or the widths of the networks; "
    "of the command sample, --batch-size or --candidates"
)
# The words of torch for a process of the run that has ended.
PARTED = ("connection closed by peer", "connection reset by peer", "connection was likely closed", "broken pipe")


def told(error: BaseException) -> str | None:
    """The line that tells the user of an error; None for a mistake of ours, whose traceback helps."""
    if isinstance(error, UserError):
        return str(error)
    text = one_line(" ".join(str(error).split()))
    if isinstance(error, MemoryError | RuntimeError | OSError) and any(words in text.lower() for words in SHORT):
        asked = re.search(r"(tried|unable) to allocate [\d.,]+ \w+", text, re.IGNORECASE)
        return f"not enough memory ({asked[0] if asked else text[:200]}): {LOWER}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {LOWER}"
    if isinstance(error, RuntimeError) and any(words in text.lower() for words in PARTED):
        return (
            "another process of this run has ended: its own message says why; --resume goes on from the last checkpoint"
        )
    if isinstance(error, OSError):
        return one_line(f"{error.filename or 'input or output'}: {error.strerror or error}")
    return None
