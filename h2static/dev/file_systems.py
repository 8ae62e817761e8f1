"""Which file systems report all changes.

Contract: :meth:`FileSystems.silent` names the kind of a file system that may not report changes.
Unknown kinds count as silent: polling in vain costs little, waiting in vain costs a morning.

A network file system reports changes made on this machine, but not those made elsewhere.  The same
holds for FUSE and virtiofs (what Docker Desktop and virtual machines mount, ``bindfs``, ``sshfs``),
where the files belong to another system.  On systems other than Linux, notifications are trusted.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

from h2static.site.change_watch import LOCAL_FILE_SYSTEMS
from h2static.site.mounts import MOUNTS, file_system_of

#: Only this machine's kernel changes what is on them.  ``fuseblk`` is FUSE over a disk of this
#: machine (NTFS, exFAT).
TELLING: Final = LOCAL_FILE_SYSTEMS | {
    *("ramfs", "rootfs", "devtmpfs", "aufs", "jfs", "nilfs2", "reiserfs", "ubifs", "jffs2"),
    *("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus", "iso9660", "udf"),
}
#: The name for a file system of unknown kind.
UNKNOWN: Final = "unknown"

_PATH_ONLY: int = getattr(os, "O_PATH", 0)


class FileSystems:
    """The file systems that a tree is on, cached until something is mounted or unmounted."""

    def __init__(
        self, kind_of: Callable[[int], str | None] | None = None, mounts: str = MOUNTS
    ) -> None:
        """``kind_of`` tells the kind of the file system that an open file is on, ``mounts`` is the
        list of mounts; by default those of the system are asked, where it is Linux."""
        self._applies = kind_of is not None or sys.platform == "linux"
        self._kind_of = file_system_of if kind_of is None else kind_of
        self._mounts_path = mounts
        #: By device number, which is one file system's as long as that is mounted.
        self._silent: dict[int, str | None] = {}
        self._mounts: BinaryIO | None = None
        self._poll: select.poll | None = None

    def close(self) -> None:
        """Give the descriptor back."""
        if self._mounts is not None:
            self._mounts.close()
            self._mounts = self._poll = None

    def changed(self) -> bool:
        """Whether something was mounted or unmounted since the last call.

        The first one says no, and begins.
        """
        if self._poll is None:
            self._begin()
            return False
        if not self._poll.poll(0):
            return False
        self._silent.clear()
        return True

    def _begin(self) -> None:
        if not self._applies:
            return
        try:
            self._mounts = open(self._mounts_path, "rb", buffering=0)  # noqa: SIM115 -- see close()
        except OSError:
            return
        self._poll = select.poll()
        self._poll.register(self._mounts, select.POLLPRI | select.POLLERR)

    def silent(self, folder: str) -> str | None:
        """The kind of the file system that ``folder`` is on, if changes there may go untold.

        ``None`` also for a folder that is gone.
        """
        if not self._applies:
            return None
        try:
            device = os.stat(folder).st_dev
            if device not in self._silent:
                self._silent[device] = self._look(folder)
            return self._silent[device]
        except OSError:
            return None

    def _look(self, folder: str) -> str | None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _PATH_ONLY)
        try:
            kind = self._kind_of(descriptor)
        finally:
            os.close(descriptor)
        return None if kind in TELLING else kind or UNKNOWN
