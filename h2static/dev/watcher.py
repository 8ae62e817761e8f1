"""Detects changes to files in the root.

Contract: :class:`Watcher` runs in a thread of its own and calls back with actual changes, once for
each group: changes are collected until there was none for the debounce time, those of a build until
it has finished (:mod:`h2static.dev.gathering`).  If the system's notifications are unavailable
(inotify limits) or unreliable (file systems that do not report every change), it says why and
polls: the complete tree, or the folders that are on such a file system.

Assumes: the callbacks may be called in that thread.

Strategy: ``watchfiles`` reports touched paths, and :class:`~h2static.dev.tree.Tree` decides whether
anything changed.  On Linux every relevant folder is watched individually, because a recursive watch
would include ``node_modules``; when folders appear or disappear, the set of watches is rebuilt and
the complete tree compared, so that no change is lost between two sets.
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

from h2static.dev.file_systems import FileSystems
from h2static.dev.gathering import Gathering
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.tree import Change, Tree
from h2static.logs.escape import escape

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
        on_notice: Callable[[str], None] = lambda text: None,
        always_compare: bool = False,
        file_systems: FileSystems | None = None,
        notices: Callable[[list[str], threading.Event], Notices] | None = None,
        clock: Callable[[], float] = time.monotonic,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``debounce`` in seconds.  ``on_change`` gets the first stock-taking as an empty list.

        ``on_problem`` gets a sentence for people when notifications cannot be had, ``on_notice``
        one when they are not relied on; ``on_turn`` is called about every
        :attr:`DevLimits.turn_seconds` with the time.  ``always_compare``: rely on none.
        """
        self._tree = tree
        self._gathering = Gathering(debounce, tree.is_gone, limits)
        self._on_change = on_change
        self._on_problem = on_problem
        self._on_turn = on_turn
        self._on_notice = on_notice
        self._always_compare = always_compare
        self._file_systems = FileSystems() if file_systems is None else file_systems
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
        #: When the watches were set, and what it took in seconds.
        self._watched_at = self._watch_cost = 0.0
        #: Folders that were reported.
        self._told: set[str] = set()
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
        finally:
            self._file_systems.close()

    def _find_changes(self) -> None:
        self._tree.scan()
        self._on_change([])
        if self._always_compare:
            self._poll("", lambda text: None)
            return
        reason = self._watch()
        if reason is not None:
            self._poll(reason, self._on_problem)

    def _watch(self) -> str | None:
        """Watch by notifications; returns why that does not work, ``None`` when stopped."""
        while not self._stop.is_set():
            self._file_systems.changed()
            places = self._tree.places()
            silent = self._silent(places)
            if self._tree.root in silent:
                self._poll(f"The folder is {_on(silent[self._tree.root])}", self._on_notice)
                return None
            self._root = self._tree.root_identity()
            began = self._clock()
            try:
                watched = self._watched(places - silent.keys())
                with closing(self._notices(watched, self._stop)) as notices:
                    next(notices)
                    # Changes while the watches were set.
                    self._hold(self._tree.refresh([""]))
                    self._watched_at = self._clock()
                    self._watch_cost = self._watched_at - began
                    if self._tree.places() == places:
                        self._follow(notices, places, self._comparison(silent))
            except StopIteration:
                return None
            except (FileNotFoundError, PermissionError):
                # A folder vanished, or was closed, while the watches were set; without a root
                # there is no hurry.
                self._hold(self._tree.refresh([""]))
                self._tell_if_due()
                limits = self._limits
                there = os.path.isdir(self._tree.root)
                self._stop.wait(limits.turn_seconds if there else limits.poll_seconds)
            except (OSError, RuntimeError) as error:
                return _explain(error, len(places))
        return None

    def _silent(self, places: frozenset[str]) -> dict[str, str]:
        """Those of ``places`` whose file systems may not report changes, with their kinds."""
        kinds = ((place, self._file_systems.silent(place)) for place in places)
        return {place: kind for place, kind in kinds if kind is not None}

    def _comparison(self, silent: dict[str, str]) -> _Comparison | None:
        """Compares the folders on silent file systems, each of which is reported once."""
        paths: set[str] = set()
        for place in sorted(silent):
            paths |= self._tree.paths_at(place)
            if place not in self._told and os.path.dirname(place) not in silent:
                looking = _looking(self._limits.poll_seconds)
                self._on_notice(f"{escape(place)} is {_on(silent[place])}; {looking}")
            self._told.add(place)
        return _Comparison(self._tree, _topmost(paths), self._limits) if paths else None

    def _watched(self, places: frozenset[str]) -> list[str]:
        """What to watch: every folder, where the system cannot leave out some of a tree."""
        if sys.platform != "linux":
            below = self._tree.root.rstrip("/") + "/"
            linked = {os.path.realpath(one) for one in places if os.path.islink(one)}
            others = {one for one in places if not one.startswith(below)}
            return sorted(linked | others | {self._tree.root})
        return sorted(places)

    def _follow(
        self, notices: Iterator[set[str]], places: frozenset[str], comparison: _Comparison | None
    ) -> None:
        """Gather and report until folders came or went, or something was mounted.

        ``comparison`` looks at what the notices do not tell of.
        """
        gathering = self._gathering
        anew: set[str] = set()
        looked = 0.0
        compared = self._clock()
        for notice in notices:
            now = self._clock()
            self._on_turn(now)
            if now - looked >= self._limits.root_seconds:
                looked = now
                if self._tree.root_identity() != self._root or self._file_systems.changed():
                    return
            if comparison is not None and now - compared >= comparison.interval:
                self._hold(comparison.run())
                compared = self._clock()
                if self._tree.places() != places:
                    return
            # Next to the targets of links, many irrelevant changes may happen.
            paths = {name for path in notice for name in self._tree.names(path)}
            gathering.add(paths, now)
            # Changes in new folders are not reported until these are watched.
            anew |= {path for path in paths if self._tree.is_another_folder(path)}
            if anew and now - self._watched_at >= self._limits.watch_share * self._watch_cost:
                self._hold(self._tree.refresh(anew))
                return
            if gathering.is_due(now):
                folders = frozenset(self._tree.folders)
                touched = gathering.paths
                self._hold(self._tree.refresh(touched))
                self._tell()
                # A folder that was touched itself may be another one of the same name, which is
                # not watched.
                if not folders.isdisjoint(touched) or self._tree.places() != places:
                    return
            elif not gathering:
                self._tree.learn()

    def _poll(self, reason: str, tell: Callable[[str], None]) -> None:
        """Poll until stopped; ``tell`` why, and when the interval changes."""
        comparison = _Comparison(self._tree, {""}, self._limits)
        self._hold(comparison.run())
        told = -1.0
        while not self._stop.is_set():
            interval = comparison.interval
            if not told <= interval <= told * 2:
                told = interval
                tell(f"{reason}; {_looking(interval)}")
            self._wait(interval)
            changes = comparison.run()
            self._hold(changes)
            # A build has finished when nothing more is found.
            if not changes or not self._gathering.is_build():
                self._tell()
            else:
                self._tell_if_due()

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

    def _hold(self, changes: list[Change]) -> None:
        """Hold changes for the next report."""
        self._gathering.hold(changes, self._clock())

    def _tell_if_due(self) -> None:
        if self._gathering.is_due(self._clock()):
            self._tell()

    def _tell(self) -> None:
        """Report changes."""
        self._gathering.take(self._clock())
        changes = self._gathering.changes()
        if changes:
            self._on_change(changes)


