"""Leaving the terminal: ``-D/--daemon`` and ``--pid-file``.

Contract: :func:`leave_terminal` returns in the daemon; the process that was started waits until the
daemon says that it serves, so that its exit code tells whether it does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from h2static.errors import StartError


def leave_terminal() -> Callable[[], None]:
    """Go on in a child without a terminal.

    Returns, in the child, the function to call once it serves: it gives up the working folder and
    the standard streams, and lets the parent exit with 0.  When the child ends before that, the
    parent exits with 1; the child has said why.
    """
    ours, theirs = os.pipe()
    if os.fork():
        os.close(theirs)
        os._exit(0 if os.read(ours, 1) else 1)
    os.close(ours)
    os.setsid()

    def serving() -> None:
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        os.close(null)
        os.write(theirs, b"\1")
        os.close(theirs)

    return serving


class PidFile:
    """A file with the process id of the supervisor, while it runs."""

    def __init__(self, path: str) -> None:
        """Write the file.

        Raises :class:`~h2static.errors.StartError` when it cannot be written, or names a process
        that is alive.
        """
        self._path = path
        with contextlib.suppress(OSError, ValueError):
            with open(path, encoding="ascii") as file:
                other = int(file.read(32))
            if other > 0 and other != os.getpid() and _is_alive(other):
                raise StartError(f"process {other} is alive, says {path}")
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")
        except OSError as error:
            raise StartError(f"cannot write {path}: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def _is_alive(process: int) -> bool:
    """Whether there is such a process, whoever it belongs to."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
