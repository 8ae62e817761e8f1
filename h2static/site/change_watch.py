"""Whether anything may have changed since it was looked at, for all files at once.

Contract: while :meth:`ChangeWatch.silent` says yes, every file and folder that
:meth:`ChangeWatch.watch` has taken is as it was, and so is the way from ``/`` to the root: no look
at any of them would show anything else.  It is asked once for each batch of requests and costs one
system call, where a look costs one for each file.

Two kinds of change give no notice: writing through a memory mapping (of which the file's own times
tell nothing either, but for the first write) and mounting something over a folder.  So silence
ends every :data:`RENEWAL_SECONDS` all the same, and everything is looked at once.  Where that is
much, it ends less often, so that looking takes a hundredth of the time, but after
:data:`LONGEST_RENEWAL_SECONDS` at the latest.

Assumption: the kernel of this machine makes all changes.  What lies on other file systems than
:data:`LOCAL_FILE_SYSTEMS` is not watched, and where there is no inotify nothing is: looking goes on
as if this module did not exist.

Strategy: the names below the root are proven by the watches of their folders.  The root's own path
is proven by watching every folder and link on the way to it; when something happens to one of them
the way is found anew.
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

#: Silence is believed for so long.  What inotify cannot see is seen after that.
RENEWAL_SECONDS = 0.05
#: The same where many files are watched.
LONGEST_RENEWAL_SECONDS = 0.5
#: What is watched costs so much time to look at, of which a hundredth may be spent.
_LOOK_SECONDS = 7e-6
_SHARE = 100
#: File systems that only this machine's kernel changes.  (Changing the layers below an overlay is
#: forbidden while it is mounted.)
LOCAL_FILE_SYSTEMS = frozenset(
    {"bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "overlay", "squashfs"}
    | {"tmpfs", "xfs", "zfs"}
)

#: Numbers of watches are not negative.
NO_WATCH = -1

_ITSELF = ATTRIB | MOVE_SELF | DELETE_SELF
_FILE_EVENTS = _ITSELF | MODIFY
_FOLDER_EVENTS = _ITSELF | CREATE | DELETE | MOVED_FROM | MOVED_TO
#: On the way to the root, only what happens to the next name on it is of interest.
_WAY_EVENTS = _ITSELF | DELETE | MOVED_FROM | DONT_FOLLOW


class ChangeWatch:
    """The watches of one site; used by one thread."""

    def __init__(self, root: bytes, limits: SiteLimits = DEFAULTS) -> None:
        """``root``: an absolute path, whose links are followed."""
        self._limits = limits
        self.root = root
        self._inotify: Inotify | None = None
        #: Whether there is an inotify to ask: ``None`` until the first watch is wanted.
        self._works: bool | None = None
        self._most = 0
        #: How often each watch is in use: two names may be one file.
        self._uses: dict[int, int] = {}
        #: The watches on the way to the root, and the names that they are watched for; empty when
        #: the way is not known.
        self._way: dict[int, set[bytes]] = {}
        #: When silence last ended by itself.
        self._renewed = -RENEWAL_SECONDS
        #: And how long it lasts.
        self._rest = RENEWAL_SECONDS
        self._local: dict[int, bool] = {}

    @property
    def size(self) -> int:
        """Files and folders that are watched."""
        return len(self._uses)

    def silent(self, now: float) -> bool:
        """Whether all that is watched is as it was at the last call.

        ``now``: seconds since any epoch.  A clock that is set back ends the silence, too.
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
        if 0 <= now - self._renewed < self._rest:
            return bool(self._way) and not changed
        self._renewed = now
        rest = len(self._uses) * _LOOK_SECONDS * _SHARE
        self._rest = min(max(rest, RENEWAL_SECONDS), LONGEST_RENEWAL_SECONDS)
        # The number of a device may be another file system's by now.
        self._local.clear()
        if not self._way:
            self._find_way()
        return False

    def watch(self, descriptor: int, device: int, *, folder: bool) -> int:
        """Watch an open file or folder, which may be open for its path only.

        The caller looks at it once more afterward: silence says that nothing happens from now on.
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
            # The very file, whatever its name stands for by now.
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
        elif watch not in self._way and self._inotify is not None:
            self._inotify.remove(watch)

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
        """Whether one of ``events`` concerns us."""
        changed = False
        for event in events:
            if event.mask & UNMOUNT:
                # Watches have ended whose files may come back: look as if there were none.
                self._give_up()
                return True
            if event.watch in self._way and self._is_on_the_way(event):
                self._forget_way()
                changed = True
            changed = changed or event.watch == NO_WATCH or event.watch in self._uses
        return changed

    def _give_up(self) -> None:
        """Go on as if there were no notices."""
        self._inotify = None
        self._way.clear()

    # ------------------------------------------------------------------ the way to the root

    def _is_on_the_way(self, event: Event) -> bool:
        return not event.name or event.name in self._way[event.watch]

    def _forget_way(self) -> None:
        assert self._inotify is not None
        for watch in self._way:
            if watch not in self._uses:
                self._inotify.remove(watch)
        self._way.clear()

    def _find_way(self) -> None:
        """Watch every folder and link that the root's path leads through, but not the root."""
        assert self._inotify is not None
        try:
            self._follow(self._inotify)
        except OSError:
            self._forget_way()

    def _follow(self, inotify: Inotify) -> None:
        """Each name is watched before it is looked up, so that no change is missed."""
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
