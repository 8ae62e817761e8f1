"""Files that TLS is made of: keys, certificates, passwords, parameters.

Contract: :func:`open_regular_file` waits for nobody.  A FIFO, which another program may never write
to, would hold up the start, or a reload, without a word; a device may have no end.  And what was
read once from a pipe is not there for the next worker.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def open_regular_file(path: str) -> Iterator[BinaryIO]:
    """The file at ``path``, for reading.  Raises ``OSError``, also for what is no regular file."""
    # Without O_NONBLOCK opening a FIFO waits for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", path)
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)
