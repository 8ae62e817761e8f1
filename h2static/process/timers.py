"""The supervisor's timers: actions that are due later.

Contract: :meth:`Timers.run` calls every action whose time has come, in the order of their times.
An action decides itself whether it is still wanted: there is nothing to cancel.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Timers:
    """Actions by the time they are due, on the monotonic clock."""

    def __init__(self) -> None:
        """Nothing is due."""
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        #: Actions of one moment run in the order in which they were added.
        self._numbers = itertools.count()

    def after(self, delay: float, action: Callable[[], None]) -> None:
        """Call ``action`` once ``delay`` seconds have passed."""
        heapq.heappush(self._due, (time.monotonic() + delay, next(self._numbers), action))

    def until_next(self) -> float | None:
        """Seconds until an action is due; ``None`` if there is none."""
        return max(0.0, self._due[0][0] - time.monotonic()) if self._due else None

    def run(self) -> None:
        """Call the actions that are due."""
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
