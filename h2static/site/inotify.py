"""Linux's change notifications for files, inotify(7), which the standard library lacks.

Contract: :class:`Inotify` watches files and folders and reports what happens to them.  The kernel
queues a notification before the system call that made the change returns, so
:meth:`Inotify.pending` sees every change completed before it is called.  inotify does not see
writes through a memory mapping, or changes by another machine to a shared file system.

Strategy: three functions of the C library, called through ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from array import array
from fcntl import ioctl
from termios import FIONREAD
from typing import NamedTuple

from h2static.descriptors import close_descriptor

MODIFY = 0x002
ATTRIB = 0x004
MOVED_FROM = 0x040
MOVED_TO = 0x080
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
#: For adding a watch: do not follow a link; add to the events of a watch that exists.
DONT_FOLLOW = 0x02000000
MASK_ADD = 0x20000000

#: inotify(7): watch, mask, cookie, length of the name that follows.
_EVENT = struct.Struct("iIII")


class Event(NamedTuple):
    """An inotify event."""

    #: The number of the watch; -1 if the queue was full and events were lost.
    watch: int
    mask: int
    #: For a watched folder: the name affected; otherwise empty.
    name: bytes


class Inotify:
    """A queue of notifications; closed when it is garbage collected."""

    def __init__(self) -> None:
        """Raises ``OSError`` if inotify is not available, or its limit is reached."""
        self._descriptor = -1
        library = ctypes.CDLL(None, use_errno=True)
        try:
            self._add = library.inotify_add_watch
            self._remove = library.inotify_rm_watch
            make = library.inotify_init1
        except AttributeError:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
        self._add.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self._remove.argtypes = (ctypes.c_int, ctypes.c_int)
        make.argtypes = (ctypes.c_int,)
        self._descriptor = _checked(make(os.O_NONBLOCK | os.O_CLOEXEC))
        self._waiting = array("i", (0,))

    def __del__(self) -> None:
        if self._descriptor >= 0:
            close_descriptor(self._descriptor)

    def add(self, path: bytes, mask: int) -> int:
        """Watch the file at ``path``.  Returns the number of the watch, one per file.

        Raises ``OSError``, for example if the user has too many watches.
        """
        return _checked(self._add(self._descriptor, path, mask | MASK_ADD))

    def remove(self, watch: int) -> None:
        """End a watch, if it has not ended with its file."""
        self._remove(self._descriptor, watch)

    def pending(self) -> int:
        """Octets available to :meth:`read`; costs one system call."""
        ioctl(self._descriptor, FIONREAD, self._waiting)
        return self._waiting[0]

    def read(self, octets: int) -> list[Event]:
        """Read ``octets`` of events; the kernel limits its queue (16 384 events).

        Read everything that is pending: the relevant event may be the last one.
        """
        try:
            data = os.read(self._descriptor, octets)
        except BlockingIOError:
            return []
        events: list[Event] = []
        position = 0
        while position < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, position)
            position += _EVENT.size
            name = data[position : position + length].rstrip(b"\0")
            position += length
            events.append(Event(watch, mask, name))
        return events


def _checked(result: int) -> int:
    """``result``; raises ``OSError`` if the C library signals an error."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
