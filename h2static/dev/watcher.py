"""Finds out that files below the root changed.

Contract: :class:`Watcher` runs in a thread of its own and calls back with what really changed, once
for everything that belongs together: changes are gathered until it was quiet for the debounce time.
When the system's notifications cannot be had (limits of inotify, network file systems) it says why
and compares the tree in intervals instead.

Assumes: the callbacks may be called in that thread.

Strategy: ``watchfiles`` tells which paths were touched, :class:`~h2static.dev.tree.Tree` whether
anything changed.  On Linux every folder that counts is watched by itself, because a recursive watch
would take in ``node_modules`` as well; when folders come or go the set of watches is made anew and
the tree compared as a whole, so that nothing falls between two sets.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import watchfiles

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.tree import Change, Tree
from h2static.site.change_watch import mounted

#: File systems whose changes on another machine are not notified here.
NETWORK_FILESYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "fuse.sshfs",
    "vboxsf",
    "prl_fs",
    "afs",
    "ceph",
    "drvfs",
)

#: Touched paths, absolute; empty when nothing happened for a turn.
Notices = Generator[set[str], None, None]


class Watcher:
    """Watches one tree until it is stopped."""

    def __init__(
        self,
        tree: Tree,
        *,
        debounce: float,
        on_change: Callable[[list[Change]], None],
        on_problem: Callable[[str | None], None],
        on_turn: Callable[[float], None],
        notices: Callable[[list[str], threading.Event], Notices] | None = None,
        clock: Callable[[], float] = time.monotonic,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``debounce`` in seconds.  ``on_change`` gets the first stock-taking as an empty list.

        ``on_problem`` gets a sentence for people when notifications cannot be had; ``on_turn`` is
        called about every :attr:`DevLimits.turn_seconds` with the time.
        """
        self._tree = tree
        self._debounce = debounce
        self._on_change = on_change
        self._on_problem = on_problem
        self._on_turn = on_turn
        turn = limits.turn_seconds
        self._notices = (
            notices
            if notices is not None
            else lambda folders, stop: watch_folders(folders, stop, turn)
        )
        self._limits = limits
        self._clock = clock
        self._stop = threading.Event()
        self._root: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._run, name="h2static watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread, unless it is taking stock of a large tree."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._limits.stop_seconds)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            self._find_changes()
        except Exception as error:  # a bug must not end live reload without a word
            self._on_problem(f"Stopped watching for changes ({error!r}); restart the server")

    def _find_changes(self) -> None:
        self._tree.scan()
        reason = network_filesystem(os.path.realpath(self._tree.root))
        self._on_change([])
        if reason is None:
            reason = self._watch()
        if reason is not None:
            self._poll(reason)

    def _watch(self) -> str | None:
        """Watch by notifications; returns why that does not work, ``None`` when stopped."""
        while not self._stop.is_set():
            places = self._tree.places()
            self._root = self._tree.root_identity()
            try:
                with closing(self._notices(self._watched(places), self._stop)) as notices:
                    next(notices)
                    # What happened while the watches were set.
                    self._report(self._tree.refresh([""]))
                    if self._tree.places() == places:
                        self._follow(notices, places)
            except StopIteration:
                return None
            except (FileNotFoundError, PermissionError):
                # A folder vanished, or was closed, while the watches were set; without a root
                # there is no hurry.
                self._report(self._tree.refresh([""]))
                limits = self._limits
                there = os.path.isdir(self._tree.root)
                self._stop.wait(limits.turn_seconds if there else limits.poll_seconds)
            except (OSError, RuntimeError) as error:
                return _explain(error, len(places))
        return None

    def _watched(self, places: frozenset[str]) -> list[str]:
        """What to watch: every folder, where the system cannot leave out some of a tree."""
        if sys.platform != "linux":
            below = self._tree.root.rstrip("/") + "/"
            linked = {os.path.realpath(one) for one in places if os.path.islink(one)}
            others = {one for one in places if not one.startswith(below)}
            return sorted(linked | others | {self._tree.root})
        return sorted(places)

    def _follow(self, notices: Iterator[set[str]], places: frozenset[str]) -> None:
        """Gather and report until folders came or went."""
        touched: set[str] = set()
        first = last = looked = 0.0
        for notice in notices:
            now = self._clock()
            self._on_turn(now)
            if now - looked >= self._limits.root_seconds:
                looked = now
                if self._tree.root_identity() != self._root:
                    return
            # Beside files that links lead to much may happen that is nobody's business here.
            paths = {name for path in notice for name in self._tree.names(path)}
            if paths:
                first = first if touched else now
                last = now
                touched |= paths
            if touched:
                quiet = now - last >= self._debounce
                if quiet or now - first >= self._debounce * self._limits.debounces:
                    folders = frozenset(self._tree.folders)
                    self._report(self._tree.refresh(touched))
                    # A folder that was touched itself may be another one of the same name, which
                    # is not watched.
                    if not folders.isdisjoint(touched) or self._tree.places() != places:
                        return
                    touched.clear()
            else:
                self._tree.learn()

    def _poll(self, reason: str) -> None:
        """Compare in intervals."""
        spent = self._compare()
        told = -1.0
        while not self._stop.is_set():
            interval = max(self._limits.poll_seconds, spent * self._limits.poll_factor)
            if not told <= interval <= told * 2:
                told = interval
                self._on_problem(f"{reason}; looking for changes every {interval:.1f} s instead")
            self._wait(interval)
            spent = self._compare()

    def _compare(self) -> float:
        """Look at everything and report; how many seconds of work that was."""
        before = time.thread_time()
        changes = self._tree.refresh([""])
        spent = time.thread_time() - before
        self._report(changes)
        return spent

    def _wait(self, interval: float) -> None:
        """Wait, a second at most at a time, so that ticks go on."""
        until = self._clock() + interval
        while not self._stop.is_set():
            now = self._clock()
            self._on_turn(now)
            self._tree.learn()
            if now >= until:
                return
            self._stop.wait(min(1.0, until - now))

    def _report(self, changes: list[Change]) -> None:
        if changes:
            self._on_change(changes)


