"""Delayed actions, in a thread of their own.

Contract: :meth:`Alarm.call` runs an action after some time in the alarm's thread, unless it is
canceled; the action must not block.  After :meth:`Alarm.hurry` all actions run immediately, and
after :meth:`Alarm.stop` none does, except one whose time has come at that moment.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Canceled entries that may be kept before they are removed.
_FEW = 64


@dataclass(slots=True, order=True)
class _Entry:
    at: float
    number: int
    #: ``None``: done, or called off.
    action: Callable[[], None] | None = field(compare=False)


class Alarm:
    """Runs delayed actions in a thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[_Entry] = []
        self._called_off = 0
        self._numbers = itertools.count()
        self._stopped = False
        self._hurrying = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """How much is kept, for now or for nothing."""
        return len(self._waiting)

    @property
    def hurrying(self) -> bool:
        """Whether actions no longer wait."""
        return self._hurrying

    def call(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Do ``action`` after ``seconds``, unless what is returned is called before; both callable
        from any thread."""
        with self._condition:
            at = 0.0 if self._hurrying else time.monotonic() + seconds
            entry = _Entry(at, next(self._numbers), action)
            if not self._stopped:
                heapq.heappush(self._waiting, entry)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
                    self._thread.start()
                self._condition.notify()
        return lambda: self._call_off(entry)

    def _call_off(self, entry: _Entry) -> None:
        with self._condition:
            if entry.action is None:
                return
            entry.action = None
            self._called_off += 1
            if self._called_off > _FEW and self._called_off * 2 > len(self._waiting):
                # What waits for minutes is not to keep those who have gone.
                self._waiting = [one for one in self._waiting if one.action is not None]
                heapq.heapify(self._waiting)
                self._called_off = 0

    def hurry(self) -> None:
        """Run waiting actions immediately, and all later ones."""
        with self._condition:
            self._hurrying = True
            for entry in self._waiting:
                entry.at = 0.0
            heapq.heapify(self._waiting)
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
                if self._waiting and self._waiting[0].at <= now:
                    entry = heapq.heappop(self._waiting)
                    action, entry.action = entry.action, None
                    if action is not None:
                        return action
                    self._called_off -= 1
                else:
                    self._condition.wait(self._waiting[0].at - now if self._waiting else None)
        return None
