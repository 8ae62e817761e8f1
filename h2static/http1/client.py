"""A client's HTTP/1.1 connection, without I/O (RFC 9112).

Contract: the same as :class:`h2static.http2.client.ClientConnection`, for the driver and for makers
of requests: a :class:`~h2static.http.outgoing.ResponseReceiver` gets everything that comes back.
``receive`` never raises for anything that a server can send; invalid octets end the connection, and
the receiver gets the reason.  Requests are sent one after the other, each when the previous
response is complete.  While a receiver is full, nothing more is read until its call is resumed.

A request may ask for another protocol (:meth:`ClientConnection.upgrade`).  If the server grants it,
:attr:`ClientConnection.switched` becomes true and :meth:`ClientConnection.take_rest` returns what
the server has sent in the other protocol.

Strategy: strict parsing with parts of the server side; no pipelining, because servers get it wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http.bodies import Body, BodyReader
from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.http.outgoing import Failure, ResponseReceiver
from h2static.http1.client_memory import ClientMemory
from h2static.http1.content import Chunked, Content, KnownLength
from h2static.http1.errors import BadMessage, BadRequest, BadResponse, Broken
from h2static.http1.framer import Framed
from h2static.http1.head import find_bare_line_end
from h2static.http1.limits import Limits
from h2static.http1.observer import HeadObserver
from h2static.http1.output import Output
from h2static.http1.request_framer import frame_request
from h2static.http1.response_head import End, Incoming, parse_response
from h2static.http1.sender import READ_SIZE, Sender


def nothing() -> None:
    """Default callback that does nothing."""


class Call:
    """A request and the receiver of its response."""

    __slots__ = ("_connection", "body", "receiver", "request", "upgrade")

    def __init__(
        self,
        connection: ClientConnection,
        request: Request,
        body: bytes | Body,
        receiver: ResponseReceiver,
        upgrade: Fields,
    ) -> None:
        self._connection = connection
        self.request = request
        self.body = body
        #: ``None`` once the response is no longer wanted.
        self.receiver: ResponseReceiver | None = receiver
        #: Fields that ask for another protocol.
        self.upgrade = upgrade

    def resume(self) -> None:
        """The receiver, which was full, takes more."""
        self._connection.resume(self)

    def cancel(self) -> None:
        """The response is no longer wanted; the receiver gets no more calls."""
        self.receiver = None
        self._connection.cancel(self)


class ClientConnection:
    """The client's end of an HTTP/1.1 connection, without I/O."""

    __slots__ = (
        "_call", "_content", "_eof", "_incoming", "_limits", "_memory", "_notify", "_observer",
        "_octets", "_output", "_paused", "_resumed", "_reusable", "_searched", "_sender",
        "_waiting", "blocked", "closing", "problem", "switched",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits,
        *,
        notify: Callable[[], None] = nothing,
        observer: HeadObserver | None = None,
        memory: ClientMemory | None = None,
    ) -> None:
        """``notify`` requests a turn; ``observer`` sees every header section; ``memory`` is shared
        by all connections to one server."""
        self._limits = limits
        self._memory = memory
        self._notify = notify
        self._observer = observer
        self._output = Output()
        self._sender = Sender(self._output)
        self._octets = bytearray()
        #: Octets of an incomplete header section that have been searched for its end.
        self._searched = 0
        #: The current request, its final response, and the parser of its content; a response that
        #: ends with the connection has no parser.
        self._call: Call | None = None
        self._incoming: Incoming | None = None
        self._content: Content | None = None
        self._waiting: deque[Call] = deque()
        self._paused = False
        #: The receiver takes more, and octets received meanwhile are still to be processed.
        self._resumed = False
        #: Whether another request may follow on this connection.
        self._reusable = True
        self._eof = False
        #: Readers that would block; the driver removes them and waits for them.
        self.blocked: list[tuple[int, BodyReader]] = []
        #: Close when nothing is left to send.
        self.closing = False
        #: What the server did wrong.
        self.problem: str | None = None
        #: The connection has switched to another protocol.
        self.switched = False

    # ------------------------------------------------------------------ requests

    def request(
        self, request: Request, receiver: ResponseReceiver, body: bytes | Body = b""
    ) -> Call:
        """Send ``request`` with ``body`` when it is its turn."""
        return self._add(Call(self, request, body, receiver, ()))

    def upgrade(self, request: Request, receiver: ResponseReceiver, fields: Fields) -> Call:
        """Send ``request``, which asks for another protocol with ``fields``.

        If the server grants it, the receiver gets the 101 like any informational response, and the
        call is over: everything that follows belongs to the other protocol.
        """
        return self._add(Call(self, request, b"", receiver, fields))

    def _add(self, call: Call) -> Call:
        self._waiting.append(call)
        self._start_next()
        return call

    def resume(self, call: Call) -> None:
        """Implement :meth:`Call.resume`."""
        if call is self._call and self._paused:
            self._paused = False
            self._resumed = True
            self._notify()

    def cancel(self, call: Call) -> None:
        """Implement :meth:`Call.cancel`: HTTP/1.1 can stop a response only by closing."""
        if call in self._waiting:
            self._waiting.remove(call)
        elif call is self._call:
            self._end("the request was canceled")

    def close(self, now: float) -> None:
        """Close the connection; calls in progress fail."""
        self._end("the connection was closed")

    def lose(self, reason: str) -> None:
        """The transport has failed: receivers get the ``reason``."""
        self._end(reason)
        self._output.clear()

    def abandon(self) -> None:
        """The connection is over: release all resources."""
        self.lose("the connection is closed")

    # ------------------------------------------------------------------ the driver's side

    @property
    def backlog(self) -> bool:
        """Whether :meth:`take_turn` has something to do."""
        return self._resumed and self._call is not None

    @property
    def missing(self) -> int:
        """Octets worth waiting for: any number is fine."""
        return 0

    @property
    def room(self) -> int:
        """Number of requests that could be sent immediately: one or none."""
        return int(self._call is None and not (self.closing or self.switched or self._waiting))

    @property
    def wants_input(self) -> bool:
        """Whether to read from the socket."""
        return not self._paused and not self.closing and not self.switched

    @property
    def has_content(self) -> bool:
        """Whether :meth:`pump` would move something."""
        return self._sender.can_move

    def pending(self) -> list[bytes | memoryview]:
        """Pieces to send, in order."""
        return self._output.pieces

    def sent(self, count: int, now: float) -> None:
        """The kernel took ``count`` octets of :attr:`pending`."""
        self._output.advance(count)

    def pump(self, now: float, budget: int) -> None:
        """Move request content into the output until ``budget`` octets wait there."""
        sender = self._sender
        while sender.can_move and self._output.octets < budget:
            try:
                sender.move(READ_SIZE)
            except Broken as error:
                self._end(f"cannot read the request content: {error}")
                return
            if sender.blocked and sender.reader is not None:
                self.blocked.append((0, sender.reader))

    def unblock(self, stream_id: int, now: float) -> None:
        """A reader in ``blocked`` can continue."""
        self._sender.blocked = False

    def deadline(self) -> float | None:
        """No deadlines: the makers of requests decide how long to wait."""
        return None

    def check(self, now: float) -> None:
        """There are no deadlines."""

    def receive(self, data: bytes, now: float) -> None:
        """Process octets; never raises for any octets."""
        self._resumed = False
        if self.closing:
            return
        if self._octets or not self._pass_on(data):
            self._octets += data
            self._process()
        if self._eof and not self._paused:
            self._end_input()

    def _process(self) -> None:
        """Process received octets as far as possible."""
        try:
            while self._step():
                pass
        except BadMessage as error:
            self._break(str(error))
        except BadRequest as error:
            self._break(error.reason)

    def _pass_on(self, data: bytes) -> bool:
        """Deliver ``data`` without copying if all of it is content; returns false if it is not."""
        call, content = self._call, self._content
        if not data or call is None or self._incoming is None or self._paused or self.switched:
            return False
        if content is None:
            # The content ends with the connection.
            self._deliver(call, data)
            return True
        if not isinstance(content, KnownLength) or not content.skip(len(data)):
            return False
        self._deliver(call, data)
        if content.done and self._call is call:
            self._finish(())
        return True

    def take_turn(self, now: float) -> None:
        """Continue with received octets."""
        self.receive(b"", now)

    def receive_eof(self, now: float) -> None:
        """The server has closed its direction."""
        self._eof = True
        if not self._paused:
            self._end_input()

    def _end_input(self) -> None:
        """All octets have been processed, and no more will arrive."""
        incoming = self._incoming
        if self._call is not None and incoming is not None and incoming.end is End.CLOSE:
            self._finish(())
        else:
            self._end("the server closed the connection")

    def take_rest(self) -> bytes:
        """The octets after the response with which the server :attr:`switched`."""
        rest = bytes(self._octets)
        self._octets.clear()
        return rest

    def take_waiting(self) -> list[Call]:
        """Remove and return the requests that have not been sent."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    # ------------------------------------------------------------------ sending

    def _start_next(self) -> None:
        """Send the next request if none is in progress."""
        if self.closing or self.switched:
            self._fail_waiting()
            return
        if self._call is not None or not self._waiting:
            return
        call = self._waiting.popleft()
        try:
            framed = self._framed(call)
            self._sender.begin(framed, call.body)
        except BadResponse as error:
            if call.receiver is not None:
                call.receiver.fail(Failure(f"the request cannot be sent: {error}"))
            self._start_next()
            return
        if self._observer is not None:
            self._observer.sent_head(framed.octets)
        self._call = call
        self._incoming = self._content = None
        self._paused = False

    def _framed(self, call: Call) -> Framed:
        """The head of a request.  Raises BadResponse."""
        memory, request = self._memory, call.request
        if memory is None or call.upgrade or call.body != b"":
            return frame_request(request, call.body, call.upgrade)
        framed = memory.framed.get(request)
        if framed is None:
            framed = frame_request(request, b"")
            memory.remember(request, framed)
        return framed

    # ------------------------------------------------------------------ receiving

    def _step(self) -> bool:
        """Process the next part of the input; returns false if it is incomplete.

        Raises BadMessage or BadRequest.
        """
        if not self._octets or self._paused or self.switched or self.closing:
            return False
        call = self._call
        if call is None:
            raise BadMessage("unsolicited data from the server")
        if self._incoming is None:
            return self._take_head(call)
        if self._content is None:
            data = bytes(self._octets)
            self._octets.clear()
            self._deliver(call, data)
            return False
        before = len(self._octets)
        data = self._content.take(self._octets, self._limits.chunk_lines_per_turn)
        if data:
            self._deliver(call, data)
        if self._content.done and self._call is call:
            self._finish(self._content.trailers)
            return True
        return len(self._octets) < before

    def _deliver(self, call: Call, data: bytes) -> None:
        if call.receiver is not None and not call.receiver.receive(data):
            # The octets that end the message are still processed.
            self._paused = True

    def _take_head(self, call: Call) -> bool:
        octets = self._octets
        if not b"HTTP/1.".startswith(octets[:7]):
            raise BadMessage("not an HTTP/1.1 response")
        searched = self._searched
        end = octets.find(b"\r\n\r\n", max(0, searched - 3), self._limits.header_section)
        if end < 0:
            if len(octets) >= self._limits.header_section:
                raise BadMessage("header section too large")
            if find_bare_line_end(octets, max(0, searched - 1)):
                raise BadMessage("control octet, bare CR or bare LF in the header section")
            self._searched = len(octets)
            return False
        self._searched = 0
        section = bytes(octets[: end + 4])
        del octets[: end + 4]
        if self._observer is not None:
            self._observer.received_head(section)
        parse = parse_response if self._memory is None else self._memory.parse
        incoming = parse(section, call.request.method, self._limits)
        receiver = call.receiver
        assert receiver is not None  # a canceled call has ended the connection
        if incoming.head.status < 200:
            if incoming.head.status == 101:
                self._switch(call, incoming)
            receiver.inform(incoming.head)
            return True
        self._incoming = incoming
        if incoming.end is End.CHUNKED:
            self._content = Chunked(self._limits)
        elif incoming.end is End.LENGTH:
            assert incoming.head.content_length is not None
            self._content = KnownLength(incoming.head.content_length)
        if not incoming.persistent:
            self._reusable = False
        receiver.respond(incoming.head)
        if incoming.end is End.HEAD and self._call is call:
            self._finish(())
        return True

    def _switch(self, call: Call, incoming: Incoming) -> None:
        # RFC 9110 section 7.8: "A server MUST NOT switch to a protocol that was not indicated by
        # the client in the corresponding request's Upgrade header field."
        asked = [value.lower() for name, value in call.upgrade if name == b"upgrade"]
        if not asked or not incoming.upgrade or not set(incoming.upgrade) <= set(asked):
            raise BadMessage("101 for a protocol that was not requested")
        self.switched = True
        self._call = None

    # ------------------------------------------------------------------ the end

    def _finish(self, trailers: Fields) -> None:
        """The response is complete."""
        call, self._call = self._call, None
        self._content = None
        self._paused = False
        whole = self._sender.complete
        if not whole:
            # RFC 9112 section 9.3: the rest of the request would be mistaken for the next one.
            self._sender.close()
        if call is not None and call.receiver is not None:
            call.receiver.end(trailers)
        if self._reusable and whole and not self._eof:
            self._start_next()
        elif not self.closing:
            self._end("the server accepts no more requests on this connection")

    def _break(self, reason: str) -> None:
        """End the connection because the server broke the protocol."""
        self.problem = reason
        self._end(f"protocol error: {reason}")

    def _end(self, reason: str) -> None:
        """End the connection: calls that have not begun may be retried elsewhere."""
        if self.closing:
            return
        self.closing = True
        self._octets.clear()
        self._sender.close()
        call, self._call = self._call, None
        if call is not None and call.receiver is not None:
            call.receiver.fail(Failure(reason))
        self._fail_waiting(reason)

    def _fail_waiting(self, reason: str = "the connection is closed") -> None:
        while self._waiting:
            receiver = self._waiting.popleft().receiver
            if receiver is not None:
                receiver.fail(Failure(reason, None, True))
