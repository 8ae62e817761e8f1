"""The interface between a driver and a connection's protocol, for either end and any version.

Contract: octets in, octets out; nothing here waits, raises or does I/O.  The driver calls an engine
when there is something to do, and then asks what it needs.  ``now`` is in monotonic seconds.
"""

from __future__ import annotations

from typing import Protocol

from h2static.http.bodies import BodyReader


class Engine(Protocol):
    """The protocol of one connection, as its driver sees it."""

    @property
    def backlog(self) -> bool:
        """Whether :meth:`take_turn` has something to do: received octets, or requests made outside
        of these calls."""

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        """Readers to wait for, by stream; the driver empties the list."""

    @property
    def closing(self) -> bool:
        """Whether to close the connection once everything has been sent."""

    @property
    def wants_input(self) -> bool:
        """Whether to read from the socket."""

    @property
    def has_content(self) -> bool:
        """Whether :meth:`pump` would move something."""

    @property
    def problem(self) -> str | None:
        """What the peer did wrong; ``None`` while nothing is wrong."""

    def receive(self, data: bytes, now: float) -> None:
        """Process octets; never raises for any octets."""

    def receive_eof(self, now: float) -> None:
        """The peer has closed its direction."""

    def take_turn(self, now: float) -> None:
        """Continue with the backlog."""

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""

    def pending(self) -> list[bytes | memoryview]:
        """Pieces to send, in order."""

    def sent(self, count: int, now: float) -> None:
        """The kernel took ``count`` octets of :meth:`pending`; this creates no new output."""

    def unblock(self, stream_id: int, now: float) -> None:
        """A reader in :attr:`blocked` can continue; its stream may be gone."""

    def deadline(self) -> float | None:
        """The earliest time at which :meth:`check` may have something to do; ``None``: never."""

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""

    def abandon(self) -> None:
        """The connection is lost or over: release all resources."""


class AnswersLater:
    """What an engine has that gives its responses as output in memory only; a base class."""

    __slots__ = ()

    mapped = False

    def answer_at_once(self, data: bytes, now: float) -> bytes | None:
        """See :class:`h2static.server.engine.Engine`: never."""

    def not_sent(self, rest: bytes) -> None:
        """Nothing is answered at once."""
        raise AssertionError("nothing was answered at once")
