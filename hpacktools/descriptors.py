"""The standard descriptors, which may be closed when a program starts.

Contract: after :func:`open_missing`, descriptors 0, 1 and 2 are open, in this process and its
children.

Assumes that it is called before the program opens anything that it keeps.  Otherwise a socket or a
file would get the lowest free number and be taken for standard output or standard error.
"""

from __future__ import annotations

import os
import sys


def open_missing() -> frozenset[int]:
    """Open the null device for each standard descriptor that is closed; returns their numbers.

    The Python streams are unchanged: ``sys.stdin``, ``sys.stdout`` or ``sys.stderr`` is ``None``.
    """
    missing: set[int] = set()
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number: those below are open by now.
            opened = os.open(os.devnull, os.O_RDWR)
            assert opened == descriptor
            os.set_inheritable(descriptor, True)
            missing.add(descriptor)
    return frozenset(missing)


def complete_streams() -> frozenset[int]:
    """Like :func:`open_missing`, and also open Python's standard streams on the null device.

    Returns the numbers of the descriptors that were closed.  Output to them is discarded.
    """
    closed = open_missing()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 -- as above
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 -- as above
    return closed