class _Comparison:
    """Looks at parts of a tree, not too often."""

    def __init__(self, tree: Tree, paths: set[str], limits: DevLimits) -> None:
        self._tree = tree
        self._paths = paths
        self._limits = limits
        #: Seconds until the next comparison.
        self.interval = limits.poll_seconds

    def run(self) -> list[Change]:
        """Compare, and return the changes."""
        before = time.thread_time()
        changes = self._tree.refresh(self._paths)
        spent = time.thread_time() - before
        self.interval = max(self._limits.poll_seconds, spent * self._limits.poll_factor)
        return changes


def _topmost(paths: set[str]) -> set[str]:
    """Those of ``paths`` that are not inside any of the others."""

    def is_below_another(path: str) -> bool:
        ends = (end for end, letter in enumerate(path) if letter == "/")
        return any(path[:end] in paths for end in ends)

    return {path for path in paths if not is_below_another(path)}


def _on(kind: str) -> str:
    return f"on a file system ({escape(kind)}) that may not report changes"


def _looking(interval: float) -> str:
    return f"polling every {interval:.1f} s instead"


def watch_folders(folders: list[str], stop: threading.Event, seconds: float) -> Notices:
    """Paths touched in ``folders`` according to the system's notifications, every ``seconds``.

    Raises ``OSError`` or ``RuntimeError`` when they cannot be had.
    """
    turn = int(seconds * 1000)
    # A change is told when one step has brought it and the next one nothing more; steps without a
    # change cost next to nothing.
    step = max(1, turn // 2)
    changes = watchfiles.watch(
        *folders,
        watch_filter=None,
        debounce=turn,
        step=step,
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


def _explain(error: Exception, folders: int) -> str:
    """Why the system refused, and what helps."""
    text = str(error).partition(" (Error {")[0]
    if "watch limit" in text or getattr(error, "errno", None) == errno.ENOSPC:
        return (
            f"The system's limit on file watches is reached ({folders} folders; raise"
            " fs.inotify.max_user_watches or use --ignore)"
        )
    if "os error 24" in text:
        return (
            "The system's limit on file watchers is reached (raise"
            " fs.inotify.max_user_instances, or stop another program that watches files)"
        )
    return f"The system's file notifications do not work ({text})"
