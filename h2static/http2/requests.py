"""A server's streams: incoming requests and the applications' responses (RFC 9113 section 8).

Contract: :meth:`Requests.headers` takes complete header blocks: requests and trailers.  Each
request is recalled or handled, exactly once, when its field section is complete.  :class:`Requests`
is the :class:`~h2static.http2.stream.StreamOwner` of a server's streams: it carries out the
applications' calls to exchanges, immediately within a turn, otherwise in the next one.

A response that arrives before the request's content is complete is held until then, unless it is
early, a sink takes the content, or the client waits for permission to send it.
"""

from __future__ import annotations

from collections import deque

from h2static.http.bodies import Body, Sink
from h2static.http.errors import Malformed
from h2static.http.exchange import Job, Outcome
from h2static.http.fields import Fields
from h2static.http.hints import Promise
from h2static.http.messages import Client, Request, Response
from h2static.http.refusals import refusal_text
from h2static.http.semantics import RequestHead, validate_request, validate_trailers
from h2static.http.serving import fitting
from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.budgets import Budgets
from h2static.http2.content import Content
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import GoAway, Headers, PushPromise
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.observer import Observer
from h2static.http2.push import Push
from h2static.http2.registry import ErrorCode
from h2static.http2.replay import Replay
from h2static.http2.reports import Reports
from h2static.http2.sender import Sender
from h2static.http2.service import Service, unread
from h2static.http2.settings import PeerSettings
from h2static.http2.stream import Input, State, Stream, step
from h2static.http2.streams import Streams
from hpacktools.codec import DecodedBlock

#: The state of an idle stream after HEADERS, without and with END_STREAM.
_OPENED = step(State.IDLE, Input.RECEIVE_HEADERS, 0)
_WHOLE = step(_OPENED, Input.RECEIVE_END_STREAM, 0)


