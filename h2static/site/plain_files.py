"""Reading the owner's files: rules and configurations, which are regular files of a modest size.

Contract: :func:`read_plain_file` reads a regular file and waits for nobody: a FIFO under the name
of a file, which another program may never write to, is an error like any other.
"""

from __future__ import annotations

import errno
import os
import stat


def read_plain_file(path: str | os.PathLike[str], size: int) -> bytes:
    """The first ``size`` octets of a file.  Raises ``OSError``, also for what is no regular file.

    Who wants to know whether a file is too large asks for one octet more than it may have.
    """
    # Without O_NONBLOCK opening a FIFO waits for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(size)
    finally:
        os.close(descriptor)
