"""A client's streams: the requests it sends and the responses it gets (RFC 9113 section 8).

Contract: a :class:`Call` is a request and its receiver; it is sent as soon as the server's
SETTINGS_MAX_CONCURRENT_STREAMS allows.  Header blocks become responses, informational or final, and
trailers; promises become streams of their own.  Requests that the server did not process may be
retried, and their failures say so (sections 6.8 and 8.7).

An extended CONNECT request waits until the server has announced support (RFC 8441 section 3).
After a 2xx response, the request's body and the receiver are the ends of a tunnel.
"""

from __future__ import annotations

from collections import deque

from h2static.http.bodies import Body
from h2static.http.errors import Malformed
from h2static.http.fields import Fields
from h2static.http.messages import WITHOUT_CONTENT, Client, Request
from h2static.http.outgoing import Failure, ResponseReceiver
from h2static.http.semantics import (
    ResponseHead,
    validate_request,
    validate_trailers,
)
from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.budgets import Budgets
from h2static.http2.content import Content
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.field_sections import ResponseHeads, request_section
from h2static.http2.frames import GoAway, Headers, PushPromise
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.registry import ErrorCode, error_name
from h2static.http2.sender import Sender
from h2static.http2.service import Endpoint
from h2static.http2.settings import PeerSettings
from h2static.http2.stream import Input, State, Stream
from h2static.http2.streams import Streams
from h2static.http2.without_exchanges import WithoutExchanges
from hpacktools.codec import DecodedBlock

#: "Promised requests MUST be safe … and cacheable" (8.4).
_PROMISED_METHODS = frozenset((b"GET", b"HEAD"))


