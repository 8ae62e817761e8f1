"""Having something done later, in a thread that does nothing else.

Contract: :meth:`Alarm.call` has an action done after some time, in the alarm's thread; it must not
block.  After :meth:`Alarm.stop` nothing is done any more.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Alarm:
    """See the module."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def call(self, seconds: float, action: Callable[[], None]) -> None:
        """Do ``action`` after ``seconds``; callable from any thread."""
        with self._condition:
            if self._stopped:
                return
            at = time.monotonic() + seconds
            heapq.heappush(self._waiting, (at, next(self._numbers), action))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
                self._thread.start()
            self._condition.notify()

    def stop(self) -> None:
        """Forget what was to be done."""
        with self._condition:
            self._stopped = True
            self._waiting.clear()
            self._condition.notify()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            action()

    def _next(self) -> Callable[[], None] | None:
        with self._condition:
            while not self._stopped:
                now = time.monotonic()
                if self._waiting and self._waiting[0][0] <= now:
                    return heapq.heappop(self._waiting)[2]
                self._condition.wait(self._waiting[0][0] - now if self._waiting else None)
        return None
