"""Other descriptors that are watched with the worker's poller.

Contract: :class:`Descriptors` calls ``react`` in the loop's thread in each round in which a
descriptor is ready, with the ready events.  After a descriptor was forgotten, there are no more
calls for it, even in the same round; after :meth:`Descriptors.close` there are none at all.

Assumes: a descriptor is forgotten before it is closed.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from h2static.server.poller import Poller

#: Takes what the descriptor is ready for: a sum of READABLE and WRITABLE.
React: TypeAlias = Callable[[int], None]


class Descriptors:
    """Watched descriptors and their callbacks."""

    __slots__ = ("_closed", "_poller", "_watched", "noticed")

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._closed = False
        #: By descriptor: watched events, and the callback.
        self._watched: dict[int, tuple[int, React]] = {}
        #: Ready descriptors of this round without a call yet.
        self.noticed: deque[tuple[int, int]] = deque()

    def watch(self, descriptor: int, events: int, react: React) -> None:
        """Watch ``descriptor`` for ``events``, a sum of READABLE and WRITABLE, from now on; it may
        be watched already."""
        if self._closed:
            # A connection may be made in the very round in which the loop ends.
            return
        known = self._watched.get(descriptor)
        if known is None:
            self._poller.register(descriptor, events)
        elif known[0] != events:
            self._poller.modify(descriptor, known[0], events)
        self._watched[descriptor] = (events, react)

    def forget(self, descriptor: int) -> None:
        """Watch ``descriptor`` no longer; no effect on one that is not watched."""
        known = self._watched.pop(descriptor, None)
        if known is not None:
            # The poller may have been closed before.
            with contextlib.suppress(OSError, KeyError, ValueError):
                self._poller.unregister(descriptor, known[0])

    def close(self) -> None:
        """The loop has ended, and its poller with it."""
        self._closed = True
        self._watched.clear()
        self.noticed.clear()

    def notice(self, descriptor: int, event: int) -> bool:
        """``descriptor`` is ready; false: it is none of these."""
        if descriptor not in self._watched:
            return False
        self.noticed.append((descriptor, event))
        return True

    def tell_next(self) -> None:
        """Call back for the next one of :attr:`noticed`."""
        descriptor, event = self.noticed.popleft()
        known = self._watched.get(descriptor)
        if known is not None:
            known[1](event)
