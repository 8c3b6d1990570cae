"""The exception for bad input that the user can mend."""


class UserError(ValueError):
    """Bad input. Its message is one line that names the thing and the remedy; the commands print it and exit with 2."""
