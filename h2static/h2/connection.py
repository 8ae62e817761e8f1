"""One end of an HTTP/2 connection that reports events; see :mod:`h2static.h2`.

Strategy: an adapter.  On the server side every request becomes an event, and its exchange waits in
:class:`_Incoming` for the caller's calls; on the client side :class:`_Answer` receives the
response. Credit for content is withheld until the caller has consumed it.
"""

from __future__ import annotations

from functools import partial

from h2static.h2.events import (
    ConnectionEnded,
    DataReceived,
    Event,
    InformationalReceived,
    MessageEnded,
    PromiseReceived,
    RequestReceived,
    ResponseReceived,
    RoomAvailable,
    StreamEnded,
)
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http.outgoing import Call as PromisedCall
from h2static.http.outgoing import Failure
from h2static.http.pipe import Pipe
from h2static.http.semantics import ResponseHead
from h2static.http.shared import Shared
from h2static.http2.client import ClientConnection, make_endpoint
from h2static.http2.errors import Misuse
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.responses import Call
from h2static.http2.roles import Role
from h2static.http2.server import ServerConnection
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from h2static.http2.stream import Stream

#: The two ends of a connection.
CLIENT = Role.CLIENT
SERVER = Role.SERVER

#: Octets that one call of :meth:`Connection.octets_to_send` returns at most, or slightly more.
_BUDGET = 262_144


