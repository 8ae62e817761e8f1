"""The peer's progress: what a connection waits for, and until when.

Contract: :class:`Progress` is notified of events and gives the deadline; it decides nothing else.
Times are in monotonic seconds.

Strategy: a period begins with each phase of an exchange, and again once enough octets have moved in
either direction.  So a slow peer gets all the time it needs, but a silent one does not.
"""

from __future__ import annotations

from enum import Enum

from h2static.http1.exchange import Exchange
from h2static.http1.limits import Limits


class Wait(Enum):
    """What a connection waits for."""

    #: The next request, of which nothing has arrived.
    REQUEST = "request"
    #: The content of a request.
    CONTENT = "content"
    #: The socket, to take octets.
    SOCKET = "socket"
    #: An application that wants to know when the client is gone, which has ended its side.
    DEPARTED = "departed"
    #: Not the peer: the application is working, or a body waits for its medium.
    NOBODY = "nobody"


def wait_of(exchange: Exchange | None, *, acted: bool, sending: bool, ended: bool) -> Wait:
    """What a connection with this exchange waits for.

    ``acted``: the application has made calls that have not taken effect yet.  ``sending``: octets
    wait for the socket.  ``ended``: the peer sends no more.
    """
    if exchange is None:
        return Wait.SOCKET if sending else Wait.REQUEST
    if acted:
        return Wait.NOBODY
    # Silence in a tunnel is not a delay.
    if exchange.reads_content and not exchange.tunneled:
        return Wait.CONTENT
    if ended and exchange.watched:
        return Wait.DEPARTED
    return Wait.SOCKET if sending else Wait.NOBODY


class Progress:
    """The periods of one connection."""

    __slots__ = ("_head_since", "_limits", "_octets", "since")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        #: When the period began.
        self.since = now
        self._octets = 0
        #: When a header section, or the connection, began; ``None`` between requests.
        self._head_since: float | None = now

    def restart(self, now: float) -> None:
        """Begin a new period: the connection now waits for something else."""
        self.since = now
        self._octets = 0

    def count(self, octets: int, now: float) -> None:
        """Count ``octets`` that arrived or were taken; enough of them begin a new period."""
        self._octets += octets
        if self._octets >= self._limits.stall_octets:
            self.restart(now)

    def begin_head(self, now: float) -> None:
        """A header section has begun to arrive."""
        if self._head_since is None:
            self._head_since = now

    def end_head(self, now: float) -> None:
        """A header section is complete."""
        self._head_since = None
        self.since = now
        self._octets = 0

    @property
    def awaits_head(self) -> bool:
        """Whether a header section is expected: the first of the connection, or one that began."""
        return self._head_since is not None

    def hurry(self, now: float) -> None:
        """Give the expected header section at most ``last_word_seconds`` from ``now`` on."""
        limits = self._limits
        if self._head_since is not None:
            latest = now - limits.header_seconds + limits.last_word_seconds
            self._head_since = min(self._head_since, latest)

    def deadline(self, wait: Wait) -> float | None:
        """The time at which ``wait`` ends; ``None``: never."""
        limits = self._limits
        if wait is Wait.SOCKET:
            return self.since + limits.stall_seconds
        if wait is Wait.CONTENT:
            return self.since + limits.content_seconds
        if wait is Wait.DEPARTED:
            return self.since + limits.departed_seconds
        if wait is Wait.NOBODY:
            return None
        if self._head_since is not None:
            return self._head_since + limits.header_seconds
        return self.since + limits.idle_seconds
