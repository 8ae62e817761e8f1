"""Stream states (RFC 9113 section 5.1), and the state of an open stream.

Contract: :data:`TRANSITIONS` defines completely which frame a peer may send in which state, and
which of our frames change the state, for both roles.  DATA does not change the state, and a stream
that we reset is dropped.  :meth:`Stream.advance` moves a stream along the table.  A stream that is
neither idle nor closed has a :class:`Stream`; the connection knows closed and idle ones only by
their identifiers.

A server's stream is the :class:`~h2static.http.exchange.Exchange` of its request: there is no other
object.  Its :class:`StreamOwner` carries out the calls.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from h2static.http.bodies import Body, BodyReader, MappedReader, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.priority import DEFAULT_INCREMENTAL, DEFAULT_URGENCY
from h2static.http2.errors import ConnectionViolation, Misuse, StreamViolation
from h2static.http2.registry import ErrorCode
from h2static.http2.windows import ReceiveWindow


class State(enum.IntEnum):
    """The stream states of RFC 9113 section 5.1."""

    IDLE = 0
    RESERVED_LOCAL = 1
    OPEN = 2
    HALF_CLOSED_LOCAL = 3
    HALF_CLOSED_REMOTE = 4
    CLOSED = 5
    RESERVED_REMOTE = 6


class Input(enum.IntEnum):
    """The events of a stream.  END_STREAM is a separate event after its frame."""

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
    """The error for an event that the state forbids: scope and code."""

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

#: State -> event -> next state or error; a missing event is our own misuse.
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


#: The same without errors; no event leads back to :attr:`State.IDLE`, which is false.
_NEXT: Final = [
    [outcome if isinstance(outcome, State) else None for outcome in row] for row in _OUTCOMES
]


def step(state: State, event: Input, stream_id: int) -> State:
    """The state after ``event``; raises a violation, or :class:`Misuse` for our own mistakes."""
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

    def may_push(self, stream: Stream) -> bool:
        """See :attr:`h2static.http.exchange.Exchange.may_push`."""

    def push(self, stream: Stream, request: Request) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.push`."""


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
        """``window``: the receive window of the stream."""
        self.id = stream_id
        self.opened_at = now
        self.state = State.IDLE
        self.request = request
        self.owner = owner
        self.urgency = urgency
        self.incremental = incremental
        #: Whether the stream is in the scheduler; only the scheduler sets it.
        self.queued = False
        # --- receiving content
        self.window = window
        self.received = 0
        #: The value of the Content-Length field, if any.
        self.content_length: int | None = None
        #: Whether the client waits for 100 (Continue) or a final response (RFC 9110 section
        #: 10.1.1).
        self.expects_continue = False
        self.sink: Sink | None = None
        #: Whether the sink is full.
        self.paused = False
        #: Content that arrived before it was decided what happens to it.
        self.early_content: list[bytes] = []
        #: Octets whose credit is withheld: from the stream's window, from the connection's.
        self.withheld = 0
        self.withheld_connection = 0
        #: Whether the peer has sent END_STREAM, and the trailers with it.
        self.whole = False
        self.trailers: Fields = ()
        #: Whether it is a tunnel for another protocol (section 8.5, RFC 8441).
        self.tunneled = False
        # --- sending content
        #: The final response, once its field section has been sent.
        self.response: Response | None = None
        #: The final response, while the request's content is incomplete.
        self.held_response: Response | None = None
        self.send_window = send_window
        self.body: memoryview | None = None
        self.reader: BodyReader | None = None
        #: The same, where its content may be mapped.
        self.mapper: MappedReader | None = None
        #: The value of ``Output.emptied`` when content last entered the output.
        self.entered_at = -1
        self.offset = 0
        #: Octets of the body still to send; ``None`` if unknown.
        self.remaining: int | None = 0
        self.sent = 0
        #: As :attr:`h2static.http.journal.Finished.delivered`.
        self.delivered: tuple[str, ...] = ()
        #: Whether the reader would block.
        self.waiting = False
        #: Whether a job of the stream is waiting for a thread or running.
        self.working = False
        # --- progress
        #: Time at which progress was last measured, its direction, the octets moved by then, and
        #: the content sent by all streams together (:attr:`Sender.content`).
        self.progress_time = now
        self.progress_sending = False
        self.progress_octets = 0
        self.progress_content = 0
        # --- the end
        #: Whether the stream is closed, reset, or lost with its connection.
        self.gone = False
        self._lost: list[Callable[[], None]] = []

    def advance(self, event: Input) -> None:
        """Move along :data:`TRANSITIONS`; raises what :func:`step` raises."""
        self.state = _NEXT[self.state][event] or step(self.state, event, self.id)

    @property
    def complete(self) -> bool:
        """Whether all of the response has entered the output."""
        return self.response is not None and self.remaining == 0

    @property
    def watched(self) -> bool:
        """Whether an application wants to know when the client is gone."""
        return bool(self._lost)

    def finished(self, now: float) -> Finished | None:
        """The journal's entry for a stream that is over; ``None`` if there was no response."""
        if self.response is None:
            return None
        return Finished(
            self.owner.client,
            self.request,
            self.response,
            self.sent,
            self.opened_at,
            now,
            self.id % 2 == 0,
            not self.complete,
            self.delivered,
        )

    def release(self) -> None:
        """The stream is over: release its resources.  Safe to call twice."""
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
        """Implement :meth:`h2static.http.exchange.Exchange.may_push`."""
        return self.owner.may_push(self)

    def push(self, request: Request) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.push`."""
        self.owner.push(self, request)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.when_lost`."""
        if not self.gone:
            self._lost.append(callback)
        elif not self.complete:
            callback()


def ignore(stream: Stream) -> None:
    """Stand in for the callbacks of a connection that is over."""
