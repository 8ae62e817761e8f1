"""Deadlines of many objects, and one task that sleeps until the earliest.

Contract: an object with a deadline is a :class:`Timed` and has one at a time; :meth:`Timers.set`
moves it.  :meth:`Timers.sleep` returns when a deadline has passed, or after :meth:`Timers.wake`;
:meth:`Timers.due` then returns the objects whose deadlines have passed, each once, and removes the
deadlines.  Objects without a deadline, or with a distant one, cost nothing.

Strategy: a heap with lazy deletion.  Busy connections move their deadlines with every turn, and
nearly always to a later time: that only changes a number.  When the entry of before comes up, the
one for the new time takes its place.  Entries that became worthless because a deadline moved to an
earlier time are swept out once they are the greater part.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import anyio

#: No deadline.
NEVER: Final = float("inf")
#: Entries below which it is not worth looking for worthless ones.
_FEW: Final = 64


class Timed:
    """A base class for objects with deadlines."""

    __slots__ = ("deadline", "entry")

    def __init__(self) -> None:
        #: Monotonic, in seconds; written by :class:`Timers`.
        self.deadline = NEVER
        #: The entry of the heap that counts: when, number, this object.
        self.entry: tuple[float, int, Timed] | None = None


Owner = TypeVar("Owner", bound=Timed)


class Timers(Generic[Owner]):
    """The deadlines of a loop; used by its thread only."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns monotonic seconds."""
        self._clock = clock
        self._heap: list[tuple[float, int, Owner]] = []
        self._number = 0
        #: Entries that count.
        self._counting = 0
        #: When the task wakes up by itself; -1 while it is awake.
        self._until = -1.0
        self._awaken = anyio.Event()

    def __len__(self) -> int:
        """Entries of the heap, worthless ones included."""
        return len(self._heap)

    @property
    def earliest(self) -> float:
        """When there may be something to do, at the earliest."""
        return self._heap[0][0] if self._heap else NEVER

    def set(self, owner: Owner, deadline: float) -> None:
        """Let ``deadline`` be that of ``owner``; :data:`NEVER`: it has none."""
        owner.deadline = deadline
        entry = owner.entry
        if deadline != NEVER and (entry is None or deadline < entry[0]):
            self._plan(owner, deadline)

    def looks_by(self, owner: Owner, time: float) -> bool:
        """Whether the deadline of ``owner`` is going to pass by ``time``, if it does not move.

        Then it is the time of the entry, even if it had been moved to a later one.
        """
        entry = owner.entry
        if entry is None or entry[0] > time:
            return False
        owner.deadline = entry[0]
        return True

    def _plan(self, owner: Owner, deadline: float) -> None:
        if owner.entry is None:
            self._counting += 1
        self._number += 1
        entry = (deadline, self._number, owner)
        owner.entry = entry
        heapq.heappush(self._heap, entry)
        if deadline < self._until:
            self.wake()
        if len(self._heap) > _FEW and len(self._heap) > 2 * self._counting:
            self._heap = [one for one in self._heap if one[2].entry is one]
            heapq.heapify(self._heap)

    def forget(self, owner: Owner) -> None:
        """Drop the deadline of ``owner``."""
        owner.deadline = NEVER
        if owner.entry is not None:
            owner.entry = None
            self._counting -= 1

    def due(self, now: float) -> list[Owner]:
        """Whose deadlines have passed."""
        heap = self._heap
        due: list[Owner] = []
        while heap and heap[0][0] <= now:
            entry = heapq.heappop(heap)
            owner = entry[2]
            if owner.entry is not entry:
                continue
            owner.entry = None
            self._counting -= 1
            if owner.deadline <= now:
                owner.deadline = NEVER
                due.append(owner)
            elif owner.deadline != NEVER:
                self._plan(owner, owner.deadline)
                heap = self._heap
        return due

    async def sleep(self) -> None:
        """Return when a deadline has passed, or after :meth:`wake`; for one task."""
        self._awaken = anyio.Event()
        self._until = self.earliest
        try:
            with anyio.move_on_after(None if self._until == NEVER else self._until - self._clock()):
                await self._awaken.wait()
        finally:
            self._until = -1.0

    def wake(self) -> None:
        """End :meth:`sleep`, if it sleeps."""
        self._awaken.set()
