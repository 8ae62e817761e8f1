"""A connection after an Upgrade: octets in both directions, without I/O.

Contract: an :class:`Engine <h2static.http.engine.Engine>` that passes received octets to a receiver
and sends the octets of a body.  Each direction ends on its own; the connection ends with both, or
when its receiver stops.
"""

from __future__ import annotations

from h2static.http.bodies import Body, BodyReader
from h2static.http.outgoing import Failure, ResponseReceiver
from h2static.http1.output import Output

#: Maximum octets per read of the body.
_READ_SIZE = 65_536


class RawConnection:
    """An engine that passes octets unchanged."""

    __slots__ = (
        "_blocked", "_input_ended", "_output", "_paused", "_reader", "_receiver", "blocked",
        "closing", "ended_at", "problem",
    )  # fmt: skip

    #: There is nothing to be gone on with, and nothing to complete.
    backlog = False
    missing = 0
    room = 0
    switched = False

    def __init__(self, receiver: ResponseReceiver, body: Body) -> None:
        self._receiver: ResponseReceiver | None = receiver
        self._reader: BodyReader | None = body.open()
        self._output = Output()
        self._paused = False
        #: The reader waits for its medium.
        self._blocked = False
        self._input_ended = False
        self.blocked: list[tuple[int, BodyReader]] = []
        self.closing = False
        self.problem: str | None = None
        #: When what we send has ended, if it has.
        self.ended_at: float | None = None

    # ------------------------------------------------------------------ for the receiver

    def resume(self) -> None:
        """The receiver accepts more again."""
        self._paused = False

    def cancel(self) -> None:
        """Nothing more is wanted."""
        self._receiver = None
        self._close()

    # ------------------------------------------------------------------ for the driver

    @property
    def wants_input(self) -> bool:
        """Implement :meth:`h2static.http.engine.Engine.wants_input`."""
        return not (self._paused or self._input_ended or self.closing)

    @property
    def has_content(self) -> bool:
        """Implement :meth:`h2static.http.engine.Engine.has_content`."""
        return self._reader is not None and not self._blocked

    @property
    def is_half_closed(self) -> bool:
        """Whether our direction has ended, and more may be received."""
        return self._reader is None and not self._output.octets and not self.closing

    def receive(self, data: bytes, now: float) -> None:
        """Implement :meth:`h2static.http.engine.Engine.receive`."""
        if data and self._receiver is not None and not self._receiver.receive(data):
            self._paused = True

    def receive_eof(self, now: float) -> None:
        """Implement :meth:`h2static.http.engine.Engine.receive_eof`."""
        if self._input_ended or self.closing:
            return
        self._input_ended = True
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.end(())
        self._close()

    def take_turn(self, now: float) -> None:
        """Implement :meth:`h2static.http.engine.Engine.take_turn`."""

    def pump(self, now: float, budget: int) -> None:
        """Implement :meth:`h2static.http.engine.Engine.pump`."""
        while self.has_content and self._output.octets < budget:
            assert self._reader is not None
            try:
                data = self._reader.read(_READ_SIZE)
            except OSError as error:
                self.lose(f"the client closed the connection: {error}")
                return
            if data is None:
                self._blocked = True
                self.blocked.append((0, self._reader))
            elif data:
                self._output.add(bytes(data))
            else:
                self._reader.close()
                self._reader = None
                self.ended_at = now

    def pending(self) -> list[bytes | memoryview]:
        """Implement :meth:`h2static.http.engine.Engine.pending`."""
        return self._output.pieces

    def sent(self, count: int, now: float) -> None:
        """Implement :meth:`h2static.http.engine.Engine.sent`."""
        self._output.advance(count)

    def unblock(self, stream_id: int, now: float) -> None:
        """Implement :meth:`h2static.http.engine.Engine.unblock`."""
        self._blocked = False

    def deadline(self) -> float | None:
        """See :class:`h2static.http.engine.Engine`: who is late only the peers know."""
        return None

    def check(self, now: float) -> None:
        """Implement :meth:`h2static.http.engine.Engine.check`."""

    def close(self, now: float) -> None:
        """Nothing more is wanted."""
        self.lose("the connection was closed")

    def lose(self, reason: str) -> None:
        """The transport has failed."""
        self._output.clear()
        self._close()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.fail(Failure(reason))

    def abandon(self) -> None:
        """Implement :meth:`h2static.http.engine.Engine.abandon`."""
        self.lose("the connection is closed")

    def _close(self) -> None:
        self.closing = True
        self.blocked.clear()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
