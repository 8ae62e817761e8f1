"""The standard descriptors, which whoever starts a program may have closed.

Contract: after :func:`open_missing` descriptors 0, 1 and 2 are open, here and in programs that are
started from here.

Assumes: called before the program opens anything that it keeps.  What it opens otherwise gets the
lowest free number: a socket or a file would be taken for standard output or standard error.
"""

from __future__ import annotations

import os


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
