"""The one exception that means: the user can mend this, and here is how."""


class UserError(ValueError):
    """Bad input. Its message is one line that names the thing and the remedy; the commands print it and exit with 2."""
