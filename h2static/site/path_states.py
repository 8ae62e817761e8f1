"""The state of the paths that responses depend on, and whether it is proven.

Contract: a :class:`PathState` says in which version a path was last seen, and whether checking
again would show the same: it was checked in the current batch, or it is watched and nothing has
happened to anything watched since it was checked (:mod:`h2static.site.change_watch`).

A file found unchanged is kept open without access (O_PATH): an unchanged folder proves that the
name still refers to it, and its own change time that it has not changed, at half the cost of
looking it up by name.  Its watch is on the open file, not on a name.

Files beyond the limit of those kept open have no watch of their own.  If such a file has a single
name, the watch of its folder covers it.
"""

from __future__ import annotations

import os
import stat
from os import fstat
from typing import Final

from h2static.descriptors import close_descriptor
from h2static.site.change_watch import NO_WATCH, ChangeWatch
from h2static.site.files import FileVersion, version_of
from h2static.site.limits import SiteLimits

#: Linux: opens a descriptor that refers to a file without needing read access; absent elsewhere.
_O_PATH: int = getattr(os, "O_PATH", 0)
#: States of a watch: not requested yet; requested, but not available.
UNTRIED: Final = -1
UNWATCHED: Final = -2


class Epoch:
    """The current batch, and the batch since which nothing has happened."""

    __slots__ = ("batch", "change_watch", "held_files", "limits", "since")

    def __init__(self, change_watch: ChangeWatch | None, limits: SiteLimits) -> None:
        """``change_watch``: ``None`` if names may lead through places that are not watched."""
        self.change_watch = change_watch
        self.limits = limits
        #: Number of files kept open to prove that they are unchanged.
        self.held_files = 0
        self.batch = 1
        #: The first batch after the last change: watched paths checked since then are proven.
        self.since = 1

    def begin(self, now: float) -> None:
        """Begin a batch: all its requests have been read."""
        self.batch += 1
        if self.change_watch is None or not self.change_watch.silent(now):
            self.since = self.batch


class PathState:
    """A path and the version last seen there."""

    __slots__ = (
        "__weakref__",
        "batch",
        "changed",
        "descriptor",
        "epoch",
        "folder",
        "folder_version",
        "path",
        "shares",
        "version",
        "watch",
    )

    def __init__(self, path: bytes, folder: PathState | None, epoch: Epoch) -> None:
        """``folder``: the state of the folder that contains the path's last name, if known."""
        self.path = path
        self.version: FileVersion | None = None
        #: The batch in which it was last checked.
        self.batch = 0
        self.folder = folder
        #: The open file itself, while its folder proves its name.
        self.descriptor = -1
        self.folder_version: FileVersion | None = None
        #: The file's change time in nanoseconds.
        self.changed = -1
        self.epoch = epoch
        #: The number of its watch, or one of the two constants above.
        self.watch = UNTRIED
        #: Whether that is the watch of its folder.
        self.shares = False

    def __del__(self) -> None:
        self.release()

    def is_proven(self) -> bool:
        """Whether checking again would show the same."""
        epoch = self.epoch
        return self.batch >= (epoch.since if self.watch >= 0 else epoch.batch)

    def look(self) -> None:
        """Check which version the path currently has."""
        self.batch = self.epoch.batch
        version = self.version
        folder = self.folder
        if self.descriptor >= 0:
            assert folder is not None
            if not folder.is_proven():
                folder.look()
            if self.watch == UNTRIED and folder.watch >= 0:
                self.watch = self._watched(self.descriptor, is_folder=False)
            # Any change of octets, name, mode or length sets the change time, which cannot be set
            # back.
            if folder.version is self.folder_version and self._is_unchanged():
                return
            self.release()
        elif self.shares:
            assert folder is not None
            if not folder.is_proven():
                folder.look()
            if folder.watch != self.watch:
                self.release()
        try:
            # What shares the watch of its folder is not a link.
            status = os.stat(self.path, follow_symlinks=not self.shares)
        except OSError:
            self.version = None
            self.release()
            return
        # The same object for the same version: comparing identities is what makes a hit cheap.
        if (
            version is None
            or status.st_ctime_ns != version.changed
            or status.st_mtime_ns != version.modified
            or status.st_ino != version.inode
            or status.st_size != version.size
            or status.st_dev != version.device
        ):
            self.version = version_of(status)
            self.release()
        elif stat.S_ISREG(status.st_mode):
            if (
                folder is not None
                and not self.shares
                and self._hold(folder, version, has_one_name=status.st_nlink == 1)
            ):
                # Nothing has happened until now, and from now on nothing happens unnoticed.
                self.look()
        elif self.watch == UNTRIED:
            self._watch_folder(version)

    def _is_unchanged(self) -> bool:
        """Whether the open file is unchanged; false if the system reports an error."""
        try:
            return fstat(self.descriptor).st_ctime_ns == self.changed
        except OSError:
            return False

    def _hold(self, folder: PathState, version: FileVersion, *, has_one_name: bool) -> bool:
        """Keep the file open if its name currently refers to it in its folder.

        Beyond the limit of such files, rely on the watch of its folder; returns whether it does.
        """
        if not folder.is_proven():
            folder.look()
        if folder.version is None or _O_PATH == 0:
            return False
        if self.epoch.held_files >= self.epoch.limits.held_files:
            return has_one_name and folder.watch >= 0 and self._share(folder.watch)
        try:
            descriptor = os.open(self.path, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        self.epoch.held_files += 1
        self.descriptor = descriptor
        self.folder_version = folder.version
        self.changed = version.changed
        if folder.watch >= 0:
            self.watch = self._watched(descriptor, is_folder=False)
        # A link, or a different file by now: look up its name each time.
        if not _is_in(descriptor, version):
            self.release()
        return False

    def _share(self, watch: int) -> bool:
        change_watch = self.epoch.change_watch
        assert change_watch is not None
        self.shares = change_watch.watch_within(watch, self.path)
        if self.shares:
            self.watch = watch
        return self.shares

    def _watch_folder(self, version: FileVersion) -> None:
        """Watch a folder whose name is proven: by its folder's watch, or as the root."""
        change_watch = self.epoch.change_watch
        if change_watch is None or (
            self.path != change_watch.root if self.folder is None else self.folder.watch < 0
        ):
            return
        try:
            descriptor = os.open(self.path, os.O_DIRECTORY | _O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            self.watch = self._watched(descriptor, is_folder=True)
            # Nothing has happened until now, and from now on nothing happens unnoticed.
            if not _is_in(descriptor, version):
                self.release()
        finally:
            close_descriptor(descriptor)

    def _watched(self, descriptor: int, *, is_folder: bool) -> int:
        change_watch = self.epoch.change_watch
        assert self.version is not None
        if change_watch is None:
            return UNWATCHED
        watch = change_watch.watch(descriptor, self.version.device, folder=is_folder)
        return UNWATCHED if watch == NO_WATCH else watch

    def release(self) -> None:
        """Release the watch and the file; the next check is by name."""
        if self.watch >= 0:
            change_watch = self.epoch.change_watch
            assert change_watch is not None
            if self.shares:
                change_watch.release_within(self.watch, self.path)
            else:
                change_watch.release(self.watch)
        self.watch = UNTRIED
        self.shares = False
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            self.epoch.held_files -= 1
            close_descriptor(descriptor)


def _is_in(descriptor: int, version: FileVersion) -> bool:
    """Whether an open file is in state ``version``; false if the system reports an error."""
    try:
        return version_of(fstat(descriptor)) == version
    except OSError:
        return False
