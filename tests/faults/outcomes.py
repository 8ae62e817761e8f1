"""How calls end, by the names of their errors."""

from __future__ import annotations

import errno
import ssl
from typing import Final

from tests.support.faults import error, late_error, raising

# What peers and networks do.
RESET: Final = error(errno.ECONNRESET)
PIPE: Final = error(errno.EPIPE)
TIMED_OUT: Final = error(errno.ETIMEDOUT)
NOT_CONNECTED: Final = error(errno.ENOTCONN)
ABORTED: Final = error(errno.ECONNABORTED)

# Not now.
AGAIN: Final = error(errno.EAGAIN)
WANT_READ: Final = raising(lambda: ssl.SSLWantReadError(2, "not complete"), "WANT_READ")
WANT_WRITE: Final = raising(lambda: ssl.SSLWantWriteError(3, "not complete"), "WANT_WRITE")

# What this machine cannot do.
IO_ERROR: Final = error(errno.EIO)
STALE: Final = error(errno.ESTALE)
NO_MEMORY: Final = error(errno.ENOMEM)
NO_BUFFERS: Final = error(errno.ENOBUFS)
NO_SPACE: Final = error(errno.ENOSPC)
MANY_FILES: Final = error(errno.EMFILE)
MANY_FILES_IN_ALL: Final = error(errno.ENFILE)
NOT_ALLOWED: Final = error(errno.EACCES)
NOT_PERMITTED: Final = error(errno.EPERM)
INVALID: Final = error(errno.EINVAL)
BAD_DESCRIPTOR: Final = error(errno.EBADF)
ABSENT: Final = error(errno.ENOENT)

# Closing tells of an error, and has closed.
CLOSED_WITH_ERROR: Final = late_error(errno.EIO)

# TLS.
EOF: Final = raising(lambda: ssl.SSLEOFError(8, "EOF occurred"), "EOF")
BAD_RECORD: Final = raising(lambda: ssl.SSLError(1, "bad record mac"), "SSLError")
