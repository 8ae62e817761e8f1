"""Which stream sends next (RFC 9218 section 10).

Contract: holds the streams that have something to send and may send it; :meth:`Scheduler.next`
names the one whose turn it is.  Lower urgency values come first; within one urgency the streams
that are not incremental are served one after the other in the order of their identifiers, each to
its end, and the incremental ones take turns with each other and with the first of those.

Strategy: one list a level.  A stream that has had its turn goes to the tail if it is incremental.
Streams that cannot send (window, disk) are taken out by their owner and put back later, so that
``next`` is a look at the head.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from h2static.http.priority import LOWEST_URGENCY


class Schedulable(Protocol):
    """What the scheduler reads of a stream."""

    id: int
    urgency: int
    incremental: bool
    #: Whether the stream is in the scheduler; kept by the scheduler alone.
    queued: bool


S = TypeVar("S", bound=Schedulable)


class _Level(Generic[S]):
    """The streams of one urgency."""

    __slots__ = ("incremental", "sequential", "turn")

    def __init__(self) -> None:
        self.sequential: deque[S] = deque()
        self.incremental: deque[S] = deque()
        #: Whether the incremental streams have the next turn.
        self.turn = False


class Scheduler(Generic[S]):
    """The streams that are ready to send."""

    __slots__ = ("_levels", "count")

    def __init__(self) -> None:
        self._levels: list[_Level[S] | None] = [None] * (LOWEST_URGENCY + 1)
        #: Streams that are queued.
        self.count = 0

    def add(self, stream: S) -> None:
        """Queue a stream; one that is queued already stays where it is."""
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
        # Streams come nearly in order: look for the place from the tail.
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
        """``stream``, the one that ``next`` named, has sent a quantum."""
        level = self._levels[stream.urgency]
        assert level is not None
        level.turn = not stream.incremental
        if stream.incremental and len(level.incremental) > 1:
            level.incremental.rotate(-1)
