"""The standard descriptors, which whoever starts a program may have closed.

Contract: after :func:`open_missing` descriptors 0, 1 and 2 are open, here and in programs that are
started from here.

Assumes: called before the program opens anything that it keeps.  What it opens otherwise gets the
lowest free number: a socket or a file would be taken for standard output or standard error.
"""

from __future__ import annotations

import os
import sys


def open_missing() -> frozenset[int]:
    """Open the null device in place of each standard descriptor that is closed; which those were.

    What Python made of them stays: ``sys.stdin``, ``sys.stdout`` or ``sys.stderr`` is ``None``.
    """
    missing: set[int] = set()
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free: those below are open by now.
            opened = os.open(os.devnull, os.O_RDWR)
            assert opened == descriptor
            os.set_inheritable(descriptor, True)
            missing.add(descriptor)
    return frozenset(missing)


def complete_streams() -> frozenset[int]:
    """Do so, and have Python's standard streams lead there; which were closed.

    Nobody reads what goes to those.
    """
    closed = open_missing()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 -- as above
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 -- as above
    return closed
