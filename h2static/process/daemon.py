"""Leaving the terminal, ``-D/--daemon``.

Contract: :func:`leave_terminal` returns in the daemon; the original process waits until the daemon
serves, so that its exit status shows whether the start succeeded.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def leave_terminal() -> Callable[[], None]:
    """Continue in a child process without a terminal.

    Returns, in the child, the function to call once it serves: it leaves the working folder, closes
    the standard streams, and makes the parent exit with 0.  If the child exits before that, the
    parent exits with 1; the child has printed why.
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
