"""What stops the command: one line for a person, and an exit code."""

from __future__ import annotations

from collections.abc import Sequence


class UsageError(Exception):
    """The command line or a configuration file is wrong; the text is one line (exit code 2)."""


class StartError(Exception):
    """The server cannot start; the text is one line that says what and where (exit code 1)."""


class ApplicationError(StartError):
    """An application cannot be used; ``details`` are lines below the text: its own traceback."""

    def __init__(self, text: str, details: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.details = tuple(details)


class ApplicationFailed(ApplicationError):
    """An application refused to start: trying again would not help (exit code 3)."""
