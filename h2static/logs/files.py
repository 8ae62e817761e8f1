"""Log files: written in complete lines by several processes, and reopened after they were renamed.

Contract: a :class:`LogFile` appends what it is given, or raises ``OSError``.  If a write was
partial and the rest cannot follow because the disk is full, the next one starts a new line, so that
no line is joined to the rest of another.  Opening never blocks: a FIFO needs a reader first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat


class LogFile:
    """Where a log is written to; used by one thread at a time."""

    def __init__(self, path: str | None, standard: int) -> None:
        """Open ``path`` for appending; ``None``: write to the descriptor ``standard``.

        The file is made if need be.  Raises ``OSError``.
        """
        self._path = path
        self._standard = standard
        self._descriptor = standard if path is None else _open(path)
        #: Whether what was written last ends within a line.
        self._torn = False

    @property
    def path(self) -> str | None:
        """The file's name; ``None``: it is none of ours."""
        return self._path

    @property
    def is_pipe(self) -> bool:
        """Whether it is a pipe, or the system does not know."""
        try:
            return stat.S_ISFIFO(os.fstat(self._descriptor).st_mode)
        except OSError:
            return True

    def write(self, lines: bytes) -> None:
        """Write all of ``lines``; a pipe or a full disk may accept them in parts.

        Raises ``OSError``.
        """
        view = memoryview(b"\n" + lines if self._torn else lines)
        while view:
            count = os.write(self._descriptor, view)
            self._torn = view[count - 1] != 10
            view = view[count:]

    def reopen(self) -> None:
        """Open the file again after it was renamed.  Raises ``OSError``; then the old one stays."""
        if self._path is None:
            return
        before, self._descriptor = self._descriptor, _open(self._path)
        self._torn = False
        _close(before)

    def close(self) -> None:
        """Close the file; later lines go to the standard descriptor."""
        if self._path is not None:
            before, self._descriptor = self._descriptor, self._standard
            self._path = None
            self._torn = False
            _close(before)


def _open(path: str) -> int:
    # Without O_NONBLOCK opening a FIFO waits for a reader, and no signal ends that.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno == errno.ENXIO:
            reason = "a FIFO without a reader, or a socket"
            raise OSError(errno.ENXIO, reason, path) from error
        raise
    # Lines are written completely, however slowly they are read.
    os.set_blocking(descriptor, True)
    return descriptor


def _close(descriptor: int) -> None:
    # The error concerns earlier writes; the file is closed all the same.
    with contextlib.suppress(OSError):
        os.close(descriptor)
