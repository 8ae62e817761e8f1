"""The file that names the process which serves, ``--pid-file``.

Contract: a :class:`PidFile` belongs to one process at a time, for as long as that lives.  Whatever
number an earlier process left in the file means nothing: it may be another program's by now, and in
a container it nearly always is.

Strategy: the process keeps the file open and locked.  The kernel gives the lock up with the
process, however that ends.  A lock counts only if the file is still the one at that path: whoever
had it before may have removed it in the meantime.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat

from h2static.errors import StartError

#: File systems without locks (some network file systems) say one of these.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
#: Octets in which a process id fits.
_MAX_LENGTH = 32


class PidFile:
    """A file with the process id of the supervisor, while it runs."""

    def __init__(self, path: str) -> None:
        """Take the file and write it.

        Raises :class:`~h2static.errors.StartError` when it cannot be written or when another
        process has it.  Where the file system knows no locks, the file is only written.
        """
        # A daemon leaves the folder that a relative name is meant from.
        self._path = os.path.abspath(path)
        try:
            self._descriptor = self._take()
        except OSError as error:
            raise StartError(f"cannot write {path}: {error.strerror}") from error

    def _take(self) -> int:
        """The file, open and locked, with our process id in it."""
        while True:
            # Without O_NONBLOCK a FIFO would be waited for.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(self._path, flags, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    # In the end it would be removed, be it /dev/null.
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
        """Whether the file that is open as ``descriptor`` is still the one that has the name."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def remove(self) -> None:
        """Remove the file, unless another one has its name by now, and give up the lock."""
        with contextlib.suppress(OSError):
            if self._is_at_path(self._descriptor):
                os.unlink(self._path)
        os.close(self._descriptor)
