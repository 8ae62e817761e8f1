"""Files that are only read: opening what waits for nobody, and letting go.

Contract: :func:`open_regular_file` opens regular files.  A FIFO, which another program may never
write to, would hold up whoever opens it without a word; a device may have no end; and what was read
once from a pipe is not there for the next process.

:func:`close_descriptor` never raises.  close(2) may report an error, as file systems in user space
and on other machines do; the descriptor is closed all the same, and its number may stand for
something else a moment later.  Nobody may close it twice, or fail to close the next one.
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
    """The file at ``path``, for reading.  Raises ``OSError``, also for what is no regular file."""
    # Without O_NONBLOCK opening a FIFO waits for its other end.
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
    """Close a file that was only read."""
    with contextlib.suppress(OSError):
        os.close(descriptor)
