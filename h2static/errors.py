"""What stops the command: one line for a person, and an exit code."""


class UsageError(Exception):
    """The command line or a configuration file is wrong; the text is one line (exit code 2)."""


class StartError(Exception):
    """The server cannot start; the text is one line that says what and where (exit code 1)."""
