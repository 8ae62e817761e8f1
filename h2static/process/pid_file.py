"""The file with the process ID of the server, ``--pid-file``.

Contract: a :class:`PidFile` belongs to one process at a time, for the life of the process.  A
number that an earlier process left in the file means nothing: it may belong to another program by
now, and in a container it nearly always does.

Strategy: the process keeps the file open and locked.  The kernel releases the lock when the process
exits, for whatever reason.  A lock is valid only if the file is still the one at that path: its
previous owner may have removed it in the meantime.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat

from h2static.errors import StartError

#: Error numbers of file systems without locks (some network file systems).
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
#: Maximum length of a process ID in octets.
_MAX_LENGTH = 32


class PidFile:
    """A file with the supervisor's process ID, while it runs."""

    def __init__(self, path: str) -> None:
        """Lock and write the file.

        Raises :class:`~h2static.errors.StartError` if it cannot be written, or if another process
        holds it.  On file systems without locks, the file is only written.
        """
        # A daemon leaves the folder that a relative name refers to.
        self._path = os.path.abspath(path)
        try:
            self._descriptor = self._take()
        except OSError as error:
            raise StartError(f"cannot write {path}: {error.strerror}") from error

    def _take(self) -> int:
        """Open and lock the file, and write our process ID."""
        while True:
            # Without O_NONBLOCK, opening a FIFO would block.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(self._path, flags, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    # On exit it would be removed, even /dev/null.
                    raise StartError(f"cannot write {self._path}: not a regular file")
                self._lock(descriptor)
                if self._is_at_path(descriptor):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(descriptor, _MAX_LENGTH, 0).strip()
            other = f"process {written.decode()}" if written.isdigit() else "another process"
            raise StartError(f"{self._path}: {other} is already running") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise

    def _is_at_path(self, descriptor: int) -> bool:
        """Whether the file open as ``descriptor`` is still the one at the path."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def remove(self) -> None:
        """Remove the file, unless another one is at the path by now, and release the lock."""
        with contextlib.suppress(OSError):
            if self._is_at_path(self._descriptor):
                os.unlink(self._path)
        os.close(self._descriptor)