class Connection:
    """One end of an HTTP/2 connection (RFC 9113), without I/O; see :mod:`h2static.h2`."""

    def __init__(
        self,
        role: Role,
        *,
        settings: LocalSettings | None = None,
        limits: Limits | None = None,
        schemes: tuple[bytes, ...] = (b"http", b"https"),
        now: float = 0.0,
    ) -> None:
        """``schemes``: those that requests to a server may have."""
        settings = settings or LocalSettings()
        limits = limits or Limits()
        self._events: list[Event] = []
        self._sending: dict[int, Pipe] = {}
        self._receiving: dict[int, _Incoming | _Answer] = {}
        self._shared = Shared()
        self._now = now
        self._ended = False
        self._server: ServerConnection | None = None
        self._client: ClientConnection | None = None
        if role is SERVER:
            service = make_service(
                _Relay(self), settings, limits, self._shared, schemes=frozenset(schemes)
            )
            self._server = ServerConnection(service, Client(version="HTTP/2.0"), now)
        else:
            endpoint = make_endpoint(settings, limits, self._shared)
            self._client = ClientConnection(endpoint, now)

    @property
    def _engine(self) -> ServerConnection | ClientConnection:
        engine = self._server or self._client
        assert engine is not None
        return engine

    # ------------------------------------------------------------------ octets

    def receive(self, octets: bytes, now: float | None = None) -> list[Event]:
        """Process octets from the peer; returns the resulting events, in order."""
        engine = self._engine
        engine.receive(octets, self._time(now))
        while engine.backlog:
            engine.take_turn(self._now)
        return self._take_events()

    def receive_eof(self, now: float | None = None) -> list[Event]:
        """The peer has closed its direction; returns the resulting events."""
        self._engine.receive_eof(self._time(now))
        return self._take_events()

    def octets_to_send(self, now: float | None = None) -> bytes:
        """The next octets for the peer, which then count as sent; empty if there are none.

        Call it until it returns nothing: content is returned in portions.
        """
        engine = self._engine
        self._time(now)
        if engine.backlog:
            engine.take_turn(self._now)
        engine.pump(self._now, _BUDGET)
        octets = b"".join(engine.pending())
        if octets:
            engine.sent(len(octets), self._now)
        self._unblock()
        return octets

    def events(self) -> list[Event]:
        """The events since the last call that returned events."""
        return self._take_events()

    def check(self, now: float) -> list[Event]:
        """Act on deadlines that have passed; call this about twice a second."""
        self._engine.check(self._time(now))
        return self._take_events()

    def close(self) -> None:
        """End gracefully: send GOAWAY, then finish accepted streams (RFC 9113 section 6.8)."""
        self._engine.drain(self._now)

    @property
    def closed(self) -> bool:
        """Whether to close the transport once everything has been sent."""
        return self._engine.closing

    # ------------------------------------------------------------------ messages

    def request(self, request: Request, body: bytes = b"", *, more: bool = False) -> int:
        """Send a request; returns its stream ID.

        ``more``: content follows with :meth:`send`.  Raises :class:`Misuse` if the server accepts
        no more requests now; see :attr:`room_for_requests`.
        """
        client = self._client
        if client is None:
            raise Misuse("a server sends no requests")
        if not self.room_for_requests:
            raise Misuse("no further stream can be opened now")
        if request.protocol and not client.peer.connect_protocol:
            raise Misuse("the server does not offer extended CONNECT")
        answer = _Answer(self)
        pipe = self._pipe() if more else None
        if pipe is not None and body:
            pipe.receive(body)
        call = client.request(request, answer, body if pipe is None else pipe)
        assert call.stream is not None
        stream_id = call.stream.id
        answer.begin(stream_id, call)
        if pipe is not None:
            self._sending[stream_id] = pipe
        return stream_id

    @property
    def room_for_requests(self) -> bool:
        """Whether the server accepts another request now (SETTINGS_MAX_CONCURRENT_STREAMS)."""
        client = self._client
        if client is None or client.closing or client.peer.leaving or client.eof:
            return False
        limit = client.peer.max_concurrent_streams
        return client.streams.own < (100 if limit is None else limit)

    def respond(
        self,
        stream_id: int,
        status: int,
        fields: Fields = (),
        body: bytes = b"",
        *,
        more: bool = False,
    ) -> None:
        """Send the final response to a request; ``more``: content follows with :meth:`send`.

        For an extended CONNECT (RFC 8441), 200 with ``more`` grants the protocol: content in both
        directions then belongs to it.  No effect on a stream that has already ended.
        """
        incoming = self._incoming(stream_id)
        if incoming is None:
            return
        if not 200 <= status <= 599:
            raise Misuse(f"{status} is not a final status code")
        if not more:
            incoming.exchange.respond(Response(status=status, fields=fields, body=body))
            return
        pipe = self._sending[stream_id] = self._pipe()
        if body:
            pipe.receive(body)
        if incoming.exchange.request.protocol and status < 300:
            incoming.exchange.tunnel(incoming, pipe, fields)
        else:
            incoming.exchange.respond(Response(status=status, fields=fields, body=pipe))

    def inform(self, stream_id: int, status: int, fields: Fields = ()) -> None:
        """Send an informational response (1xx, except 101) before the final one."""
        if not 100 <= status <= 199 or status == 101:
            raise Misuse(f"{status} is not an informational status code of HTTP/2")
        incoming = self._incoming(stream_id)
        if incoming is not None:
            incoming.exchange.inform(status, fields)

    def send(self, stream_id: int, data: bytes) -> bool:
        """Send content; returns false if enough is waiting: continue at :class:`RoomAvailable`."""
        pipe = self._sending.get(stream_id)
        return pipe is not None and pipe.receive(data)

    def end(self, stream_id: int, trailers: Fields = ()) -> None:
        """End the message, with optional trailers."""
        pipe = self._sending.pop(stream_id, None)
        if pipe is not None:
            pipe.end(trailers)

    def acknowledge(self, stream_id: int) -> None:
        """All content received on the stream was consumed: let the peer send more."""
        receiving = self._receiving.get(stream_id)
        if receiving is not None:
            receiving.resume()

    def reset(self, stream_id: int, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """End a stream immediately (RFC 9113 section 6.4)."""
        receiving = self._receiving.pop(stream_id, None)
        self._sending.pop(stream_id, None)
        if isinstance(receiving, _Answer):
            receiving.cancel(code)
        elif self._server is not None:
            self._server.reset_stream(stream_id, code)

    # ------------------------------------------------------------------ internal

    def _time(self, now: float | None) -> float:
        if now is not None:
            self._now = now
        return self._now

    def _pipe(self) -> Pipe:
        pipe: Pipe
        pipe = Pipe(on_room=lambda: self._room(pipe))
        return pipe

    def _room(self, pipe: Pipe) -> None:
        for stream_id, one in self._sending.items():
            if one is pipe:
                self._events.append(RoomAvailable(stream_id=stream_id))

    def _incoming(self, stream_id: int) -> _Incoming | None:
        receiving = self._receiving.get(stream_id)
        if isinstance(receiving, _Answer):
            raise Misuse("a client does not respond")
        return receiving

    def _unblock(self) -> None:
        """Resume blocked readers if there is more to send."""
        engine = self._engine
        blocked = engine.blocked[:]
        engine.blocked.clear()
        for stream_id, reader in blocked:
            reader.wait(partial(self._unblocked, stream_id))

    def _unblocked(self, stream_id: int) -> None:
        self._engine.unblock(stream_id, self._now)

    def _take_events(self) -> list[Event]:
        self._unblock()
        events, self._events = self._events, []
        if self._engine.closing and not self._ended:
            self._ended = True
            events.append(ConnectionEnded(problem=self._engine.problem))
        return events

    def tell(self, event: Event) -> None:
        """Add an event.  Internal."""
        self._events.append(event)

    def begin_receiving(self, stream_id: int, receiving: _Incoming | _Answer) -> None:
        """Register the receiver of a stream's content.  Internal."""
        self._receiving[stream_id] = receiving

    def end_receiving(self, stream_id: int) -> None:
        """Remove the receiver of a stream's content.  Internal."""
        self._receiving.pop(stream_id, None)
        self._sending.pop(stream_id, None)


class _Relay:
    """A server's application: it turns each request into an event."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def recall(self, request: Request) -> Response | None:
        """Implement :meth:`h2static.http.exchange.Application.recall`."""
        return None

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        # The exchanges of this engine are its streams.
        assert isinstance(exchange, Stream)
        _Incoming(self._connection, exchange).begin()

    def refuse(self, status: int, request: Request | None) -> Response:
        """Implement :meth:`h2static.http.exchange.Application.refuse`."""
        return Response(status=status, fields=((b"content-length", b"0"),))


class _Incoming:
    """A received request, and the sink of its content."""

    def __init__(self, connection: Connection, stream: Stream) -> None:
        self._connection = connection
        self._stream_id = stream.id
        self.exchange = stream

    def begin(self) -> None:
        """Report the request as an event."""
        connection, stream = self._connection, self.exchange
        connection.begin_receiving(stream.id, self)
        connection.tell(RequestReceived(stream_id=stream.id, request=stream.request))
        stream.when_lost(self._lost)
        if not stream.request.protocol:
            stream.accept(self)

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.bodies.Sink.receive`."""
        self._connection.tell(DataReceived(stream_id=self._stream_id, data=data))
        return False

    def end(self, trailers: Fields) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.end`."""
        self._connection.tell(MessageEnded(stream_id=self._stream_id, trailers=trailers))

    def abandon(self) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.abandon`; ``_lost`` reports it."""

    def resume(self) -> None:
        """All content was consumed: give its credit back."""
        self.exchange.resume()

    def _lost(self) -> None:
        self._connection.end_receiving(self._stream_id)
        self._connection.tell(
            StreamEnded(stream_id=self._stream_id, reason="the stream was reset or lost")
        )


class _Answer:
    """Receives a response, as a :class:`h2static.http.outgoing.ResponseReceiver`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stream_id = 0
        self._call: PromisedCall | Call | None = None

    def begin(self, stream_id: int, call: Call) -> None:
        """Note the stream and the call of the request that was sent."""
        self._stream_id = stream_id
        self._call = call
        self._connection.begin_receiving(stream_id, self)

    def inform(self, head: ResponseHead) -> None:
        self._connection.tell(
            InformationalReceived(stream_id=self._stream_id, status=head.status, fields=head.fields)
        )

    def respond(self, head: ResponseHead) -> None:
        self._connection.tell(
            ResponseReceived(stream_id=self._stream_id, status=head.status, fields=head.fields)
        )

    def receive(self, data: bytes) -> bool:
        self._connection.tell(DataReceived(stream_id=self._stream_id, data=data))
        return False

    def end(self, trailers: Fields) -> None:
        self._connection.end_receiving(self._stream_id)
        self._connection.tell(MessageEnded(stream_id=self._stream_id, trailers=trailers))

    def fail(self, failure: Failure) -> None:
        self._connection.end_receiving(self._stream_id)
        self._connection.tell(
            StreamEnded(
                stream_id=self._stream_id,
                reason=failure.reason,
                code=failure.code,
                may_retry=failure.may_retry,
            )
        )

    def promise(self, request: Request, stream_id: int, call: PromisedCall) -> _Answer:
        promised = _Answer(self._connection)
        promised._call = call
        self._connection.tell(
            PromiseReceived(stream_id=self._stream_id, promised_id=stream_id, request=request)
        )
        promised._stream_id = stream_id
        self._connection.begin_receiving(stream_id, promised)
        return promised

    def resume(self) -> None:
        """All content was consumed: give its credit back."""
        if self._call is not None:
            self._call.resume()

    def cancel(self, code: ErrorCode) -> None:
        """Cancel the request: the response is no longer wanted."""
        if isinstance(self._call, Call):
            self._call.cancel(code)
