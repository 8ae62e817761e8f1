"""Waiting for events without sleeping, while the next one is due within microseconds.

Contract: :meth:`BusyWait.wait` returns the poller's events, after at most the given seconds.  It
polls repeatedly for :attr:`~h2static.server.limits.ServerLimits.busy_wait_seconds` before it
sleeps, but only while that pays off.

Strategy: sleeping and waking up costs an idle CPU more than a small response does, and a client
that sends one request after the other sends the next one sooner than that.  A counter tracks how
promptly events arrive: each one within the time adds one, each wait in vain subtracts four.  A load
with pauses therefore costs only a few busy waits.
"""

from __future__ import annotations

import time
from typing import Final

from h2static.server.poller import Poller

#: Count of prompt events from which busy waiting is worth trying; it grows to ``_MOST``.
_WORTH: Final = 4
_MOST: Final = 16
#: What a busy wait without an event subtracts from the count.
_IN_VAIN: Final = 4


class BusyWait:
    """See the module."""

    __slots__ = ("_most", "_poller", "_prompt", "_seconds")

    def __init__(self, poller: Poller, most: int, seconds: float) -> None:
        """``most``: events that are taken at once; ``seconds``: of one busy wait, 0 for none."""
        self._poller = poller
        self._most = most
        self._seconds = seconds
        #: How prompt events were of late.
        self._prompt = 0

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """What is ready, after waiting at most ``seconds``; see :class:`Poller`."""
        most = self._most
        busy = self._seconds
        if not busy or not seconds:
            return self._poller.poll(seconds, most)
        clock = time.monotonic
        start = clock()
        if self._prompt >= _WORTH:
            end = start + busy
            while True:
                events = self._poller.poll(0, most)
                if events:
                    if self._prompt < _MOST:
                        self._prompt += 1
                    return events
                if clock() >= end:
                    break
            self._prompt -= _IN_VAIN
            return self._poller.poll(seconds, most)
        events = self._poller.poll(seconds, most)
        if events and clock() - start < busy:
            self._prompt += 1
        else:
            self._prompt = 0
        return events
