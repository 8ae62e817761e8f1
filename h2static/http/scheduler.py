"""Choosing the stream that sends next (RFC 9218 section 10).

Contract: holds the streams that have something to send and may send it; :meth:`Scheduler.next`
returns the one whose turn it is.  Lower urgency values come first.  Within one urgency,
non-incremental streams are served one after the other in order of their identifiers, each to its
end; incremental streams take turns with each other and with the first of those.

Strategy: one list per level.  After its turn, an incremental stream goes to the tail.  The owner
removes streams that cannot send (window, disk) and adds them again later, so ``next`` only looks at
the head.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from h2static.http.priority import LOWEST_URGENCY


class Schedulable(Protocol):
    """The attributes of a stream that the scheduler uses."""

    id: int
    urgency: int
    incremental: bool
    #: Whether the stream is in the scheduler; only the scheduler sets it.
    queued: bool


S = TypeVar("S", bound=Schedulable)


class _Level(Generic[S]):
    """The streams of one urgency."""

    __slots__ = ("incremental", "sequential", "turn")

    def __init__(self) -> None:
        self.sequential: deque[S] = deque()
        self.incremental: deque[S] = deque()
        #: Whether the next turn belongs to the incremental streams.
        self.turn = False


class Scheduler(Generic[S]):
    """The queue of streams that are ready to send."""

    __slots__ = ("_levels", "count")

    def __init__(self) -> None:
        self._levels: list[_Level[S] | None] = [None] * (LOWEST_URGENCY + 1)
        #: Number of queued streams.
        self.count = 0

    def add(self, stream: S) -> None:
        """Queue a stream; a queued one stays in its place."""
        if stream.queued:
            return
        level = self._levels[stream.urgency]
        if level is None:
            level = self._levels[stream.urgency] = _Level()
        stream.queued = True
        self.count += 1
        if stream.incremental:
            level.incremental.append(stream)
            return
        # Streams arrive nearly in order: search for the place from the tail.
        place = len(level.sequential)
        while place and level.sequential[place - 1].id > stream.id:
            place -= 1
        level.sequential.insert(place, stream)

    def remove(self, stream: S) -> None:
        """Take a stream out; no effect if it is not queued."""
        if not stream.queued:
            return
        level = self._levels[stream.urgency]
        assert level is not None
        queue = level.incremental if stream.incremental else level.sequential
        queue.remove(stream)
        stream.queued = False
        self.count -= 1

    def reprioritize(self, stream: S, urgency: int, incremental: bool) -> None:
        """Change a stream's priority (RFC 9218 section 7), queued or not."""
        queued = stream.queued
        self.remove(stream)
        stream.urgency = urgency
        stream.incremental = incremental
        if queued:
            self.add(stream)

    def next(self) -> S | None:
        """The stream whose turn it is; it stays queued."""
        if not self.count:
            return None
        for level in self._levels:
            if level is None:
                continue
            if level.incremental and (level.turn or not level.sequential):
                return level.incremental[0]
            if level.sequential:
                return level.sequential[0]
        return None

    def turn_taken(self, stream: S) -> None:
        """Note that ``stream``, which :meth:`next` returned, has sent a quantum."""
        level = self._levels[stream.urgency]
        assert level is not None
        level.turn = not stream.incremental
        if stream.incremental and len(level.incremental) > 1:
            level.incremental.rotate(-1)
