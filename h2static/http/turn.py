"""The present call of the driver: what time it is, and whether exchanges act at once.

Contract: a connection begins a turn when the driver calls it and ends it before it returns.  What
exchanges are asked for within a turn happens at once; what they are asked for outside of one waits
until the next turn, which ``notify`` asks the driver for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Turn:
    """One connection's turns."""

    __slots__ = ("_notify", "active", "now", "waiting")

    def __init__(self, now: float, notify: Callable[[], None]) -> None:
        """``notify`` is called when there is something to do and no turn."""
        #: Monotonic seconds, as the driver said last.
        self.now = now
        self.active = False
        #: What was asked for outside of a turn, in order.
        self.waiting: deque[Callable[[], None]] = deque()
        self._notify = notify

    def defer(self, action: Callable[[], None]) -> None:
        """Do ``action`` in the next turn."""
        first = not self.waiting
        self.waiting.append(action)
        if first:
            self._notify()

    def give_up(self) -> None:
        """All streams are gone: what waits has no effect but to abandon sinks."""
        active, self.active = self.active, True
        while self.waiting:
            self.waiting.popleft()()
        self.active = active
