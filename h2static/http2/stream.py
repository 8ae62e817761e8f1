"""Stream states (RFC 9113 section 5.1) and what is kept of an open stream.

Contract: :data:`TRANSITIONS` is the whole truth about which frame a client may send in which state,
for a server's streams: those that the client opens and those that are promised; and about what we
send that moves a stream on.  DATA leaves it where it is, and a stream that we reset is forgotten.
:meth:`Stream.advance` moves a stream along the table.  A stream that is neither idle nor closed has
a :class:`Stream`; the connection knows the closed and the idle ones by their identifiers alone.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

from h2static.http.messages import BodyReader, Request, Response, Upload
from h2static.http.semantics import RequestHead
from h2static.http2.errors import ConnectionViolation, Misuse, StreamViolation
from h2static.http2.registry import ErrorCode


class State(enum.IntEnum):
    """RFC 9113 section 5.1; a server has no "reserved (remote)"."""

    IDLE = 0
    RESERVED_LOCAL = 1
    OPEN = 2
    HALF_CLOSED_LOCAL = 3
    HALF_CLOSED_REMOTE = 4
    CLOSED = 5


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
    },
    _ST.RESERVED_LOCAL: {
        _IN.RECEIVE_HEADERS: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_DATA: Wrong.PROTOCOL_ERROR,
        _IN.RECEIVE_WINDOW_UPDATE: _ST.RESERVED_LOCAL,
        _IN.RECEIVE_RST_STREAM: _ST.CLOSED,
        _IN.SEND_HEADERS: _ST.HALF_CLOSED_REMOTE,
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


class Stream:
    """An open, half-closed or reserved stream."""

    __slots__ = (
        "body",
        "content_length",
        "credit",
        "delivered",
        "entered_at",
        "head",
        "id",
        "incremental",
        "offset",
        "opened_at",
        "progress_content",
        "progress_octets",
        "progress_sending",
        "progress_time",
        "queued",
        "reader",
        "receive_window",
        "received",
        "remaining",
        "request",
        "response",
        "send_window",
        "sent",
        "state",
        "upload",
        "urgency",
        "waiting",
    )

    def __init__(
        self,
        stream_id: int,
        state: State,
        head: RequestHead,
        *,
        send_window: int,
        receive_window: int,
        now: float,
    ) -> None:
        self.id = stream_id
        self.opened_at = now
        self.state = state
        self.head = head
        self.request: Request = head.request
        self.urgency = head.urgency
        self.incremental = head.incremental
        self.queued = False
        # --- receiving
        self.receive_window = receive_window
        #: Octets consumed whose credit was not returned yet.
        self.credit = 0
        self.received = 0
        self.content_length = head.content_length
        self.upload: Upload | None = None
        # --- sending
        self.response: Response | None = None
        self.send_window = send_window
        self.body: memoryview | None = None
        self.reader: BodyReader | None = None
        #: ``Output.emptied`` when content last entered the output.
        self.entered_at = -1
        self.offset = 0
        #: Octets of the body still to send; ``None`` while nobody knows how many.
        self.remaining: int | None = 0
        self.sent = 0
        #: As :attr:`h2static.http2.service.Answered.delivered`.
        self.delivered: tuple[str, ...] = ()
        #: The reader would block, or the answer is being worked on in another thread.
        self.waiting = False
        #: When progress was last counted, of which direction, how much had been moved by then, and
        #: how much content by all streams together (:attr:`Sender.content`).
        self.progress_time = now
        self.progress_sending = False
        self.progress_octets = 0
        self.progress_content = 0

    def advance(self, event: Input) -> None:
        """Move along :data:`TRANSITIONS`; raises what :func:`step` raises."""
        self.state = step(self.state, event, self.id)

    def release(self) -> None:
        """Give back what the stream holds.  Safe to call twice."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None
        if self.upload is not None:
            self.upload.abandon()
            self.upload = None
        self.body = None
