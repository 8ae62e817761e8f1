"""Leaving the terminal, ``-D/--daemon``.

Contract: :func:`leave_terminal` returns in the daemon; the process that was started waits until the
daemon says that it serves, so that its exit code tells whether it does.
"""

from __future__ import annotations

import os
from collections.abc import Callable


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
