"""Letting go of open files.

Contract: :func:`close_descriptor` never raises.  close(2) may report an error, as file systems in
user space and on other machines do; the descriptor is closed all the same, and its number may stand
for something else a moment later.  Nobody may close it twice, or fail to close the next one.
"""

from __future__ import annotations

import contextlib
import os


def close_descriptor(descriptor: int) -> None:
    """Close a file that was only read."""
    with contextlib.suppress(OSError):
        os.close(descriptor)
