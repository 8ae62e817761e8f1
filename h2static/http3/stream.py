"""Request streams: the order of their frames (RFC 9114 section 4.1), and the state of a request.

Contract: :data:`TRANSITIONS` defines completely which frame a client may send when.  Once its field
section has arrived, a stream is the :class:`~h2static.http.exchange.Exchange` of its request: there
is no other object.  Its :class:`StreamOwner` carries out the calls.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol

from h2static.http.bodies import Body, BodyReader, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http.semantics import RequestHead
from h2static.http3 import registry as r
from h2static.http3.errors import ConnectionViolation
from h2static.http3.registry import ErrorCode


class Part(enum.IntEnum):
    """The part of a message that has arrived."""

    NOTHING = 0
    #: Its field section, and perhaps content.
    HEAD = 1
    TRAILERS = 2
    #: The field section of a CONNECT request: a tunnel follows.
    TUNNEL = 3


#: "An HTTP request/response exchange … consists of: the header section, sent as a single HEADERS
#: frame; optionally, the content, if present, sent as a series of DATA frames; and optionally, the
#: trailer section, if present, sent as a single HEADERS frame."  What is missing is an "invalid
#: sequence of frames", which "MUST [be treated] as a connection error of type H3_FRAME_UNEXPECTED"
#: (4.1).
TRANSITIONS: Final[dict[Part, dict[int, Part]]] = {
    Part.NOTHING: {r.HEADERS: Part.HEAD},
    Part.HEAD: {r.DATA: Part.HEAD, r.HEADERS: Part.TRAILERS},
    Part.TRAILERS: {},
    # "Once the CONNECT method has completed, only DATA frames are permitted to be sent on the
    # stream" (4.4).
    Part.TUNNEL: {r.DATA: Part.TUNNEL},
}
#: Frame types allowed only on control streams, and those that a client never sends.
_ELSEWHERE: Final = frozenset(
    (
        *(r.CANCEL_PUSH, r.SETTINGS, r.GOAWAY, r.MAX_PUSH_ID, r.PUSH_PROMISE),
        *(r.PRIORITY_UPDATE, r.PRIORITY_UPDATE_PUSH),
        *r.FRAMES_OF_HTTP2,
    )
)


def step(part: Part, frame_type: int, stream_id: int) -> Part:
    """The part after a frame; raises :class:`~h2static.http3.errors.ConnectionViolation`."""
    following = TRANSITIONS[part].get(frame_type)
    if following is not None:
        return following
    if frame_type in _ELSEWHERE or frame_type in (r.DATA, r.HEADERS):
        name = r.FRAME_NAMES.get(frame_type, f"HTTP/2 frame 0x{frame_type:x}")
        raise ConnectionViolation(
            ErrorCode.H3_FRAME_UNEXPECTED,
            f"stream {stream_id}: {name} after {part.name.lower()}",
        )
    # "Implementations MUST ignore unknown or unsupported values in all extensible protocol
    # elements" (9).
    return part


class StreamOwner(Protocol):
    """Carries out an application's calls to a stream."""

    @property
    def client(self) -> Client:
        """The client of the connection."""

    def respond(self, stream: Stream, response: Response) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.respond`."""

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.inform`."""

    def accept(self, stream: Stream, sink: Sink) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.accept`."""

    def resume(self, stream: Stream) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.resume`."""

    def work(self, stream: Stream, job: Job) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.work`."""

    def abort(self, stream: Stream, reason: str) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.abort`."""

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.tunnel`."""


class Stream:
    """A request whose field section has arrived."""

    __slots__ = (
        "_lost", "body", "content_length", "delivered", "early_content", "expects_continue", "gone",
        "held_response", "id", "incremental", "offset", "opened_at", "owner", "paused",
        "progress_content", "progress_octets", "progress_sending", "progress_time", "queued",
        "reader", "received", "remaining", "request", "response", "sent", "sink", "trailers",
        "tunneled", "urgency", "waiting", "whole", "window", "withheld", "withheld_connection",
        "working",
    )  # fmt: skip

    def __init__(
        self, stream_id: int, head: RequestHead, owner: StreamOwner, *, window: int, now: float
    ) -> None:
        """``window``: octets that the client may send before any are consumed."""
        self.id = stream_id
        self.opened_at = now
        self.request: Request = head.request
        self.owner = owner
        self.urgency = head.urgency
        self.incremental = head.incremental
        #: Whether the stream is in the scheduler; only the scheduler sets it.
        self.queued = False
        # --- receiving content
        self.window = window
        self.received = 0
        self.content_length = head.content_length
        self.expects_continue = head.expects_continue
        self.sink: Sink | None = None
        #: Whether the sink is full.
        self.paused = False
        #: Content that arrived before it was decided what happens to it.
        self.early_content: list[bytes] = []
        #: Octets whose credit is withheld: from the stream, from the connection.
        self.withheld = 0
        self.withheld_connection = 0
        #: Whether the request is complete, or its rest is not needed.
        self.whole = False
        self.trailers: Fields = ()
        self.tunneled = False
        # --- sending content
        #: The final response, once its field section has been sent.
        self.response: Response | None = None
        #: The final response, while the request's content is incomplete.
        self.held_response: Response | None = None
        self.body: memoryview | None = None
        self.reader: BodyReader | None = None
        self.offset = 0
        #: Octets of the body still to send; ``None`` if unknown.
        self.remaining: int | None = 0
        self.sent = 0
        self.delivered: tuple[str, ...] = ()
        #: Whether the reader would block.
        self.waiting = False
        #: Whether a job of the stream is waiting for a thread or running.
        self.working = False
        # --- progress
        self.progress_time = now
        self.progress_sending = False
        self.progress_octets = 0
        self.progress_content = 0
        # --- the end
        self.gone = False
        self._lost: list[Callable[[], None]] = []

    @property
    def complete(self) -> bool:
        """Whether all of the response has been passed to the transport."""
        return self.response is not None and self.remaining == 0

    def close_reader(self) -> None:
        """Stop reading the body."""
        reader, self.reader = self.reader, None
        self.body = None
        self.waiting = False
        if reader is not None:
            reader.close()

    def release(self) -> None:
        """The stream is over: release its resources.  Safe to call twice."""
        if self.gone:
            return
        self.gone = True
        self.close_reader()
        sink, self.sink = self.sink, None
        if sink is not None:
            sink.abandon()
        self.early_content = []
        callbacks, self._lost = self._lost, []
        if not self.complete:
            for callback in callbacks:
                callback()

    # ------------------------------------------------------------------ as an exchange

    @property
    def client(self) -> Client:
        """Implement :meth:`h2static.http.exchange.Exchange.client`."""
        return self.owner.client

    def respond(self, response: Response) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.respond`."""
        self.owner.respond(self, response)

    def inform(self, status: int, fields: Fields = ()) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.inform`."""
        self.owner.inform(self, status, fields)

    def accept(self, sink: Sink) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.accept`."""
        self.owner.accept(self, sink)

    def resume(self) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.resume`."""
        self.owner.resume(self)

    def work(self, job: Job) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.work`."""
        self.owner.work(self, job)

    def abort(self, reason: str) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.abort`."""
        self.owner.abort(self, reason)

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.tunnel`."""
        self.owner.tunnel(self, sink, body, fields)

    @property
    def may_push(self) -> bool:
        """Implement :attr:`h2static.http.exchange.Exchange.may_push`: no browser supports HTTP/3
        push."""
        return False

    def push(self, request: Request) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.push`."""

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.when_lost`."""
        if not self.gone:
            self._lost.append(callback)
        elif not self.complete:
            callback()
