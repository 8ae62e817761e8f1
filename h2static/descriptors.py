"""Files that are only read: opening them without blocking, and closing them.

Contract: :func:`open_regular_file` opens regular files only.  Opening a FIFO would block silently
until another program writes to it; a device may be endless; and what was read from a pipe is not
there for the next process.

:func:`close_descriptor` never raises.  close(2) may report an error, as user-space and network file
systems do; the descriptor is closed all the same, and its number may refer to something else a
moment later.  It must not be closed twice, and the next one must still be closed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def open_regular_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file for reading.  Raises ``OSError``, also if it is of another kind."""
    # Without O_NONBLOCK, opening a FIFO waits for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        close_descriptor(descriptor)


def close_descriptor(descriptor: int) -> None:
    """Close a file that was only read; never raises."""
    with contextlib.suppress(OSError):
        os.close(descriptor)