def watch_folders(folders: list[str], stop: threading.Event, seconds: float) -> Notices:
    """Paths touched in ``folders``, by the system's notifications, every ``seconds``.

    Raises ``OSError`` or ``RuntimeError`` when they cannot be had.
    """
    turn = int(seconds * 1000)
    changes = watchfiles.watch(
        *folders,
        watch_filter=None,
        debounce=turn,
        step=turn,
        stop_event=stop,
        rust_timeout=turn,
        yield_on_timeout=True,
        raise_interrupt=False,
        force_polling=False,
        recursive=sys.platform != "linux",
        # That would hide that the limit of watches is reached as well.
        ignore_permission_denied=sys.platform != "linux",
    )
    for notice in changes:
        yield {path for _, path in notice}


def network_filesystem(
    root: str, mounts: Callable[[], list[tuple[int, str]]] = mounted
) -> str | None:
    """Why notifications are no use below ``root``, if it lies on a network file system (Linux).

    ``mounts``: the devices that are mounted and the kinds of their file systems.
    """
    try:
        device = os.stat(root).st_dev
    except OSError:
        return None
    kind = dict(mounts()).get(device, "")
    if kind.startswith(NETWORK_FILESYSTEMS):
        return f"The folder is on a network file system ({kind}), which does not report changes"
    return None


def _explain(error: Exception, folders: int) -> str:
    """Why the system refused, and what helps."""
    text = str(error).partition(" (Error {")[0]
    if "watch limit" in text or getattr(error, "errno", None) == errno.ENOSPC:
        return (
            f"The system's limit of watches is reached ({folders} folders;"
            " raise fs.inotify.max_user_watches or use --ignore)"
        )
    if "os error 24" in text:
        return (
            "The system's limit of watchers is reached"
            " (raise fs.inotify.max_user_instances, or stop another program that watches)"
        )
    return f"The system's file notifications do not work ({text})"
