"""The driver's current call: the time, and whether exchanges act immediately.

Contract: a connection begins a turn when the driver calls it and ends it before it returns.  Calls
to exchanges within a turn take effect immediately; calls outside of one wait until the next turn,
which ``notify`` requests from the driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Turn:
    """One connection's turns."""

    __slots__ = ("_notify", "active", "now", "waiting", "work")

    def __init__(self, now: float, notify: Callable[[], None]) -> None:
        """``notify`` is called when there is something to do outside of a turn."""
        #: Monotonic seconds, as of the driver's last call.
        self.now = now
        self.active = False
        #: How much more a turn may do before others get theirs, in the engine's own units.
        self.work = 0
        #: Actions requested outside of a turn, in order.
        self.waiting: deque[Callable[[], None]] = deque()
        self._notify = notify

    def defer(self, action: Callable[[], None]) -> None:
        """Run ``action`` in the next turn."""
        first = not self.waiting
        self.waiting.append(action)
        if first:
            self._notify()

    def give_up(self) -> None:
        """All streams are gone: the only remaining effect of waiting actions is to abandon
        sinks."""
        active, self.active = self.active, True
        while self.waiting:
            self.waiting.popleft()()
        self.active = active
