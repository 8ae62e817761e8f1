"""Stream states (RFC 9113 section 5.1) and what is kept of an open stream.

Contract: :data:`TRANSITIONS` is the whole truth about which frame a peer may send in which state,
and about what we send that moves a stream on, for both roles.  DATA leaves a stream where it is,
and a stream that we reset is forgotten.  :meth:`Stream.advance` moves a stream along the table.  A
stream that is neither idle nor closed has a :class:`Stream`; the connection knows the closed and
the idle ones by their identifiers alone.

A stream of a server is the :class:`~h2static.http.exchange.Exchange` of its request: there is no
further object.  What it is asked for as such is done by its :class:`StreamOwner`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from h2static.http.bodies import Body, BodyReader, MappedReader, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http.priority import DEFAULT_INCREMENTAL, DEFAULT_URGENCY
from h2static.http2.errors import ConnectionViolation, Misuse, StreamViolation
from h2static.http2.registry import ErrorCode
from h2static.http2.windows import ReceiveWindow


class State(enum.IntEnum):
    """RFC 9113 section 5.1."""

    IDLE = 0
    RESERVED_LOCAL = 1
    OPEN = 2
    HALF_CLOSED_LOCAL = 3
    HALF_CLOSED_REMOTE = 4
    CLOSED = 5
    RESERVED_REMOTE = 6


class Input(enum.IntEnum):
    """What can happen to a stream.  END_STREAM is an input of its own, after its frame."""

    RECEIVE_HEADERS = 0
    RECEIVE_DATA = 1
    RECEIVE_END_STREAM = 2
    RECEIVE_WINDOW_UPDATE = 3
    RECEIVE_RST_STREAM = 4
    SEND_PUSH_PROMISE = 5
    SEND_HEADERS = 6
    SEND_END_STREAM = 7
    RECEIVE_PUSH_PROMISE = 8


class Wrong(enum.Enum):
    """What an input is that the state forbids: scope and code."""

    #: "receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated
    #: as a connection error of type PROTOCOL_ERROR" (idle; likewise reserved).
    PROTOCOL_ERROR = (True, ErrorCode.PROTOCOL_ERROR)
    #: "If an endpoint receives additional frames … for a stream that is in this state, it MUST
    #: respond with a stream error of type STREAM_CLOSED" (half-closed (remote)).
    STREAM_CLOSED = (False, ErrorCode.STREAM_CLOSED)
    #: "An endpoint that receives any frames … after receiving a frame with the END_STREAM flag set
    #: … MUST treat that as a connection error of type STREAM_CLOSED" (closed; sections 5.1, 6.1).
    CONNECTION_CLOSED = (True, ErrorCode.STREAM_CLOSED)


_IN, _ST = Input, State
Outcome: TypeAlias = State | Wrong

#: state -> input -> next state or error; an input that is missing is our own misuse.
TRANSITIONS: Final[dict[State, dict[Input, Outcome]]] = {
    _ST.IDLE: {
        _IN.RECEIVE_HEADERS: _ST.OPEN,
        _IN.RECEIVE_DATA: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_WINDOW_UPDATE: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_RST_STREAM: Wrong.PROTOCOL_ERROR,
        _IN.SEND_PUSH_PROMISE: _ST.RESERVED_LOCAL,
        _IN.RECEIVE_PUSH_PROMISE: _ST.RESERVED_REMOTE,
        _IN.SEND_HEADERS: _ST.OPEN,
    },
    _ST.RESERVED_LOCAL: {
        _IN.RECEIVE_HEADERS: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_DATA: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_WINDOW_UPDATE: _ST.RESERVED_LOCAL,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
        _IN.SEND_HEADERS: _ST.HALF_CLOSED_REMOTE,
    },
    _ST.RESERVED_REMOTE: {
        _IN.RECEIVE_HEADERS: _ST.HALF_CLOSED_LOCAL,
        _IN.RECEIVE_DATA: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_WINDOW_UPDATE: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
    },
    _ST.OPEN: {
        _IN.RECEIVE_HEADERS: _ST.OPEN,
        _IN.RECEIVE_DATA: _ST.OPEN,
        _IN.RECEIVE_END_STREAM: _ST.HALF_CLOSED_REMOTE,
        _IN.RECEIVE_WINDOW_UPDATE: _ST.OPEN,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
        _IN.SEND_HEADERS: _ST.OPEN,
        _IN.SEND_END_STREAM: _ST.HALF_CLOSED_LOCAL,
    },
    _ST.HALF_CLOSED_LOCAL: {
        _IN.RECEIVE_HEADERS: _ST.HALF_CLOSED_LOCAL,
        _IN.RECEIVE_DATA: _ST.HALF_CLOSED_LOCAL,
        _IN.RECEIVE_END_STREAM: _ST.CLOSED,
        _IN.RECEIVE_WINDOW_UPDATE: _ST.HALF_CLOSED_LOCAL,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
    },
    _ST.HALF_CLOSED_REMOTE: {
        _IN.RECEIVE_HEADERS: Wrong.STREAM_CLOSED,
        _IN.RECEIVE_DATA: Wrong.STREAM_CLOSED,
        _IN.RECEIVE_WINDOW_UPDATE: _ST.HALF_CLOSED_REMOTE,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
        _IN.SEND_HEADERS: _ST.HALF_CLOSED_REMOTE,
        _IN.SEND_END_STREAM: _ST.CLOSED,
    },
    _ST.CLOSED: {
        _IN.RECEIVE_HEADERS: Wrong.CONNECTION_CLOSED,
        _IN.RECEIVE_DATA: Wrong.CONNECTION_CLOSED,
        # "An endpoint … might receive a WINDOW_UPDATE or RST_STREAM frame" for some time: ignored.
        _IN.RECEIVE_WINDOW_UPDATE: _ST.CLOSED,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
    },
}
del _IN, _ST


#: The same by position: enumerations hash slowly.
_OUTCOMES: Final = [[TRANSITIONS[state].get(event) for event in Input] for state in State]


def step(state: State, event: Input, stream_id: int) -> State:
    """The state after ``event``; raises a violation, or :class:`Misuse` for what we may not do."""
    outcome = _OUTCOMES[state][event]
    if outcome is None:
        raise Misuse(f"stream {stream_id}: {event.name} in state {state.name}")
    if isinstance(outcome, State):
        return outcome
    whole_connection, code = outcome.value
    reason = f"{event.name[8:]} on a stream that is {state.name.lower()}"
    if whole_connection:
        raise ConnectionViolation(code, f"stream {stream_id}: {reason}")
    raise StreamViolation(stream_id, code, reason)


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

    def may_push(self, stream: Stream) -> bool:
        """See :attr:`h2static.http.exchange.Exchange.may_push`."""

    def push(self, stream: Stream, request: Request) -> None:
        """See :meth:`h2static.http.exchange.Exchange.push`."""


class Stream:
    """An open, half-closed or reserved stream."""

    __slots__ = (
        "_lost",
        "body",
        "content_length",
        "delivered",
        "early_content",
        "entered_at",
        "expects_continue",
        "gone",
        "held_response",
        "id",
        "incremental",
        "mapper",
        "offset",
        "opened_at",
        "owner",
        "paused",
        "progress_content",
        "progress_octets",
        "progress_sending",
        "progress_time",
        "queued",
        "reader",
        "received",
        "remaining",
        "request",
        "response",
        "send_window",
        "sent",
        "sink",
        "state",
        "trailers",
        "tunneled",
        "urgency",
        "waiting",
        "whole",
        "window",
        "withheld",
        "withheld_connection",
        "working",
    )

    def __init__(
        self,
        stream_id: int,
        request: Request,
        owner: StreamOwner,
        *,
        send_window: int,
        window: ReceiveWindow,
        now: float,
        urgency: int = DEFAULT_URGENCY,
        incremental: bool = DEFAULT_INCREMENTAL,
    ) -> None:
        """``window``: for what the peer sends on the stream."""
        self.id = stream_id
        self.opened_at = now
        self.state = State.IDLE
        self.request = request
        self.owner = owner
        self.urgency = urgency
        self.incremental = incremental
        #: Whether the scheduler has it; the scheduler's alone.
        self.queued = False
        # --- receiving content
        self.window = window
        self.received = 0
        #: What a Content-Length field says.
        self.content_length: int | None = None
        #: The client waits for 100 (Continue) or a final response (RFC 9110 section 10.1.1).
        self.expects_continue = False
        self.sink: Sink | None = None
        #: The sink has had enough.
        self.paused = False
        #: Content that came before anybody said what is to become of it.
        self.early_content: list[bytes] = []
        #: Octets whose credit is held back: of the stream's window, of the connection's.
        self.withheld = 0
        self.withheld_connection = 0
        #: The peer has sent END_STREAM, and the trailers that came with it.
        self.whole = False
        self.trailers: Fields = ()
        #: It carries another protocol: the request of it was granted (section 8.5, RFC 8441).
        self.tunneled = False
        # --- sending content
        #: The final response, once its field section was sent.
        self.response: Response | None = None
        #: The final response, while the request's content is still to come.
        self.held_response: Response | None = None
        self.send_window = send_window
        self.body: memoryview | None = None
        self.reader: BodyReader | None = None
        #: The same, where its content may be mapped.
        self.mapper: MappedReader | None = None
        #: ``Output.emptied`` when content last entered the output.
        self.entered_at = -1
        self.offset = 0
        #: Octets of the body still to send; ``None`` while it is unknown how many.
        self.remaining: int | None = 0
        self.sent = 0
        #: As :attr:`h2static.http.journal.Finished.delivered`.
        self.delivered: tuple[str, ...] = ()
        #: The reader would block.
        self.waiting = False
        #: A job of the stream waits for a thread, or is being done.
        self.working = False
        # --- progress
        #: When progress was last counted, of which direction, how much had been moved by then, and
        #: how much content by all streams together (:attr:`Sender.content`).
        self.progress_time = now
        self.progress_sending = False
        self.progress_octets = 0
        self.progress_content = 0
        # --- the end
        #: The stream is closed, reset, or lost with its connection.
        self.gone = False
        self._lost: list[Callable[[], None]] = []

    def advance(self, event: Input) -> None:
        """Move along :data:`TRANSITIONS`; raises what :func:`step` raises."""
        self.state = step(self.state, event, self.id)

    @property
    def complete(self) -> bool:
        """Whether all of the response has entered the output."""
        return self.response is not None and self.remaining == 0

    def release(self) -> None:
        """The stream is over: give back what it holds.  Safe to call twice."""
        if self.gone:
            return
        self.gone = True
        if self.reader is not None:
            self.reader.close()
            self.reader = self.mapper = None
        sink, self.sink = self.sink, None
        if sink is not None:
            sink.abandon()
        self.body = None
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
        """See :class:`h2static.http.exchange.Exchange`."""
        return self.owner.may_push(self)

    def push(self, request: Request) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self.owner.push(self, request)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        if not self.gone:
            self._lost.append(callback)
        elif not self.complete:
            callback()