class Call:
    """A request that we send or that the server promised, with the receiver of its response."""

    __slots__ = ("_responses", "body", "receiver", "request", "stream")

    def __init__(
        self,
        responses: Responses,
        request: Request,
        body: bytes | Body,
        receiver: ResponseReceiver | None = None,
    ) -> None:
        self._responses = responses
        self.request = request
        self.body = body
        #: The receiver of the response; not used once the request has its stream.
        self.receiver = receiver
        #: ``None`` while the request is queued.
        self.stream: Stream | None = None

    def resume(self) -> None:
        """Continue delivering content to the receiver, which had paused it."""
        self._responses.resume_call(self)

    def cancel(self, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """Cancel the request; the receiver gets no further calls."""
        self._responses.cancel(self, code)


class _Receiving:
    """The receiver of one stream, as a :class:`~h2static.http.bodies.Sink`."""

    __slots__ = ("_responses", "_stream_id", "failure", "head", "receiver")

    def __init__(self, responses: Responses, stream_id: int, receiver: ResponseReceiver) -> None:
        self._responses = responses
        self._stream_id = stream_id
        self.receiver: ResponseReceiver | None = receiver
        #: The final response, once it has arrived.
        self.head: ResponseHead | None = None
        #: What ended the stream; ``None``: the end of the connection.
        self.failure: Failure | None = None

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.bodies.Sink.receive`."""
        self._check()
        return self.receiver is None or self.receiver.receive(data)

    def end(self, trailers: Fields) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.end`."""
        try:
            self._check()
        except StreamViolation as violation:
            # The stream no longer has a sink that could be notified.
            self.failure = Failure(violation.reason, violation.code)
            self.abandon()
            raise
        if self.receiver is not None:
            self.receiver.end(trailers)

    def abandon(self) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.abandon`."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.fail(self.failure or self._responses.ending)

    def _check(self) -> None:
        if self.head is None:
            # "An HTTP message … consists of: one HEADERS frame … containing the header section",
            # then DATA (8.1).
            raise StreamViolation(
                self._stream_id, ErrorCode.PROTOCOL_ERROR, "content before the response"
            )


class Responses(WithoutExchanges):
    """The requests of one client connection and their responses."""

    __slots__ = (
        "_blocks", "_budgets", "_endpoint", "_heads", "_peer", "_sender", "_streams",
        "_told_ending", "_turn", "_undecided", "_waiting", "client", "content", "ending",
    )  # fmt: skip

    def __init__(
        self,
        endpoint: Endpoint,
        turn: Turn,
        *,
        peer: PeerSettings,
        streams: Streams,
        sender: Sender,
        budgets: Budgets,
        blocks: HeaderBlocks,
    ) -> None:
        self._endpoint = endpoint
        self._turn = turn
        self._peer = peer
        self._streams = streams
        self._sender = sender
        self._budgets = budgets
        self._blocks = blocks
        #: Why responses that end with the connection are incomplete; see :meth:`will_end`.
        self.ending = Failure("the connection was lost")
        self._told_ending = False
        self._heads = ResponseHeads()
        #: Requests that wait for a free stream.
        self._waiting: deque[Call] = deque()
        #: Extended CONNECT requests; the server's SETTINGS will show whether they may be sent.
        self._undecided: deque[Call] = deque()
        #: A placeholder: a client's streams are not exchanges.
        self.client = Client(version="HTTP/2.0")
        #: What receives the content of responses.
        self.content = Content(
            endpoint, streams, sender, budgets, ended=self._content_ended, excess=self._excess
        )

    # ------------------------------------------------------------------ requests

    def call(self, request: Request, body: bytes | Body, receiver: ResponseReceiver) -> Call:
        """Queue ``request``; :meth:`open_waiting` sends it."""
        call = Call(self, request, body, receiver)
        if request.protocol and not self._peer.connect_protocol:
            self._undecided.append(call)
            self._decide()
        else:
            self._waiting.append(call)
        return call

    def _decide(self) -> None:
        """If the server's SETTINGS have arrived, queue or fail the requests that wait for them.

        RFC 8441 section 3: a client uses extended CONNECT only "upon receipt of
        SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1".
        """
        if not self._peer.received:
            return
        undecided, self._undecided = self._undecided, deque()
        if self._peer.connect_protocol:
            self._waiting += undecided
            return
        failure = Failure("the server does not offer extended CONNECT", None, True)
        for call in undecided:
            assert call.receiver is not None
            call.receiver.fail(failure)

    @property
    def _most(self) -> int:
        """Maximum number of concurrent streams that we open."""
        limit = self._peer.max_concurrent_streams
        return self._endpoint.settings.assumed_streams if limit is None else limit

    @property
    def room(self) -> int:
        """Number of requests that would be sent immediately."""
        if self._peer.leaving or not self._streams.has_own_ids:
            return 0
        waiting = len(self._waiting) + len(self._undecided)
        return max(0, self._most - self._streams.own - waiting)

    def open_waiting(self) -> None:
        """Send the queued requests for which streams are free."""
        if self._peer.leaving or not self._streams.has_own_ids:
            self.fail_waiting(Failure("the server accepts no more requests", None, True))
            return
        limit = self._most
        while self._waiting and self._streams.own < limit and self._streams.has_own_ids:
            self._open(self._waiting.popleft())

    def upgraded(self, request: Request, receiver: ResponseReceiver) -> Call:
        """Register ``request``, sent as HTTP/1.1, which the server answers on stream 1.

        "The HTTP/1.1 request that is sent prior to upgrade is assigned a stream identifier of 1 …
        Stream 1 is implicitly "half-closed" from the client toward the server" (RFC 7540 section
        3.2).
        """
        call = Call(self, request, b"", receiver)
        stream = self._new_stream(self._streams.next_own(), request, receiver)
        call.stream = stream
        self._streams.add_own(stream)
        stream.advance(Input.SEND_HEADERS)
        stream.advance(Input.SEND_END_STREAM)
        return call

    def will_end(self, failure: Failure) -> None:
        """Record why the connection ends or is about to; only the first ``failure`` counts."""
        if not self._told_ending:
            self._told_ending = True
            self.ending = failure

    def fail_waiting(self, failure: Failure) -> None:
        """Fail all queued requests: they will not be sent on this connection."""
        for waiting in (self._waiting, self._undecided):
            while waiting:
                receiver = waiting.popleft().receiver
                assert receiver is not None
                receiver.fail(failure)

    def _open(self, call: Call) -> None:
        request = call.request
        assert call.receiver is not None
        stream = self._new_stream(self._streams.next_own(), request, call.receiver)
        call.stream = stream
        self._streams.add_own(stream)
        try:
            self._sender.request(stream, request_section(request), call.body)
        except OSError as error:
            self._fail(stream, Failure(f"cannot read the request content: {error}"))
            self._streams.close(stream)

    def _new_stream(self, stream_id: int, request: Request, receiver: ResponseReceiver) -> Stream:
        settings = self._endpoint.settings
        left = settings.initial_window_size
        if left is None or not self._peer.acknowledged:
            # As for a server: the peer may not know of a smaller window yet (6.9.3).
            left = max(r.INITIAL_WINDOW_SIZE, left or 0)
        stream = Stream(
            stream_id,
            request,
            self,
            send_window=self._sender.initial_window,
            window=settings.stream_window(left),
            now=self._turn.now,
        )
        stream.sink = _Receiving(self, stream_id, receiver)
        return stream

    def resume_call(self, call: Call) -> None:
        """Implement :meth:`Call.resume`."""
        stream = call.stream
        if stream is not None and not stream.gone and stream.paused:
            self.content.resume(stream)

    def cancel(self, call: Call, code: ErrorCode) -> None:
        """Implement :meth:`Call.cancel`."""
        stream = call.stream
        if stream is None:
            for waiting in (self._waiting, self._undecided):
                if call in waiting:
                    waiting.remove(call)
        elif not stream.gone:
            if isinstance(stream.sink, _Receiving):
                stream.sink.receiver = None
            self._streams.reset(stream.id, code)

    # ------------------------------------------------------------------ what comes back

    def headers(self, frame: Headers, block: bytes) -> None:
        """Process a complete header block: a response or trailers.  Raises a violation."""
        decoded = self._blocks.decode(frame, block)
        stream = self._streams.open.get(frame.stream_id)
        if stream is None:
            if self._streams.state_of_absent(frame.stream_id) is State.IDLE:
                raise ConnectionViolation(
                    ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that was never opened"
                )
            self._streams.absent(frame.stream_id, Input.RECEIVE_HEADERS)
            return
        stream.advance(Input.RECEIVE_HEADERS)
        end_stream = bool(frame.flags & r.END_STREAM)
        if decoded.truncated:
            self._budgets.glitch(self._endpoint.limits.oversized_section_glitches)
            raise StreamViolation(stream.id, ErrorCode.ENHANCE_YOUR_CALM, "field section too large")
        try:
            self._section(stream, decoded, end_stream=end_stream)
        except Malformed as malformed:
            # "Clients MUST NOT accept a malformed response" (8.1.1).
            raise StreamViolation(
                stream.id, ErrorCode.PROTOCOL_ERROR, str(malformed)
            ) from malformed

    def _section(self, stream: Stream, decoded: DecodedBlock, *, end_stream: bool) -> None:
        """Process a field section of an open stream.  Raises Malformed or a violation."""
        receiving = stream.sink
        if not isinstance(receiving, _Receiving):
            # The response is already complete.
            raise Malformed("field section after the end of the response")
        receiver = receiving.receiver
        if receiving.head is not None:
            # "Frame types other than DATA or stream management frames … MUST NOT be sent on a
            # connected stream and MUST be treated as a stream error" (8.5).
            if stream.tunneled:
                raise Malformed("HEADERS in a tunnel")
            if not end_stream:
                raise Malformed("trailers without END_STREAM")
            validate_trailers(decoded.fields)
            stream.trailers = decoded.fields
        else:
            head = self._heads.find(decoded.fields)
            if head.status < 200:
                # "HTTP/2 does not support the 101 (Switching Protocols) informational status code"
                # (8.6); "A HEADERS frame with the END_STREAM flag set that carries an informational
                # status code is malformed" (8.1).
                if end_stream or head.status == 101:
                    raise Malformed("informational response with END_STREAM, or 101")
                if receiver is not None:
                    receiver.inform(head)
                return
            receiving.head = head
            # RFC 9110 section 9.3.6: "Any 2xx (Successful) response indicates that the sender …
            # will switch to tunnel mode immediately after the response header section"; "A client
            # MUST ignore any Content-Length … received in a successful response to CONNECT".
            stream.tunneled = stream.request.method == b"CONNECT" and head.status < 300
            without = stream.request.method == b"HEAD" or head.status in WITHOUT_CONTENT
            if not stream.tunneled:
                stream.content_length = 0 if without else head.content_length
            if receiver is not None:
                receiver.respond(head)
        if end_stream and not stream.gone:
            stream.advance(Input.RECEIVE_END_STREAM)
            self.content.end(stream)

    def promise(self, frame: PushPromise, block: bytes) -> None:
        """Process PUSH_PROMISE (section 6.6).  Raises a violation."""
        decoded = self._blocks.decode(frame, block)
        promised_id = frame.promised_stream_id
        # "PUSH_PROMISE MUST NOT be sent if the SETTINGS_ENABLE_PUSH setting of the peer endpoint is
        # set to 0. An endpoint that has set this setting and has received acknowledgment MUST treat
        # the receipt of a PUSH_PROMISE frame as a connection error of type PROTOCOL_ERROR" (6.6).
        if not self._endpoint.settings.enable_push and self._peer.acknowledged:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE although SETTINGS_ENABLE_PUSH is 0"
            )
        parent = self._streams.open.get(frame.stream_id)
        if parent is None:
            # "A receiver MUST treat the receipt of a PUSH_PROMISE on a stream that is neither
            # "open" nor "half-closed (local)" as a connection error of type PROTOCOL_ERROR"; but
            # a stream that we have reset may still get some (6.6).
            self._streams.absent_promise(frame.stream_id)
        self._streams.admit_promise(promised_id)
        sink = None if parent is None else parent.sink
        if parent is None or not isinstance(sink, _Receiving) or sink.receiver is None:
            self._streams.reset(promised_id, ErrorCode.CANCEL)
            return
        request = self._promised(promised_id, parent.request, decoded)
        if len(self._streams.open) - self._streams.own >= (
            self._endpoint.settings.max_concurrent_streams
        ):
            raise StreamViolation(promised_id, ErrorCode.REFUSED_STREAM, "too many pushed streams")
        call = Call(self, request, b"")
        receiver = sink.receiver.promise(request, promised_id, call)
        if receiver is None:
            self._streams.reset(promised_id, ErrorCode.CANCEL)
            return
        stream = call.stream = self._new_stream(promised_id, request, receiver)
        stream.advance(Input.RECEIVE_PUSH_PROMISE)
        self._streams.add(stream)

    def _promised(self, promised_id: int, parent: Request, decoded: DecodedBlock) -> Request:
        """The promised request.  Raises :class:`StreamViolation`."""
        reason = "field section too large"
        try:
            if not decoded.truncated:
                request = validate_request(decoded.fields, end_stream=True).request
                # "The server MUST include a value in the ":authority" pseudo-header field for which
                # the server is authoritative … A client MUST treat a PUSH_PROMISE for which the
                # server is not authoritative as a stream error of type PROTOCOL_ERROR"; likewise
                # for methods that are not safe or cacheable (8.4).
                if (
                    request.method in _PROMISED_METHODS
                    and request.authority == parent.authority
                    and request.scheme == parent.scheme
                ):
                    return request
                reason = "PUSH_PROMISE for a request that this server may not promise"
        except Malformed as malformed:
            reason = str(malformed)
        raise StreamViolation(promised_id, ErrorCode.PROTOCOL_ERROR, reason)

    def reset(self, stream: Stream, code: int) -> None:
        """Process RST_STREAM."""
        self._fail(
            stream,
            Failure(
                f"the server reset the stream: {error_name(code)}",
                code,
                # "The REFUSED_STREAM error code … indicates that the stream is being closed prior
                # to any processing having occurred" (8.7).
                code == ErrorCode.REFUSED_STREAM,
            ),
        )

    def goaway(self, frame: GoAway) -> None:
        """Process GOAWAY: the server did not process requests above its last stream (6.8)."""
        debug = frame.debug.decode("ascii", "backslashreplace")
        reason = f"the server sent GOAWAY: {error_name(frame.code)} {debug}".rstrip()
        failure = Failure(reason, frame.code, True)
        for stream in list(self._streams.open.values()):
            if self._streams.is_own(stream.id) and stream.id > frame.last_stream_id:
                self._fail(stream, failure)
                self._streams.close(stream)
        self.fail_waiting(failure)
        if frame.code != ErrorCode.NO_ERROR:
            self.will_end(Failure(reason, frame.code))

    def settings_changed(self) -> None:
        """Send the requests that the server's SETTINGS now allow."""
        self._decide()
        self.open_waiting()

    def failed(self, stream: Stream, violation: StreamViolation) -> None:
        """Record why the stream is about to be reset."""
        self._fail(stream, Failure(violation.reason, violation.code))

    def _fail(self, stream: Stream, failure: Failure) -> None:
        # The receiver is notified when the stream is released.
        if isinstance(stream.sink, _Receiving):
            stream.sink.failure = failure

    def sent(self, stream: Stream) -> None:
        """The request is complete; its response is not: nothing to do."""

    def over(self, stream: Stream) -> None:
        """Return the credit withheld for the content of a stream that is over."""
        self.content.closed(stream)

    def input_ended(self, stream: Stream) -> None:
        """End a stream whose response the server did not complete."""
        self.will_end(Failure("the server closed the connection"))
        self._streams.close(stream)

    def pending(self, stream: Stream) -> bool:
        """False: nothing more arrives once the server has ended its side."""
        return False

    def _content_ended(self, stream: Stream) -> None:
        if stream.state is State.CLOSED:
            self._streams.close(stream)

    def _excess(self, stream: Stream) -> None:
        """Reset a stream whose content has no receiver because the call was canceled."""
        self._streams.reset(stream.id, ErrorCode.CANCEL)
