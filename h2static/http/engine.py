"""What every driver needs of a connection's protocol, whichever end and version it is.

Contract: octets in, octets out, nothing here waits, raises or does I/O.  The driver calls an engine
when there is something to do, and asks it afterwards what it needs.  ``now`` is monotonic, in
seconds.
"""

from __future__ import annotations

from typing import Protocol

from h2static.http.bodies import BodyReader


class Engine(Protocol):
    """See the module."""

    @property
    def backlog(self) -> bool:
        """Whether :meth:`take_turn` has something to do: octets that were received, or what was
        asked for outside of these calls."""

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        """Readings to be waited for, by stream; the driver empties the list."""

    @property
    def closing(self) -> bool:
        """Close when nothing is left to send."""

    @property
    def wants_input(self) -> bool:
        """Whether to read from the socket."""

    @property
    def has_content(self) -> bool:
        """Whether ``pump`` would move something."""

    @property
    def problem(self) -> str | None:
        """What the peer did wrong, once it did."""

    def receive(self, data: bytes, now: float) -> None:
        """Process octets; never raises for any octets."""

    def receive_eof(self, now: float) -> None:
        """The peer has ended its side."""

    def take_turn(self, now: float) -> None:
        """Go on with what is in the backlog."""

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""

    def pending(self) -> list[bytes | memoryview]:
        """Pieces to send, in order."""

    def sent(self, count: int, now: float) -> None:
        """``count`` octets of ``pending`` were taken by the kernel; brings nothing to send."""

    def unblock(self, stream_id: int, now: float) -> None:
        """A reading of ``blocked`` can go on; the stream may be gone."""

    def deadline(self) -> float | None:
        """When ``check`` may have something to do, at the earliest; ``None``: never."""

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""

    def abandon(self) -> None:
        """The connection is lost or over: give back everything."""


class AnswersLater:
    """What an engine has that gives its responses as output only; a base class."""

    __slots__ = ()

    def answer_at_once(self, data: bytes, now: float) -> bytes | None:
        """See :class:`h2static.server.engine.Engine`: never."""

    def not_sent(self, rest: bytes) -> None:
        """Nothing is answered at once."""
        raise AssertionError("nothing was answered at once")
