"""The client's end of an HTTP/2 connection; see :mod:`h2static.http2.connection`."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable

from h2static.http.bodies import Body
from h2static.http.messages import Request
from h2static.http.outgoing import Failure, ResponseReceiver
from h2static.http.shared import Shared
from h2static.http2.connection import Connection, nothing
from h2static.http2.errors import ConnectionViolation
from h2static.http2.frames import GoAway, Settings
from h2static.http2.limits import Limits
from h2static.http2.observer import Observer, Report
from h2static.http2.registry import FRAME_HEADER_SIZE, ErrorCode
from h2static.http2.responses import Call, Responses
from h2static.http2.roles import Role
from h2static.http2.service import Endpoint, make_blocks, make_sections
from h2static.http2.settings import LocalSettings, announced

#: Beginning of the answer of a server that took the preface for a request.
_HTTP1 = b"HTTP/1."


def _speaks_http1() -> None:
    raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "the server answered with HTTP/1.1")


def upgrade_settings(endpoint: Endpoint) -> bytes:
    """The value of HTTP2-Settings (RFC 7540 section 3.2.1): the payload of our SETTINGS frame."""
    entries = announced(endpoint.settings, endpoint.limits, Role.CLIENT)
    payload = Settings(entries=entries).serialize()[FRAME_HEADER_SIZE:]
    return urlsafe_b64encode(payload).rstrip(b"=")


def make_endpoint(
    settings: LocalSettings, limits: Limits, shared: Shared, *, memories: bool = False
) -> Endpoint:
    """Create the data that a client's connections share.

    ``memories``: whether to cache header blocks; the requests and responses of most clients differ.
    """
    return Endpoint(
        settings=settings,
        limits=limits,
        shared=shared,
        sections=make_sections(limits, memories=memories),
        blocks=make_blocks(settings, shared, memories=False),
    )


class ClientConnection(Connection):
    """Sends requests, and passes what comes back to their receivers."""

    __slots__ = ("_is_unwatched", "responses")

    def __init__(
        self,
        endpoint: Endpoint,
        now: float,
        *,
        notify: Callable[[], None] = nothing,
        observer: Observer | None = None,
        report: Report | None = None,
    ) -> None:
        """The arguments are those of :class:`~h2static.http2.connection.Connection`."""
        super().__init__(
            Role.CLIENT, endpoint, now, notify=notify, observer=observer, report=report
        )
        #: Whether no observer sees each frame.
        self._is_unwatched = observer is None
        self.responses = Responses(
            endpoint,
            self.turn,
            peer=self.peer,
            streams=self.streams,
            sender=self.sender,
            budgets=self.budgets,
            blocks=self.blocks,
        )
        self._begin(self.responses, None)

    def request(
        self, request: Request, receiver: ResponseReceiver, body: bytes | Body = b""
    ) -> Call:
        """Send ``request`` with ``body`` as soon as the server allows it."""
        call = self.responses.call(request, body, receiver)
        if self._error is not None or self.closing or self.eof:
            self.responses.fail_waiting(Failure("the connection is closed", None, True))
        else:
            self.responses.open_waiting()
        return call

    def upgraded(self, request: Request, receiver: ResponseReceiver) -> Call:
        """Begin after an upgrade from HTTP/1.1: the server answers ``request``, which was sent in
        HTTP/1.1, on stream 1 (RFC 7540 section 3.2)."""
        return self.responses.upgraded(request, receiver)

    def close(self, now: float) -> None:
        """Close the connection: send GOAWAY, then end (section 6.8)."""
        if self._error is not None or self.closing:
            return
        self.turn.now = now
        self.responses.will_end(Failure("the connection was closed"))
        self.streams.release()
        self.sender.emit(
            GoAway(last_stream_id=self.streams.last_processed, code=ErrorCode.NO_ERROR)
        )
        self.closing = True

    def lose(self, reason: str) -> None:
        """The transport has failed: every receiver gets the ``reason``."""
        self.responses.will_end(Failure(reason))
        self.abandon()

    def abandon(self) -> None:
        """The connection is lost or over: every receiver is notified."""
        super().abandon()
        self.responses.fail_waiting(Failure("the connection is closed", None, True))

    def receive(self, data: bytes, now: float) -> None:
        """Implement :meth:`~h2static.http2.connection.Connection.receive`."""
        if not self.peer.received and self._error is None:
            start = (self.buffer + data)[: len(_HTTP1)]
            if start == _HTTP1:
                # Otherwise the error would be about a frame of 4 MiB.
                self._guarded(_speaks_http1)
                self._after()
                return
        super().receive(data, now)

    @property
    def room(self) -> int:
        """Number of requests that could be sent immediately; 0 once the server accepts no more."""
        return 0 if self.closing or self.eof or self._error else self.responses.room

    @property
    def is_leaving(self) -> bool:
        """Whether no further request will be sent on this connection."""
        return self.closing or self.eof or self._error is not None or self.peer.leaving

    @property
    def offers_connect(self) -> bool | None:
        """Whether the server supports extended CONNECT (RFC 8441); ``None``: not known yet."""
        return self.peer.connect_protocol if self.peer.received else None

    @property
    def missing(self) -> int:
        """Octets missing from the frame whose header has arrived; 0 if there is none."""
        if len(self.buffer) < FRAME_HEADER_SIZE:
            return 0
        length = int.from_bytes(self.buffer[:3], "big")
        return max(0, FRAME_HEADER_SIZE + length - len(self.buffer))

    def _frames(self, data: bytes, position: int, tried: int) -> None:
        """Process frames, with a fast path for content, which is most of what a client gets."""
        if (
            self._is_unwatched
            and self.blocks.open is None
            and position + FRAME_HEADER_SIZE <= len(data)
        ):
            position = self.responses.content.run(data, position, self.limits.max_frame_size)
        super()._frames(data, position, tried)

    def _end_connection(self, violation: ConnectionViolation) -> None:
        """End the connection; the server's error is the reason for incomplete responses."""
        self.responses.will_end(Failure(f"protocol error: {violation.text}", violation.code))
        super()._end_connection(violation)

    def _after(self) -> None:
        """Send waiting requests if there is room now."""
        if self._error is not None:
            self.responses.fail_waiting(Failure("the connection is closed", None, True))
        else:
            self.responses.open_waiting()
        super()._after()
