"""Groups touched paths and changes, and decides when to report them.

Contract: a :class:`Gathering` collects touched paths and changes, and decides when no more have
come for long enough (:meth:`Gathering.is_due`).  Files that a person saves are reported after the
debounce time.  A build is reported once, when it has finished: many files, removed files, and other
files right after earlier ones count as a build, which needs a longer pause.

Assumes: called from one thread.  Time is an argument, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from h2static.dev.limits import DevLimits
from h2static.dev.tree import Change, Kind

#: What two changes of one file in a row are together; ``None``: none.
_TOGETHER: dict[tuple[Kind, Kind], Kind | None] = {
    (Kind.ADDED, Kind.REMOVED): None,
    (Kind.ADDED, Kind.MODIFIED): Kind.ADDED,
    (Kind.REMOVED, Kind.ADDED): Kind.MODIFIED,
}


class Gathering:
    """Touched paths that were not reported yet."""

    def __init__(self, debounce: float, is_gone: Callable[[str], bool], limits: DevLimits) -> None:
        """``debounce`` in seconds.  ``is_gone``: whether there was a file of this path that is not
        there now; asked of few paths."""
        self._debounce = debounce
        self._is_gone = is_gone
        self._limits = limits
        self._paths: set[str] = set()
        #: Changes that are already known.
        self._found: dict[str, Kind] = {}
        #: When the first of them came, the last one that was new, and the last one.
        self._first = self._newest = self._last = 0.0
        #: The last report, and when it was made.
        self._told: frozenset[str] = frozenset()
        self._told_at = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._paths)

    @property
    def paths(self) -> frozenset[str]:
        """The touched paths."""
        return frozenset(self._paths)

    def add(self, paths: set[str], now: float) -> None:
        """These were touched."""
        if not paths:
            return
        if not self._paths:
            self._first = now
        if not paths <= self._paths:
            self._newest = now
        self._last = now
        self._paths |= paths

    def is_due(self, now: float) -> bool:
        """Whether to report now; false if there is nothing to report."""
        if not self._paths:
            return False
        quiet, limits = now - self._last, self._limits
        latest = self._debounce * limits.debounces
        if quiet < self._debounce and now - self._first < latest:
            return False
        if not self.is_build():
            return True
        rests = 2 if len(self._paths) >= limits.large_build else 1
        if quiet >= self._debounce * limits.burst_debounces * rests:
            return True
        # Files that are written over and over are not a reason to wait longer.
        return now - self._newest >= latest or now - self._first >= max(
            limits.burst_seconds, latest
        )

    def hold(self, changes: Iterable[Change], now: float) -> None:
        """Hold known changes, to be reported together with others."""
        changes = list(changes)
        for change in changes:
            before = self._found.pop(change.path, None)
            kind = change.kind
            together = kind if before is None else _TOGETHER.get((before, kind), kind)
            if together is not None:
                self._found[change.path] = together
        self.add({change.path for change in changes}, now)

    def take(self, now: float) -> frozenset[str]:
        """Take the touched paths, to report them now."""
        self._told, self._told_at = frozenset(self._paths), now
        self._paths.clear()
        return self._told

    def changes(self) -> list[Change]:
        """Take the held changes, to report them now."""
        found, self._found = self._found, {}
        return [Change(path=path, kind=found[path]) for path in sorted(found)]

    def is_build(self) -> bool:
        """Whether what was touched is more than what a person saves."""
        if len(self._paths) > self._limits.saved:
            return True
        soon = self._first - self._told_at < self._limits.same_build_seconds
        if soon and not self._paths <= self._told:
            return True
        return any(
            self._found.get(one) is Kind.REMOVED or self._is_gone(one) for one in self._paths
        )
