"""Detecting whether anything has changed since it was checked, for all files together.

Contract: while :meth:`ChangeWatch.silent` returns true, every file and folder passed to
:meth:`ChangeWatch.watch` is unchanged, and so is the path from ``/`` to the root: checking any of
them would show nothing new.  It is called once per batch of requests and costs one system call,
while checking costs one per file.

Three kinds of change cause no notification: writing through a memory mapping (which does not even
change the file's times, except for the first write), mounting something over a folder, and, for a
file that has no watch of its own (:meth:`ChangeWatch.watch_within`), writing by a name that it got
elsewhere after it was last checked.  So silence ends every :data:`RENEWAL_SECONDS` in any case, and
everything is checked once.  If there is much to check, silence lasts longer, so that checking takes
one percent of the time, but never longer than :data:`LONGEST_RENEWAL_SECONDS`.

Assumption: the kernel of this machine makes all changes.  Files on file systems other than
:data:`LOCAL_FILE_SYSTEMS` are not watched, and without inotify nothing is: checking continues as if
this module did not exist.

Strategy: watches on folders prove the names below the root.  The root's own path is proven by
watching every folder and link on it; when something happens to one of them, the path is followed
again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque

from h2static.site.inotify import (
    ATTRIB,
    CREATE,
    DELETE,
    DELETE_SELF,
    DONT_FOLLOW,
    MODIFY,
    MOVE_SELF,
    MOVED_FROM,
    MOVED_TO,
    UNMOUNT,
    Event,
    Inotify,
)
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.mounts import file_system_of

#: How long silence is trusted.  Changes that inotify misses are seen after that.
RENEWAL_SECONDS = 0.05
#: The same if many files are watched.
LONGEST_RENEWAL_SECONDS = 0.5
#: Seconds needed to check one file, and the share of the time (1/100) that checking may take.
_LOOK_SECONDS = 7e-6
_SHARE = 100
#: File systems changed only by this machine's kernel.  (Changing the layers below an overlay is
#: forbidden while it is mounted.)
LOCAL_FILE_SYSTEMS = frozenset(
    {"bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "overlay", "squashfs"}
    | {"tmpfs", "xfs", "zfs"}
)

#: "No watch"; real watch numbers are not negative.
NO_WATCH = -1

_ITSELF = ATTRIB | MOVE_SELF | DELETE_SELF
_FILE_EVENTS = _ITSELF | MODIFY
_FOLDER_EVENTS = _ITSELF | CREATE | DELETE | MOVED_FROM | MOVED_TO
#: On the path to the root, only events about the next name matter.
_WAY_EVENTS = _ITSELF | DELETE | MOVED_FROM | DONT_FOLLOW


class ChangeWatch:
    """The watches of one site; used by one thread."""

    def __init__(self, root: bytes, limits: SiteLimits = DEFAULTS) -> None:
        """``root``: an absolute path; its links are followed."""
        self._limits = limits
        self.root = root
        self._inotify: Inotify | None = None
        #: Whether inotify is available: ``None`` until the first watch is needed.
        self._works: bool | None = None
        self._most = 0
        #: Reference count of each watch: two names may be one file.
        self._uses: dict[int, int] = {}
        #: Names of the files that the watch of their folder covers, by that watch; and how many.
        self._within: dict[int, set[bytes]] = {}
        self._names = 0
        #: The watches on the path to the root, with the names that they watch for; empty if the
        #: path is not known.
        self._way: dict[int, set[bytes]] = {}
        #: Time at which silence last expired.
        self._renewed = -RENEWAL_SECONDS
        #: How long the current silence lasts, in seconds.
        self._rest = RENEWAL_SECONDS
        #: Whether a watch has ended since the last call of :meth:`silent`.
        self._released = False
        self._local: dict[int, bool] = {}

    @property
    def size(self) -> int:
        """The number of watched files and folders."""
        return len(self._uses)

    def silent(self, now: float) -> bool:
        """Whether everything watched is unchanged since the last call.

        ``now``: seconds since any epoch.  Setting the clock back also ends the silence.
        """
        inotify = self._inotify
        if inotify is None:
            return False
        try:
            pending = inotify.pending()
            changed = pending > 0 and self._take(inotify.read(pending))
        except OSError:
            self._give_up()
            return False
        if self._inotify is None:
            return False
        # What was found by a watch that has ended must be checked again.
        released, self._released = self._released, False
        if 0 <= now - self._renewed < self._rest:
            return bool(self._way) and not changed and not released
        self._renewed = now
        rest = (len(self._uses) + self._names) * _LOOK_SECONDS * _SHARE
        self._rest = min(max(rest, RENEWAL_SECONDS), LONGEST_RENEWAL_SECONDS)
        # A device number may now belong to another file system.
        self._local.clear()
        if not self._way:
            self._find_way()
        return False

    def watch(self, descriptor: int, device: int, *, folder: bool) -> int:
        """Watch an open file or folder, which may be opened with O_PATH.

        The caller checks it once more afterward: silence means that nothing happens from now on.
        Returns the number for :meth:`release`, or :data:`NO_WATCH`.
        """
        if self._works is None:
            self._start()
        inotify = self._inotify
        if inotify is None or len(self._uses) >= self._most:
            return NO_WATCH
        if not self._is_local(descriptor, device):
            return NO_WATCH
        try:
            # This file itself, whatever its name refers to by now.
            path = b"/proc/self/fd/%d" % descriptor
            watch = inotify.add(path, _FOLDER_EVENTS if folder else _FILE_EVENTS)
        except OSError:
            return NO_WATCH
        self._uses[watch] = self._uses.get(watch, 0) + 1
        return watch

    def release(self, watch: int) -> None:
        """End what :meth:`watch` began."""
        uses = self._uses.pop(watch) - 1
        if uses:
            self._uses[watch] = uses
            return
        self._released = True
        if watch not in self._way and self._inotify is not None:
            self._inotify.remove(watch)

    def watch_within(self, watch: int, path: bytes) -> bool:
        """Have the ``watch`` of a folder cover the file at ``path`` in it, too.

        Costs no watch, but covers only what is done by this name: the caller checks afterward that
        the file has no other, and that it is unchanged.  Returns whether it is covered now; then
        :meth:`release_within` ends it.
        """
        inotify = self._inotify
        if inotify is None or watch not in self._uses:
            return False
        folder, name = os.path.split(path)
        names = self._within.get(watch)
        if names is None:
            try:
                added = inotify.add(folder, MODIFY)
            except OSError:
                return False
            if added != watch:
                # By now this is a different folder.
                if added not in self._uses and added not in self._way:
                    inotify.remove(added)
                return False
            names = self._within[watch] = set()
        names.add(name)
        self._names += 1
        self._uses[watch] += 1
        return True

    def release_within(self, watch: int, path: bytes) -> None:
        """End what :meth:`watch_within` began."""
        names = self._within[watch]
        names.remove(os.path.basename(path))
        self._names -= 1
        if not names:
            del self._within[watch]
        self._released = True
        self.release(watch)

    def _start(self) -> None:
        self._works = False
        try:
            limits = self._limits
            with open("/proc/sys/fs/inotify/max_user_watches", "rb") as file:
                self._most = min(limits.watches, int(file.read()) // limits.share_of_watches)
            self._inotify = Inotify()
        except (OSError, ValueError):
            return
        self._works = True

    def _is_local(self, descriptor: int, device: int) -> bool:
        """Whether an open file of ``device`` is on a local file system."""
        known = self._local.get(device)
        if known is None:
            known = self._local[device] = file_system_of(descriptor) in LOCAL_FILE_SYSTEMS
        return known

    def _take(self, events: list[Event]) -> bool:
        """Process ``events``; returns whether any of them is relevant."""
        changed = False
        for event in events:
            if event.mask & UNMOUNT:
                # Watches ended, but their files may return: check everything.
                self._give_up()
                return True
            if event.watch in self._way and self._is_on_the_way(event):
                self._forget_way()
                changed = True
            changed = changed or event.watch == NO_WATCH or self._matters(event)
        return changed

    def _matters(self, event: Event) -> bool:
        """Whether ``event`` is about something that is watched, and not about its neighbor."""
        if event.mask & MODIFY and event.name:
            return event.name in self._within.get(event.watch, ())
        return event.watch in self._uses

    def _give_up(self) -> None:
        """Continue without notifications."""
        self._inotify = None
        self._way.clear()

    # ------------------------------------------------------------------ the path to the root

    def _is_on_the_way(self, event: Event) -> bool:
        return not event.name or event.name in self._way[event.watch]

    def _forget_way(self) -> None:
        assert self._inotify is not None
        for watch in self._way:
            if watch not in self._uses:
                self._inotify.remove(watch)
        self._way.clear()

    def _find_way(self) -> None:
        """Watch every folder and link on the root's path, but not the root itself."""
        assert self._inotify is not None
        try:
            self._follow(self._inotify)
        except OSError:
            self._forget_way()

    def _follow(self, inotify: Inotify) -> None:
        """Follow the path; watch each name before looking it up, so that no change is missed."""
        names = deque(self.root.split(b"/"))
        place = b"/"
        links = 0
        watch = inotify.add(place, _WAY_EVENTS)
        while names:
            name = names.popleft()
            if name in (b"", b"."):
                continue
            if name == b"..":
                place = os.path.dirname(place)
                watch = inotify.add(place, _WAY_EVENTS)
                continue
            self._way.setdefault(watch, set()).add(name)
            place = os.path.join(place, name)
            status = os.lstat(place)
            if not stat.S_ISLNK(status.st_mode):
                if names:
                    watch = inotify.add(place, _WAY_EVENTS)
                continue
            links += 1
            if links > self._limits.links:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            self._way.setdefault(inotify.add(place, _WAY_EVENTS), set())
            target = os.readlink(place)
            names.extendleft(reversed(target.split(b"/")))
            place = b"/" if target.startswith(b"/") else os.path.dirname(place)
            watch = inotify.add(place, _WAY_EVENTS)
