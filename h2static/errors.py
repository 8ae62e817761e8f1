"""Errors that stop the command: a one-line message, and an exit status."""

from __future__ import annotations

from collections.abc import Sequence


class UsageError(Exception):
    """The command line or a configuration file is wrong; a one-line message (exit status 2)."""


class StartError(Exception):
    """The server cannot start; a one-line message that says what and where (exit status 1)."""


class ApplicationError(StartError):
    """An application cannot be used; ``details``: more lines, such as its own traceback."""

    def __init__(self, text: str, details: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.details = tuple(details)


class ApplicationFailed(ApplicationError):
    """An application refused to start; retrying would not help (exit status 3)."""
