"""Polls many descriptors for readiness.

Contract: one :class:`Poller` watches all descriptors of a worker, level-triggered.  ``poll``
returns (descriptor, events) pairs; :data:`READABLE` includes errors and hang-ups, which reading
reveals.  An event loop can await ``fileno``, so that an idle worker waits once for all
connections.

Strategy: epoll where there is one, kqueue elsewhere.
"""

from __future__ import annotations

import select
import sys
from typing import Final, Protocol

READABLE: Final = 1
WRITABLE: Final = 2


class Poller(Protocol):
    """Watches descriptors."""

    def register(self, descriptor: int, events: int) -> None:
        """Watch ``descriptor`` for ``events`` (a sum of READABLE and WRITABLE, or 0)."""

    def modify(self, descriptor: int, before: int, events: int) -> None:
        """Watch for ``events`` instead of ``before``."""

    def unregister(self, descriptor: int, events: int) -> None:
        """Watch no longer."""

    def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
        """Ready descriptors, at most ``most`` pairs, waiting at most ``seconds``.

        What is left out comes first the next time.
        """

    def fileno(self) -> int:
        """A descriptor that is readable when something is ready."""

    def close(self) -> None:
        """Give the descriptor back."""


if sys.platform == "linux":
    _EVENTS: Final = tuple(
        (select.EPOLLIN if events & READABLE else 0) | (select.EPOLLOUT if events & WRITABLE else 0)
        for events in range(4)
    )
    _READ_OR_ERROR: Final = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR
    #: By epoll's events, for those that come alone.
    _USUAL: Final = {select.EPOLLIN: READABLE, select.EPOLLOUT: WRITABLE}

    class EpollPoller:
        """epoll(7), level-triggered."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self.fileno = self._epoll.fileno

        def register(self, descriptor: int, events: int) -> None:
            self._epoll.register(descriptor, _EVENTS[events])

        def modify(self, descriptor: int, before: int, events: int) -> None:
            self._epoll.modify(descriptor, _EVENTS[events])

        def unregister(self, descriptor: int, events: int) -> None:
            self._epoll.unregister(descriptor)

        def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
            return [
                (
                    descriptor,
                    _USUAL.get(events)
                    or (READABLE if events & _READ_OR_ERROR else 0)
                    | (WRITABLE if events & select.EPOLLOUT else 0),
                )
                for descriptor, events in self._epoll.poll(seconds, most)
            ]

        def close(self) -> None:
            self._epoll.close()

    def make_poller() -> Poller:
        """The best poller of this system."""
        return EpollPoller()

else:

    class KqueuePoller:
        """kqueue(2)."""

        def __init__(self) -> None:
            self._kqueue = select.kqueue()
            self.fileno = self._kqueue.fileno

        def register(self, descriptor: int, events: int) -> None:
            self.modify(descriptor, 0, events)

        def modify(self, descriptor: int, before: int, events: int) -> None:
            changes = []
            for flag, kind in (
                (READABLE, select.KQ_FILTER_READ),
                (WRITABLE, select.KQ_FILTER_WRITE),
            ):
                if (before ^ events) & flag:
                    action = select.KQ_EV_ADD if events & flag else select.KQ_EV_DELETE
                    changes.append(select.kevent(descriptor, kind, action))
            if changes:
                self._kqueue.control(changes, 0, 0)

        def unregister(self, descriptor: int, events: int) -> None:
            self.modify(descriptor, events, 0)

        def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
            return [
                (event.ident, READABLE if event.filter == select.KQ_FILTER_READ else WRITABLE)
                for event in self._kqueue.control(None, most, seconds)
            ]

        def close(self) -> None:
            self._kqueue.close()

    def make_poller() -> Poller:
        """The best poller of this system."""
        return KqueuePoller()