class Requests:
    """The requests of one server connection."""

    __slots__ = (
        "_blocks", "_budgets", "_content", "_observer", "_peer", "_push", "_replay", "_reports",
        "_sender", "_service", "_streams", "_turn", "client", "jobs",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        client: Client,
        turn: Turn,
        *,
        peer: PeerSettings,
        streams: Streams,
        sender: Sender,
        budgets: Budgets,
        blocks: HeaderBlocks,
        push: Push,
        replay: Replay,
        reports: Reports,
        observer: Observer | None,
    ) -> None:
        self._service = service
        #: The client of the connection.
        self.client = client
        self._turn = turn
        self._peer = peer
        self._streams = streams
        self._sender = sender
        self._budgets = budgets
        self._blocks = blocks
        self._push = push
        # An observer must see every frame; and without caches everything takes the plain path.
        self._replay = replay if observer is None and service.sections.enabled else None
        self._reports = reports
        self._observer = observer
        self._content: Content | None = None
        #: Jobs for threads, by stream.
        self.jobs: deque[tuple[int, Job]] = deque()

    @property
    def content(self) -> Content:
        """Receives the content of requests; made when the first one has some."""
        if self._content is None:
            parts = self._service, self._streams, self._sender, self._budgets
            ended, excess = self._content_ended, self._excess
            self._content = Content(*parts, ended=ended, excess=excess)
        return self._content

    # ------------------------------------------------------------------ what arrives

    def headers(self, frame: Headers, block: bytes) -> None:
        """Process a complete header block: a request or trailers.  Raises a violation."""
        stream_id = frame.stream_id
        end_stream = bool(frame.flags & r.END_STREAM)
        stream = self._streams.open.get(stream_id)
        before = self._blocks.state
        known = None
        if stream is None and end_stream and self._replay is not None:
            known = self._replay.find(before, block)
        if known is not None:
            self._blocks.move_to(known.state or before)
            if self._admits(stream_id):
                self._open(stream_id, known.head, end_stream=True)
            return
        decoded = self._blocks.decode(frame, block)
        if stream is not None:
            self._trailers(stream, decoded, end_stream=end_stream)
            return
        if not self._admits(stream_id):
            return
        if decoded.truncated:
            # RFC 6585 section 5: 431.  The dynamic table is in sync, so the connection continues.
            self._budgets.glitch(self._service.limits.oversized_section_glitches)
            self._reports.limit(stream_id, "header section too large (431)")
            self._answer_refused(stream_id, 431, unread(decoded), end_stream=end_stream)
            return
        try:
            head = validate_request(
                decoded.fields,
                end_stream=end_stream,
                connect_protocol=self._service.settings.enable_connect_protocol,
                checked=None if decoded.never_indexed else self._service.sections.checked,
            )
        except Malformed as malformed:
            self._streams.processed(stream_id)
            # "Malformed requests or responses that are detected MUST be treated as a stream error
            # of type PROTOCOL_ERROR" (8.1.1).
            raise StreamViolation(
                stream_id, ErrorCode.PROTOCOL_ERROR, str(malformed)
            ) from malformed
        refusal = self._service.misdirected(head.request)
        if refusal is not None:
            status, reason = refusal
            text = refusal_text(self.client, head.request, status, reason)
            self._reports.refusal(stream_id, text)
            self._answer_refused(stream_id, status, head.request, end_stream=end_stream)
            return
        if end_stream:
            self._blocks.move_to(
                self._service.sections.remember(before, block, decoded, head, self._blocks.state)
            )
        self._open(stream_id, head, end_stream=end_stream)

    def _admits(self, stream_id: int) -> bool:
        """Call :meth:`~h2static.http2.streams.Streams.admit`, and report an ignored request."""
        is_new = stream_id >= self._streams.next_peer_id
        if self._streams.admit(stream_id):
            return True
        if is_new:
            self._reports.refusal(stream_id, "opened after the final GOAWAY: not processed")
        return False

    def promise(self, frame: PushPromise, block: bytes) -> None:
        """Refuse PUSH_PROMISE, which a client must not send."""
        # "A client cannot push.  Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as a
        # connection error of type PROTOCOL_ERROR" (8.4).
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def reset(self, stream: Stream, code: int) -> None:
        """Process RST_STREAM: the client no longer wants the response."""

    def goaway(self, frame: GoAway) -> None:
        """Process GOAWAY: the client opens no more streams, and finishes those that are open."""

    def settings_changed(self) -> None:
        """Process the client's SETTINGS; a server has nothing waiting for them."""

    def _trailers(self, stream: Stream, decoded: DecodedBlock, *, end_stream: bool) -> None:
        stream.advance(Input.RECEIVE_HEADERS)
        # "Frame types other than DATA or stream management frames … MUST NOT be sent on a connected
        # stream and MUST be treated as a stream error (Section 5.4.2) if received" (8.5).
        if stream.request.method == b"CONNECT":
            raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, "HEADERS in a tunnel")
        # "a HEADERS frame … without the END_STREAM flag set after receiving the HEADERS frame that
        # opens a request … MUST [be treated] as malformed" (8.1).
        if not end_stream:
            raise StreamViolation(
                stream.id, ErrorCode.PROTOCOL_ERROR, "trailers without END_STREAM"
            )
        if decoded.truncated:
            self._budgets.glitch(self._service.limits.oversized_section_glitches)
            raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, "trailers too large")
        try:
            validate_trailers(decoded.fields)
        except Malformed as malformed:
            raise StreamViolation(
                stream.id, ErrorCode.PROTOCOL_ERROR, str(malformed)
            ) from malformed
        stream.trailers = decoded.fields
        stream.advance(Input.RECEIVE_END_STREAM)
        self.content.end(stream)

    # ------------------------------------------------------------------ streams that begin

    def _new_stream(self, stream_id: int, head: RequestHead, *, end_stream: bool) -> Stream:
        settings = self._service.settings
        left = settings.initial_window_size
        if left is None or not self._peer.acknowledged:
            # "the receiver MUST be prepared to receive data that exceeds this window size, since
            # the sender might send data that exceeds the lower limit prior to processing the
            # SETTINGS frame" (6.9.3).
            left = max(r.INITIAL_WINDOW_SIZE, left or 0)
        stream = Stream(
            stream_id,
            head.request,
            self,
            send_window=self._sender.initial_window,
            window=settings.stream_window(left),
            now=self._turn.now,
            urgency=head.urgency,
            incremental=head.incremental,
        )
        stream.content_length = head.content_length
        stream.expects_continue = head.expects_continue
        stream.state = _WHOLE if end_stream else _OPENED
        stream.whole = end_stream
        if settings.initial_window_size == 0 and not end_stream:
            # The client may send nothing before a request is accepted; this one is.
            self.content.open_window(stream)
        self._streams.add(stream)
        self._push.asked(head.request)
        return stream

    def handle(self, stream_id: int, head: RequestHead) -> None:
        """Have the application handle a complete, admitted request."""
        self._service.application.handle(self._new_stream(stream_id, head, end_stream=True))

    def _answer_refused(
        self, stream_id: int, status: int, request: Request, *, end_stream: bool
    ) -> None:
        """Answer a request that does not reach the application."""
        stream = self._new_stream(stream_id, RequestHead(request=request), end_stream=end_stream)
        self._respond(stream, self._service.application.refuse(status, request), at_once=True)

    def _open(self, stream_id: int, head: RequestHead, *, end_stream: bool) -> None:
        """Begin a request: recall its response, or have the application handle it."""
        service = self._service
        request = head.request
        response = service.recalled.get(request)
        if response is None:
            response = service.application.recall(request)
        if response is None:
            service.application.handle(self._new_stream(stream_id, head, end_stream=end_stream))
            return
        replay = self._replay
        if end_stream and replay is not None and replay.answer(stream_id, request, response):
            return
        stream = self._new_stream(stream_id, head, end_stream=end_stream)
        service.recalled[request] = response = fitting(request, response)
        self._respond(stream, response)

    # ------------------------------------------------------------------ what applications ask

    def respond(self, stream: Stream, response: Response) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.respond`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.respond(stream, response))
        elif not (stream.gone or stream.response or stream.held_response):
            self._drop_job(stream)
            self._respond(stream, response)

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.inform`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.inform(stream, status, fields))
        elif not stream.gone and stream.response is None and stream.id % 2:
            self._sender.informational(stream, status, fields)

    def accept(self, stream: Stream, sink: Sink) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.accept`."""
        if stream.gone:
            sink.abandon()
        elif not self._turn.active:
            self._turn.defer(lambda: self.accept(stream, sink))
        elif stream.response or stream.held_response or stream.sink is not None:
            sink.abandon()
        else:
            # "A server that receives a 100-continue expectation … MUST send either a 100 … or a
            # final status code"; it "MAY omit sending a 100 … response if it has already received
            # some or all of the content" (RFC 9110 section 10.1.1).
            if stream.expects_continue and not stream.received and not stream.whole:
                self._sender.informational(stream, 100)
            self.content.accept(stream, sink)

    def resume(self, stream: Stream) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.resume`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.resume(stream))
        elif not stream.gone and stream.paused:
            self.content.resume(stream)

    def work(self, stream: Stream, job: Job) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.work`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.work(stream, job))
        elif not (stream.gone or stream.working or stream.response or stream.held_response):
            stream.working = True
            self.jobs.append((stream.id, job))

    def abort(self, stream: Stream, reason: str) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.abort`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.abort(stream, reason))
        elif not stream.gone and not stream.complete:
            if reason:
                self._reports.error(stream.id, ErrorCode.INTERNAL_ERROR, reason)
            self._drop_job(stream)
            if stream.response is None:
                stream.held_response = None
                refusal = self._service.application.refuse(500, stream.request)
                self._respond(stream, refusal, at_once=True)
            else:
                self._streams.reset(stream.id, ErrorCode.INTERNAL_ERROR)

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.tunnel`."""
        if stream.gone:
            sink.abandon()
        elif not self._turn.active:
            self._turn.defer(lambda: self.tunnel(stream, sink, body, fields))
        elif not stream.request.protocol or stream.response or stream.held_response or stream.sink:
            sink.abandon()
        else:
            self._drop_job(stream)
            # RFC 8441 section 5: a 2xx status code, where HTTP/1.1 has 101.
            grant = Response(status=200, fields=fields, body=body, early=True)
            self._send(stream, grant)
            if stream.response is grant:
                stream.tunneled = True
                self.content.widen(stream)
                self.content.accept(stream, sink)
            else:
                sink.abandon()
                self.content.discard(stream)

    def may_push(self, stream: Stream) -> bool:
        """See :attr:`h2static.http.exchange.Exchange.may_push`."""
        return not stream.gone and not stream.complete and self._push.possible(stream)

    def push(self, stream: Stream, request: Request) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.push`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.push(stream, request))
        elif self.may_push(stream):
            promise = Promise(request=request, urgency=stream.urgency)
            self._answer_promise(self._push.promise(stream, promise))

    def finish_job(self, stream_id: int, outcome: Outcome | None) -> None:
        """Deliver a job's outcome (``None`` if it failed); the stream may be gone."""
        stream = self._streams.open.get(stream_id)
        if stream is None or not stream.working:
            return
        stream.working = False
        if outcome is None:
            outcome = self._service.application.refuse(500, stream.request)
        if isinstance(outcome, Response):
            self._respond(stream, outcome)
        else:
            outcome.handle(stream)

    def failed(self, stream: Stream, violation: StreamViolation) -> None:
        """The stream is about to be reset; its application is notified that it is lost."""

    def over(self, stream: Stream) -> None:
        """The stream is over: drop its job."""
        if stream.working:
            self._drop_job(stream)
        if stream.withheld_connection or stream.withheld:
            self.content.closed(stream)
        journal = self._service.shared.journal
        if journal is not None and (entry := stream.finished(self._turn.now)) is not None:
            journal.append(entry)

    def input_ended(self, stream: Stream) -> None:
        """The client sends nothing more, but the request is incomplete: abandon its content."""
        sink, stream.sink = stream.sink, None
        if sink is not None:
            sink.abandon()

    def _drop_job(self, stream: Stream) -> None:
        """Drop the stream's job: its result is no longer needed."""
        if stream.working:
            stream.working = False
            left = [one for one in self.jobs if one[0] != stream.id]
            self.jobs.clear()
            self.jobs.extend(left)

    def pending(self, stream: Stream) -> bool:
        """Whether a response may still be sent although the client sends nothing more."""
        if stream.response is None:
            # A job in a thread, or an application with a complete request; one that wants to know
            # when the client is gone could not learn it in another way.
            spent = self._turn.now - stream.opened_at
            patient = not stream.watched or spent < self._service.limits.departed_seconds
            return stream.working or (stream.whole and patient)
        # Nor could an event stream, which has no end.
        return stream.waiting and stream.remaining is not None

    def sent(self, stream: Stream) -> None:
        """The response has ended before the request's content has."""
        if stream.sink is not None:
            # The response is complete; content that still arrives is discarded.
            self.content.discard(stream)

    # ------------------------------------------------------------------ responses

    def _respond(self, stream: Stream, response: Response, *, at_once: bool = False) -> None:
        """Send the final response, now or when the request's content is complete."""
        if response.refusal is not None:
            text = refusal_text(self.client, stream.request, response.status, response.refusal)
            self._reports.refusal(stream.id, text)
        response = fitting(stream.request, response)
        if stream.request.method == b"CONNECT":
            # Such a request has no content: the client's octets follow the response.
            at_once = True
            if response.status < 300:
                # RFC 9110 section 9.3.6, RFC 8441 section 5: it would mean that the tunnel exists.
                self._reports.error(
                    stream.id, ErrorCode.INTERNAL_ERROR, f"{response.status} without a tunnel"
                )
                response = self._service.application.refuse(501, stream.request)
        if (
            at_once
            or stream.whole
            or response.early
            or stream.sink is not None
            or (stream.expects_continue and not stream.received)
        ):
            self._send(stream, response)
        else:
            stream.held_response = response
        if not stream.whole and stream.sink is None and not stream.gone:
            self.content.discard(stream)

    def _send(self, stream: Stream, response: Response) -> None:
        """Send ``response`` with the delivery of its hints.

        The order makes them useful: promises, informational response, the response's field section,
        those of the promised responses, then content by priority.
        """
        stream.held_response = None
        delivery = self._push.delivery(stream, response)
        pushed = [self._push.promise(stream, promise) for promise in delivery.promises]
        if delivery.early:
            self._sender.informational(stream, 103, delivery.early)
        # A pushed response takes its turn among the others.
        at_once = not pushed and stream.id % 2 == 1
        try:
            self._sender.respond(stream, response, extra=delivery.fields, at_once=at_once)
        except OSError as error:
            # The body cannot be opened; nothing of the response has been sent.
            self._reports.error(stream.id, ErrorCode.INTERNAL_ERROR, f"cannot read body: {error}")
            refusal = fitting(stream.request, self._service.application.refuse(500, stream.request))
            self._sender.respond(stream, refusal, at_once=at_once)
        for one in pushed:
            self._answer_promise(one)

    def _answer_promise(self, stream: Stream) -> None:
        """Answer a request made on the client's behalf."""
        response = self._service.recall_promised(stream.request)
        if response is None:
            self._service.application.handle(stream)
        elif not self._sender.respond_later(stream, response):
            self._respond(stream, response)

    def _content_ended(self, stream: Stream) -> None:
        """The request's content is complete; the stream's state has already advanced."""
        if stream.state is State.CLOSED:
            output = self._sender.output
            if len(output):
                # The end of its response may be among the unsent octets.
                output.ends.append(output.octets)
            self._streams.close(stream)
        elif stream.held_response is not None:
            self._send(stream, stream.held_response)

    def _excess(self, stream: Stream) -> None:
        """Too much unwanted content: send the response and decline the rest."""
        if stream.held_response is not None:
            # The request never became complete, so its response does not apply.
            refusal = self._service.application.refuse(413, stream.request)
            self._reports.limit(stream.id, "content too large (413)")
            self._send(stream, refusal)
        if stream.state is State.HALF_CLOSED_LOCAL:
            # "A server MAY request that the client abort transmission of a request without error
            # by sending a RST_STREAM with an error code of NO_ERROR after sending a complete
            # response" (8.1).
            self._streams.reset(stream.id, ErrorCode.NO_ERROR)
