"""What is to be done later, for a loop that waits for something else meanwhile.

Contract: :meth:`Timers.run` does what is due, in the order in which it became due; the loop waits
no longer than :meth:`Timers.until_next` says.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Timers:
    """Actions and their times."""

    def __init__(self) -> None:
        """Nothing is to be done yet."""
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, delay: float, action: Callable[[], None]) -> None:
        """Do ``action`` in ``delay`` seconds."""
        when = time.monotonic() + delay
        heapq.heappush(self._waiting, (when, next(self._numbers), action))

    def until_next(self) -> float | None:
        """Seconds until something is due; ``None``: nothing is waiting."""
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None

    def run(self) -> None:
        """Do what is due."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            heapq.heappop(self._waiting)[2]()
