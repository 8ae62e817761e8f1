"""Request streams: the order of their frames (RFC 9114 section 4.1), and what is kept of a request.

Contract: :data:`TRANSITIONS` is the whole truth about which frame a client may send when.  A stream
of which the field section has come is the :class:`~h2static.http.exchange.Exchange` of its request:
there is no further object.  What it is asked for as such is done by its :class:`StreamOwner`.
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
    """What has come of a message."""

    NOTHING = 0
    #: Its field section, and perhaps content.
    HEAD = 1
    TRAILERS = 2
    #: The field section of a CONNECT request: what follows is a tunnel.
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
#: Those that may stand on control streams only, and those that a client never sends.
_ELSEWHERE: Final = frozenset(
    (
        *(r.CANCEL_PUSH, r.SETTINGS, r.GOAWAY, r.MAX_PUSH_ID, r.PUSH_PROMISE),
        *(r.PRIORITY_UPDATE, r.PRIORITY_UPDATE_PUSH),
        *r.FRAMES_OF_HTTP2,
    )
)


def step(part: Part, frame_type: int, stream_id: int) -> Part:
    """What has come after a frame; raises :class:`~h2static.http3.errors.ConnectionViolation`."""
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
    """Carries out what an application asks of a stream."""

    @property
    def client(self) -> Client:
        """Who is at the other end."""

    def respond(self, stream: Stream, response: Response) -> None:
        """See :meth:`h2static.http.exchange.Exchange.respond`."""

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        """See :meth:`h2static.http.exchange.Exchange.inform`."""

    def accept(self, stream: Stream, sink: Sink) -> None:
        """See :meth:`h2static.http.exchange.Exchange.accept`."""

    def resume(self, stream: Stream) -> None:
        """See :meth:`h2static.http.exchange.Exchange.resume`."""

    def work(self, stream: Stream, job: Job) -> None:
        """See :meth:`h2static.http.exchange.Exchange.work`."""

    def abort(self, stream: Stream, reason: str) -> None:
        """See :meth:`h2static.http.exchange.Exchange.abort`."""

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        """See :meth:`h2static.http.exchange.Exchange.tunnel`."""


class Stream:
    """A request whose field section has come."""

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
        """``window``: what the client may send without anything being taken, in octets."""
        self.id = stream_id
        self.opened_at = now
        self.request: Request = head.request
        self.owner = owner
        self.urgency = head.urgency
        self.incremental = head.incremental
        #: Whether the scheduler has it; the scheduler's alone.
        self.queued = False
        # --- receiving content
        self.window = window
        self.received = 0
        self.content_length = head.content_length
        self.expects_continue = head.expects_continue
        self.sink: Sink | None = None
        #: The sink has had enough.
        self.paused = False
        #: Content that came before anybody said what is to become of it.
        self.early_content: list[bytes] = []
        #: Octets whose credit is held back: of the stream, of the connection.
        self.withheld = 0
        self.withheld_connection = 0
        #: All of the request has come, or nobody waits for the rest.
        self.whole = False
        self.trailers: Fields = ()
        self.tunneled = False
        # --- sending content
        #: The final response, once its field section was sent.
        self.response: Response | None = None
        #: The final response, while the request's content is still to come.
        self.held_response: Response | None = None
        self.body: memoryview | None = None
        self.reader: BodyReader | None = None
        self.offset = 0
        #: Octets of the body still to send; ``None`` while it is unknown how many.
        self.remaining: int | None = 0
        self.sent = 0
        self.delivered: tuple[str, ...] = ()
        #: The reader would block.
        self.waiting = False
        #: A job of the stream waits for a thread, or is being done.
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
        """Whether all of the response was given to the transport."""
        return self.response is not None and self.remaining == 0

    def close_reader(self) -> None:
        """The body is read no further."""
        reader, self.reader = self.reader, None
        self.body = None
        self.waiting = False
        if reader is not None:
            reader.close()

    def release(self) -> None:
        """The stream is over: give back what it holds.  Safe to call twice."""
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
        """See :class:`h2static.http.exchange.Exchange`."""
        return self.owner.client

    def respond(self, response: Response) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.respond(self, response)

    def inform(self, status: int, fields: Fields = ()) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.inform(self, status, fields)

    def accept(self, sink: Sink) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.accept(self, sink)

    def resume(self) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.resume(self)

    def work(self, job: Job) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.work(self, job)

    def abort(self, reason: str) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.abort(self, reason)

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.tunnel(self, sink, body, fields)

    @property
    def may_push(self) -> bool:
        """See :class:`h2static.http.exchange.Exchange`: no browser takes promises of HTTP/3."""
        return False

    def push(self, request: Request) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""

    def when_lost(self, callback: Callable[[], None]) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        if not self.gone:
            self._lost.append(callback)
        elif not self.complete:
            callback()
